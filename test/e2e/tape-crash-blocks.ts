import type { TapeService } from '../../engine/devices/tape/image/tape-service.js';

export const CRASH_CAPACITY_BYTES = 16 * 1024 * 1024;
const TARGET_BYTES = 512 * 1024;

/** What is written as object `number` in a life of the writer. */
export function crashBlock(cycle: number, number: number, lengthBytes: number): Buffer {
  return Buffer.alloc(lengthBytes, `${cycle}.${number} `);
}

/** An object in a word: `mark`, the life and the length of a block, or what is wrong with it. */
export function crashWord(cycle: number, lengthBytes: number): string {
  return `${cycle}:${lengthBytes}`;
}

/** All objects of a tape, each in a word. */
export function crashWords(drive: TapeService): string[] {
  drive.rewind();
  const target = Buffer.alloc(TARGET_BYTES);
  const words: string[] = [];
  for (;;) {
    const { stop, transferredBytes, fault } = drive.readBlock(target);
    if (stop === 'endOfData' || stop === 'endOfPartition') return words;
    if (stop === 'filemark') words.push('mark');
    else if (stop !== 'done') words.push(JSON.stringify(fault));
    else words.push(blockWord(target.subarray(0, transferredBytes), words.length));
  }
}

function blockWord(block: Buffer, number: number): string {
  const cycle = Number.parseInt(block.toString('latin1', 0, 8), 10);
  return crashBlock(cycle, number, block.length).equals(block) ? crashWord(cycle, block.length) : `torn at ${number}`;
}
