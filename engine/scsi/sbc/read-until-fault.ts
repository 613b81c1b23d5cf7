import type { Medium } from '../medium.js';

/**
 * Reads logical blocks into `target` from `targetStart` on and answers how many could be read before the first that could
 * not: `lbaCount` when all could. What lies before that one is in place then.
 */
export function readUntilFault(medium: Medium, target: Uint8Array, targetStart: number, lba: number, lbaCount: number): number {
  return canRead(medium, target, targetStart, lba, lbaCount) ? lbaCount : findFault(medium, target, targetStart, lba, lbaCount);
}

function canRead({ store, blockLengthBytes }: Medium, target: Uint8Array, targetStart: number, lba: number, lbaCount: number): boolean {
  return store.read(target, targetStart, lbaCount * blockLengthBytes, lba * blockLengthBytes) >= 0;
}

/** A store says that a read failed and not where: halves are tried until the block is found. */
function findFault(medium: Medium, target: Uint8Array, targetStart: number, lba: number, lbaCount: number): number {
  let readCount = 0;
  let end = lbaCount;
  while (readCount < lbaCount) {
    // What had failed was read this time: the rest is still to be looked at.
    if (readCount === end) end = lbaCount;
    const tryCount = Math.ceil((end - readCount) / 2);
    if (canRead(medium, target, targetStart + readCount * medium.blockLengthBytes, lba + readCount, tryCount)) readCount += tryCount;
    else if (tryCount === 1) return readCount;
    else end = readCount + tryCount;
  }
  return lbaCount;
}
