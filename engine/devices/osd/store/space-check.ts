import { statfsSync } from 'node:fs';
import { ObjectStoreFault } from './object-store-fault.js';
import type { Records } from './records.js';

/** Space is granted in blocks of the file system, which has them of this length nearly everywhere. */
export const BLOCK_BYTES = 4096;

export function inBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Keeps partitions within their quotas and the device within its capacity. */
export class SpaceCheck {
  readonly #records: Records;
  readonly #directory: string;
  readonly #capacityBytes: bigint | null;

  constructor(records: Records, directory: string, capacityBytes: bigint | null) {
    this.#records = records;
    this.#directory = directory;
    this.#capacityBytes = capacityBytes;
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
    const availableBytes = bavail * bsize;
    const usedBytes = BigInt(this.#records.root().usedBytes);
    const totalBytes = this.#capacityBytes ?? usedBytes + availableBytes;
    const leftBytes = totalBytes > usedBytes ? totalBytes - usedBytes : 0n;
    return { totalBytes, usedBytes, freeBytes: leftBytes < availableBytes ? leftBytes : availableBytes };
  }

  #quotaOf(partitionId: bigint): bigint | null {
    return partitionId === 0n ? null : (this.#records.partition(partitionId).capacityBytesMax ?? this.#records.root().capacityBytesMax);
  }
}
