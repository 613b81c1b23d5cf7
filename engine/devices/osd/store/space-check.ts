import { statfsSync } from 'node:fs';
import { ObjectStoreFault } from './object-store-fault.js';
import type { Records } from './records.js';

/** Space is granted in blocks of the file system, which has them of this length nearly everywhere. */
export const BLOCK_BYTES = 4096;

export function inBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** What a transaction takes of the file system besides what it is for: pages of LMDB that were copied. */
const TRANSACTION_BYTES = 64 * 1024;
/** The file system is asked at least this often, as others use it too. */
const BUDGET_BYTES_MAX = 64 * 1024 * 1024;
/** A share of LMDB's unused pages that is enough for a transaction, whichever of them cannot be used again yet. */
const UNUSED_BYTES_MIN = 4 * TRANSACTION_BYTES;
/** Of what is left, so much is used before it is asked again. */
const BUDGET_SHARE = 4;

export interface SpaceCheckOptions {
  readonly records: Records;
  readonly directory: string;
  readonly capacityBytes: bigint | null;
  /** Of the file system, kept for removing: a tree whose pages are copied before they change needs space to become smaller. */
  readonly reserveBytes: number;
  /** What the metadata may take without more of the file system; asked when little is left there. */
  readonly unusedBytes: () => number;
}

/** Keeps partitions within their quotas, the device within its capacity, and a reserve in the file system. */
export class SpaceCheck {
  readonly #records: Records;
  readonly #directory: string;
  readonly #capacityBytes: bigint | null;
  readonly #reserveBytes: number;
  readonly #unusedBytes: () => number;
  /** What may be taken before the file system is asked again. */
  #budgetBytes = 0;
  #isLow = false;

  constructor({ records, directory, capacityBytes, reserveBytes, unusedBytes }: SpaceCheckOptions) {
    this.#records = records;
    this.#directory = directory;
    this.#capacityBytes = capacityBytes;
    this.#reserveBytes = reserveBytes;
    this.#unusedBytes = unusedBytes;
  }

  /** Less is left in the file system than a few reserves, as of the last time that it was asked: what waits to be removed should be. */
  get isLow(): boolean {
    return this.#isLow;
  }

  /** A command that makes the store larger needs room beyond the reserve: `dataBytes` for files, and some for metadata. */
  admitGrowth(dataBytes: number): void {
    if (!this.hasRoom(dataBytes)) throw new ObjectStoreFault('no-space', 'the file system has no more space than is kept for removing objects');
  }

  /** For `isLow`, when the last time is long ago. */
  look(): void {
    this.#budgetBytes = Math.max(0, this.#budgetBytes - TRANSACTION_BYTES);
    if (this.#budgetBytes === 0) this.#measure();
  }

  #measure(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    const leftBytes = bavail * bsize - this.#reserveBytes;
    this.#isLow = leftBytes < BUDGET_SHARE * this.#reserveBytes;
    this.#budgetBytes = Math.max(0, Math.min(BUDGET_BYTES_MAX, Math.floor(leftBytes / BUDGET_SHARE)));
    return leftBytes;
  }

  hasRoom(dataBytes: number): boolean {
    const neededBytes = dataBytes + TRANSACTION_BYTES;
    if (this.#budgetBytes < neededBytes) {
      const leftBytes = this.#measure();
      if (leftBytes < neededBytes) return (dataBytes === 0 || leftBytes >= dataBytes) && this.#unusedBytes() >= UNUSED_BYTES_MIN;
    }
    this.#budgetBytes = Math.max(0, this.#budgetBytes - neededBytes);
    return true;
  }

  /** Whether space is bounded by more than the file system. */
  isBounded(partitionId: bigint): boolean {
    return this.#capacityBytes !== null || this.#quotaOf(partitionId) !== null;
  }

  /** Whether `bytes` more may be taken in a partition (0: the root's own attributes). */
  admit(partitionId: bigint, bytes: number): void {
    if (bytes <= 0) return;
    const quota = this.#quotaOf(partitionId);
    if (quota !== null && BigInt(this.#records.partition(partitionId).usedBytes + bytes) > quota) {
      throw new ObjectStoreFault('quota-capacity', 'the partition would take more space than its quota');
    }
    if (this.#capacityBytes !== null && BigInt(this.#records.root().usedBytes + bytes) > this.#capacityBytes) {
      throw new ObjectStoreFault('no-space', 'the device would take more space than it has');
    }
  }

  capacity(): { totalBytes: bigint; usedBytes: bigint; freeBytes: bigint } {
    const { bavail, bsize } = statfsSync(this.#directory, { bigint: true });
    const besidesBytes = bavail * bsize - BigInt(this.#reserveBytes);
    const availableBytes = besidesBytes > 0n ? besidesBytes : 0n;
    const usedBytes = BigInt(this.#records.root().usedBytes);
    const totalBytes = this.#capacityBytes ?? usedBytes + availableBytes;
    const leftBytes = totalBytes > usedBytes ? totalBytes - usedBytes : 0n;
    return { totalBytes, usedBytes, freeBytes: leftBytes < availableBytes ? leftBytes : availableBytes };
  }

  #quotaOf(partitionId: bigint): bigint | null {
    return partitionId === 0n ? null : (this.#records.partition(partitionId).capacityBytesMax ?? this.#records.root().capacityBytesMax);
  }
}
