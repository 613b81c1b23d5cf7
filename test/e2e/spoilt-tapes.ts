import { readFileSync, writeFileSync } from 'node:fs';
import { crc32cTables } from '../../engine/pdu/digest.js';

/** What stands where is in docs/devices/tape-format.md. */
const HEADER_OFFSETS = [0, 12288];
const SUPERBLOCK_OFFSETS = [4096, 8192];
const STRUCTURE_BYTES = 4096;
const VERSION_AT = 8;
const CRC_AT = 12;
const VALUES_AT = 40;
const NEXT_VERSION = 2;

function change(path: string, offsets: readonly number[], work: (structure: Buffer) => void): void {
  const image = readFileSync(path);
  for (const offset of offsets) work(image.subarray(offset, offset + STRUCTURE_BYTES));
  writeFileSync(path, image);
}

/** Both headers of a version to come, whole as they would be. */
export function makeTapeNewer(path: string): void {
  change(path, HEADER_OFFSETS, (header) => {
    header.writeUInt32BE(NEXT_VERSION, VERSION_AT);
    header.writeUInt32BE(0, CRC_AT);
    header.writeUInt32BE(crc32cTables(header, 0, header.length), CRC_AT);
  });
}

export function spoilTapeHeaders(path: string): void {
  change(path, HEADER_OFFSETS, (header) => {
    header.fill(0xff, VALUES_AT, VALUES_AT + 64);
  });
}

export function spoilTapeSuperblocks(path: string): void {
  change(path, SUPERBLOCK_OFFSETS, (superblock) => {
    superblock.fill(0xff);
  });
}
