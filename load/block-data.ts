import { loadLimits } from './limits.js';
import { mixWords, SeededRandom } from './seeded-random.js';

/*
 * What a written block holds, big-endian:
 *
 *   Byte 0 +------------------------------------------+
 *        0 | LBA                                      |
 *        8 | number of the WRITE command, from 1      |
 *       16 | seed                                     |
 *       24 | "lunloom" and a zero byte                |
 *       32 | bytes drawn from seed, LBA and number    |
 *          /  to the end of the block                 /
 *          +------------------------------------------+
 */
export const BLOCK_HEADER = { lba: 0, writeNumber: 8, seed: 16, tag: 24, body: 32 } as const;
const TAG_HIGH = 0x6c756e6c;
const TAG_LOW = 0x6f6f6d00;
const WORD_RANGE = 2 ** 32;
/** Numbers start anew behind it. */
export const WRITE_NUMBER_MAX = 0xffffffff;
/** Bytes that a report of wrong data shows. */
const SHOWN_BYTES = 16;

/** The first byte of a read that is not what was written there. */
export interface Mismatch {
  /** Of the block that holds it. */
  readonly lba: number;
  /** Of the byte within its block. */
  readonly offsetBytes: number;
  readonly expected: number;
  readonly found: number;
  /** From the wrong byte on, up to 16. */
  readonly expectedBytes: Buffer;
  readonly foundBytes: Buffer;
  /** What the block seems to hold instead. */
  readonly diagnosis: string;
}

/** Knows which write a block must come from. */
export interface WriteNumbers {
  /** Number of the last write of a block, 0 when that is not known. */
  writeNumberOf(lba: number): number;
}

/** Data that says of each block where it belongs, which write brought it and with which seed. */
export class BlockData {
  /** Blocks that `check` has compared and found right. */
  rightBlockCount = 0;
  readonly #seed: number;
  readonly #blockLengthBytes: number;
  readonly #image: Buffer;
  readonly #expected: Buffer;

  constructor(seed: number, blockLengthBytes: number) {
    this.#seed = seed;
    this.#blockLengthBytes = blockLengthBytes;
    this.#image = randomBytes(seed, loadLimits.imageBytes + blockLengthBytes);
    this.#expected = Buffer.alloc(blockLengthBytes);
  }

  /** Writes the blocks from `lba` on into `buffer` from its start. */
  fill(buffer: Buffer, lba: number, lbaCount: number, writeNumber: number): void {
    const lengthBytes = this.#blockLengthBytes;
    for (let index = 0; index < lbaCount; index++) this.#fillBlock(buffer, index * lengthBytes, lba + index, writeNumber);
  }

  #fillBlock(buffer: Buffer, at: number, lba: number, writeNumber: number): void {
    writeNumber64(buffer, at + BLOCK_HEADER.lba, lba);
    writeNumber64(buffer, at + BLOCK_HEADER.writeNumber, writeNumber);
    writeNumber64(buffer, at + BLOCK_HEADER.seed, this.#seed);
    buffer.writeUInt32BE(TAG_HIGH, at + BLOCK_HEADER.tag);
    buffer.writeUInt32BE(TAG_LOW, at + BLOCK_HEADER.tag + 4);
    const from = this.#bodyOffset(lba, writeNumber);
    this.#image.copy(buffer, at + BLOCK_HEADER.body, from, from + this.#blockLengthBytes - BLOCK_HEADER.body);
  }

  /** Where in the image the body of a block begins: different for another LBA and for another write of the same. */
  #bodyOffset(lba: number, writeNumber: number): number {
    return mixWords(lba >>> 0, Math.floor(lba / WORD_RANGE), writeNumber >>> 0) % loadLimits.imageBytes;
  }

  /**
   * Compares the first `lengthBytes` of what was read from `lba` on. With `writes`, a block must come from its last write, and
   * one whose last write is not known is passed over; without, any write with this seed will do. Null when all is right.
   */
  check(buffer: Buffer, lba: number, lengthBytes: number, writes: WriteNumbers | null): Mismatch | null {
    const blockLengthBytes = this.#blockLengthBytes;
    for (let at = 0; at < lengthBytes; at += blockLengthBytes, lba++) {
      let writeNumber: number;
      if (writes === null) {
        writeNumber = plausibleNumber(readNumber64(buffer, at + BLOCK_HEADER.writeNumber));
      } else {
        writeNumber = writes.writeNumberOf(lba);
        if (writeNumber === 0) continue;
      }
      const end = Math.min(at + blockLengthBytes, lengthBytes);
      this.#fillBlock(this.#expected, 0, lba, writeNumber);
      if (buffer.compare(this.#expected, 0, end - at, at, end) !== 0) return this.#describe(buffer, at, end, lba, writeNumber);
      this.rightBlockCount++;
    }
    return null;
  }

  #describe(buffer: Buffer, at: number, end: number, lba: number, writeNumber: number): Mismatch {
    let offsetBytes = 0;
    while (buffer[at + offsetBytes] === this.#expected[offsetBytes]) offsetBytes++;
    const shownEnd = Math.min(offsetBytes + SHOWN_BYTES, end - at);
    return {
      lba,
      offsetBytes,
      expected: this.#expected[offsetBytes] as number,
      found: buffer[at + offsetBytes] as number,
      expectedBytes: Buffer.from(this.#expected.subarray(offsetBytes, shownEnd)),
      foundBytes: Buffer.from(buffer.subarray(at + offsetBytes, at + shownEnd)),
      diagnosis: this.#diagnose(buffer, at, lba, writeNumber),
    };
  }

  #diagnose(buffer: Buffer, at: number, lba: number, writeNumber: number): string {
    if (buffer.readUInt32BE(at + BLOCK_HEADER.tag) !== TAG_HIGH || buffer.readUInt32BE(at + BLOCK_HEADER.tag + 4) !== TAG_LOW) {
      return buffer.subarray(at, at + this.#blockLengthBytes).every((byte) => byte === 0)
        ? 'the block is all zeros'
        : 'the block does not begin as one that disktest -E wrote';
    }
    const foundLba = readNumber64(buffer, at + BLOCK_HEADER.lba);
    const foundNumber = readNumber64(buffer, at + BLOCK_HEADER.writeNumber);
    const foundSeed = readNumber64(buffer, at + BLOCK_HEADER.seed);
    if (foundSeed !== this.#seed) return `the block was written with seed ${foundSeed}, not ${this.#seed}`;
    if (foundLba !== lba) return `the block holds what was written to LBA ${foundLba}`;
    if (foundNumber !== writeNumber) return `the block holds what write ${foundNumber} put there, not ${writeNumber}, the last one`;
    return `the block says that it is of write ${foundNumber}, but its data is not`;
  }
}

/** Random bytes that a seed brings forth: what block data is cut from, and all that writes carry which nobody compares. */
export function randomBytes(seed: number, lengthBytes: number): Buffer {
  const random = new SeededRandom(seed);
  const words = new Uint32Array(Math.ceil(lengthBytes / 4));
  for (let index = 0; index < words.length; index++) words[index] = random.uint32();
  return Buffer.from(words.buffer, 0, lengthBytes);
}

/** What was never the number of a write cannot be put into a header to compare with; then any number shows the difference. */
function plausibleNumber(writeNumber: number): number {
  return writeNumber >= 1 && writeNumber <= WRITE_NUMBER_MAX ? writeNumber : 1;
}

function writeNumber64(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt32BE(Math.floor(value / WORD_RANGE), at);
  buffer.writeUInt32BE(value >>> 0, at + 4);
}

/** Above 2^53 it rounds; such a number was never written. */
function readNumber64(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * WORD_RANGE + buffer.readUInt32BE(at + 4);
}
