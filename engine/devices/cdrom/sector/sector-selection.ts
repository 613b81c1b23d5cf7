import { EDC_ECC_BYTES, HEADER_BYTES, mode1Sector, SYNC_BYTES, USER_DATA_BYTES } from './mode1-sector.js';
import { FORMATTED_Q_BYTES, formattedQ, RAW_SUB_CHANNEL_BYTES, rawSubChannel, type SectorPlace } from './sub-channel.js';

/*
 * Which parts of a sector READ CD returns, MMC-6 "READ CD command", byte 9 of its CDB:
 *
 *     | SYNC | HEADER CODES (2) | USER DATA | EDC & ECC | C2 ERROR INFORMATION (2) | . |
 */
const SYNC_BIT = 0x80;
const HEADER_BIT = 0x20;
const SUB_HEADER_BIT = 0x40;
const USER_DATA_BIT = 0x10;
const EDC_ECC_BIT = 0x08;
const C2_MASK = 0x06;
const C2_SHIFT = 1;
/** One bit for each byte of the raw sector; with the block error byte and padding two more. */
const C2_BYTES = [0, 294, 296] as const;

export const SubChannel = { none: 0, raw: 1, q: 2, rToW: 4 } as const;

/** The parts of a Mode 1 sector that were asked for: pieces of the raw sector by their place, and what comes behind. */
export interface SectorSelection {
  readonly pieces: readonly (readonly [from: number, to: number])[];
  readonly c2Bytes: number;
  readonly subChannel: number;
  readonly sectorBytes: number;
}

const HEADER_END = SYNC_BYTES + HEADER_BYTES;
const USER_DATA_END = HEADER_END + USER_DATA_BYTES;

/**
 * Null where the fields cannot be together: what is returned of a sector is in one piece, but that a sub-header, which Mode 1 has not, is nothing. MMC-6
 * "READ CD command", number of bytes returned.
 */
export function selectSector(flags: number, subChannel: number): SectorSelection | null {
  const has = (bit: number) => (flags & bit) !== 0;
  const c2Bytes = C2_BYTES[(flags & C2_MASK) >> C2_SHIFT];
  const isSubChannelKnown = (Object.values(SubChannel) as number[]).includes(subChannel);
  if (c2Bytes === undefined || !isSubChannelKnown) return null;
  if (has(SYNC_BIT) && !has(HEADER_BIT) && has(SUB_HEADER_BIT | USER_DATA_BIT | EDC_ECC_BIT)) return null;
  if (has(EDC_ECC_BIT) && !has(USER_DATA_BIT)) return null;
  const pieces = [
    [SYNC_BIT, 0, SYNC_BYTES],
    [HEADER_BIT, SYNC_BYTES, HEADER_END],
    [USER_DATA_BIT, HEADER_END, USER_DATA_END],
    [EDC_ECC_BIT, USER_DATA_END, USER_DATA_END + EDC_ECC_BYTES],
  ] as const;
  const chosen = pieces.filter(([bit]) => has(bit)).map(([, from, to]) => [from, to] as const);
  const subChannelBytes = subChannel === SubChannel.none ? 0 : subChannel === SubChannel.q ? FORMATTED_Q_BYTES : RAW_SUB_CHANNEL_BYTES;
  const sectorBytes = chosen.reduce((sum, [from, to]) => sum + to - from, 0) + c2Bytes + subChannelBytes;
  return { pieces: chosen, c2Bytes, subChannel, sectorBytes };
}

/** Whether nothing but the user data is wanted, which needs no sector to be made. */
export function isUserDataAlone({ pieces, sectorBytes }: SectorSelection): boolean {
  return pieces.length === 1 && pieces[0]?.[0] === HEADER_END && sectorBytes === USER_DATA_BYTES;
}

/** Writes what was selected of a sector to `target` at `at`; C2 flags are zero, as nothing is ever in error. */
export function writeSelected(target: Uint8Array, at: number, selection: SectorSelection, userData: Uint8Array, place: SectorPlace): void {
  let next = at;
  if (isUserDataAlone(selection)) {
    target.set(userData, at);
    return;
  }
  const sector = mode1Sector(place.lba, userData);
  for (const [from, to] of selection.pieces) {
    target.set(sector.subarray(from, to), next);
    next += to - from;
  }
  target.fill(0, next, at + selection.sectorBytes);
  next += selection.c2Bytes;
  if (selection.subChannel === SubChannel.q) target.set(formattedQ(place), next);
  if (selection.subChannel === SubChannel.raw) target.set(rawSubChannel(place), next);
}
