import { crc32c } from '../../engine/pdu/digest.js';

/**
 * A block that tells who wrote it, and whether it is whole:
 *
 *     0      4      8      12           16                       length
 *     | LBA  |writer| gen. | CRC32C (a) | noise that follows from these |
 *
 * (a) over the whole block with this field zero. All words big-endian.
 */
const OFFSET = { lba: 0, writer: 4, generation: 8, checksum: 12, noise: 16 } as const;

export interface BlockStamp {
  readonly lba: number;
  readonly writer: number;
  readonly generation: number;
}

/** Fills `block` of a length that is a multiple of four. */
export function writeStamped(block: Buffer, { lba, writer, generation }: BlockStamp): void {
  block.writeUInt32BE(lba, OFFSET.lba);
  block.writeUInt32BE(writer, OFFSET.writer);
  block.writeUInt32BE(generation, OFFSET.generation);
  block.writeUInt32BE(0, OFFSET.checksum);
  // Xorshift: every word differs from that of another write, so halves of two never make a whole.
  let word = (Math.imul(lba + 1, 0x9e3779b1) ^ Math.imul(writer + 1, 0x85ebca6b) ^ Math.imul(generation + 1, 0xc2b2ae35)) | 1;
  for (let at: number = OFFSET.noise; at < block.length; at += 4) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    block.writeInt32BE(word, at);
  }
  block.writeUInt32BE(crc32c(block, 0, block.length) >>> 0, OFFSET.checksum);
}

/** What the block says, or null when it is torn: its bytes are not all of one write. */
export function readStamped(block: Buffer): BlockStamp | null {
  const copy = Buffer.from(block);
  copy.writeUInt32BE(0, OFFSET.checksum);
  if (crc32c(copy, 0, copy.length) >>> 0 !== block.readUInt32BE(OFFSET.checksum)) return null;
  return { lba: block.readUInt32BE(OFFSET.lba), writer: block.readUInt32BE(OFFSET.writer), generation: block.readUInt32BE(OFFSET.generation) };
}
