import type { BackingStore } from '../../../store/store.js';
import { BLOCK_LENGTH_BYTES, profiles } from './profile.js';

/* Volume recognition, ECMA-119 6.7 and 8.4, ECMA-167 2/8: descriptors of one sector each, from sector 16 on. */
const FIRST_DESCRIPTOR = 16;
const DESCRIPTOR_COUNT_MAX = 16;
const IDENTIFIER_AT = 1;
const PRIMARY = 1;
const VOLUME_SPACE_SIZE_AT = 80;
const LOGICAL_BLOCK_SIZE_AT = 128;
/** No disc has more. */
const DISC_BLOCKS_MAX = Math.max(...profiles.map(({ blockCountMax }) => blockCountMax));
const foreignIdentifiers: readonly string[] = ['BEA01', 'NSR02', 'NSR03', 'TEA01', 'BOOT2', 'CDW02'];

/** What an image says of itself. */
export interface IsoVolume {
  /** A descriptor of ISO 9660 or UDF was found. */
  readonly isKnown: boolean;
  /** Blocks of 2048 bytes that the primary volume descriptor says there are; null where there is none that can be believed. */
  readonly declaredBlocks: number | null;
}

/** Reads the descriptors of an image, which anybody may have made: nothing in them is taken for granted. */
export function readIsoVolume(store: BackingStore): IsoVolume {
  const sector = new Uint8Array(BLOCK_LENGTH_BYTES);
  let isKnown = false;
  for (let lba = FIRST_DESCRIPTOR; lba < FIRST_DESCRIPTOR + DESCRIPTOR_COUNT_MAX; lba++) {
    const positionBytes = lba * BLOCK_LENGTH_BYTES;
    if (positionBytes + BLOCK_LENGTH_BYTES > store.sizeBytes || store.read(sector, 0, BLOCK_LENGTH_BYTES, positionBytes) < 0) break;
    const identifier = Buffer.from(sector.subarray(IDENTIFIER_AT, IDENTIFIER_AT + 5)).toString('latin1');
    if (identifier === 'CD001' && sector[0] === PRIMARY) return { isKnown: true, declaredBlocks: declaredBlocksOf(sector) };
    if (identifier !== 'CD001' && !foreignIdentifiers.includes(identifier)) break;
    isKnown = true;
  }
  return { isKnown, declaredBlocks: null };
}

/** Both numbers stand there twice, in either byte order; where they differ, the descriptor is not believed. */
function declaredBlocksOf(sector: Uint8Array): number | null {
  const view = new DataView(sector.buffer);
  const blockCount = view.getUint32(VOLUME_SPACE_SIZE_AT, true);
  const blockLengthBytes = view.getUint16(LOGICAL_BLOCK_SIZE_AT, true);
  if (blockCount !== view.getUint32(VOLUME_SPACE_SIZE_AT + 4) || blockLengthBytes !== view.getUint16(LOGICAL_BLOCK_SIZE_AT + 2)) return null;
  if (![512, 1024, 2048].includes(blockLengthBytes)) return null;
  const declaredBlocks = Math.ceil((blockCount * blockLengthBytes) / BLOCK_LENGTH_BYTES);
  return declaredBlocks > DISC_BLOCKS_MAX ? null : declaredBlocks;
}
