import { fstatSync } from 'node:fs';
import { faultOf } from './file-io.js';
import { StoreFault } from './store.js';

/** What every thread knows of the space of a file or a device. */
export interface FileSpaceShape {
  readonly isBlockDevice: boolean;
  readonly sparse: boolean;
  readonly granularityBytes: number;
  readonly punchable: boolean;
  /** What configuration grants. */
  readonly spaceBytes: number | null;
  /** One Int32: granules that may be written before the file is measured again. */
  readonly budget: SharedArrayBuffer;
}

/** `st_blocks` counts in these whatever the file system has. stat(2). */
const STAT_BLOCK_BYTES = 512;
/** The file is measured at least this often, as metadata take space too and nobody counts them here. */
const BUDGET_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes that the file occupies. Throws what `node:fs` throws. */
export function occupiedBytes(fd: number): number {
  return Number(fstatSync(fd, { bigint: true }).blocks) * STAT_BLOCK_BYTES;
}

/**
 * Keeps a file within the space that configuration grants.
 *
 * A write takes its length off a budget that all threads share, which costs one atomic; the file is asked only when the budget is
 * used up. So the bound is approximate: writes that are under way together may pass it by their length together, and what the file
 * system takes for itself is noticed at the next measuring.
 */
export class FileSpace {
  readonly #fd: number;
  readonly #spaceBytes: number;
  readonly #granuleBytes: number;
  readonly #budget: Int32Array;
  readonly #missingBytes: (positionBytes: number, lengthBytes: number) => number;

  /** `missingBytes` tells how many bytes of a range have no space. */
  constructor(fd: number, shape: FileSpaceShape, spaceBytes: number, missingBytes: (positionBytes: number, lengthBytes: number) => number) {
    this.#fd = fd;
    this.#spaceBytes = spaceBytes;
    this.#granuleBytes = shape.granularityBytes;
    this.#budget = new Int32Array(shape.budget);
    this.#missingBytes = missingBytes;
  }

  /** Whether the range may be written. Answers 0 or a `StoreFault`. */
  admit(positionBytes: number, lengthBytes: number): number {
    const granuleCount = this.#granulesOf(positionBytes, lengthBytes);
    if (Atomics.sub(this.#budget, 0, granuleCount) >= granuleCount) return 0;
    try {
      return this.#admitMeasured(positionBytes, lengthBytes, granuleCount);
    } catch (error) {
      return faultOf(error, false);
    }
  }

  #admitMeasured(positionBytes: number, lengthBytes: number, granuleCount: number): number {
    const leftBytes = Math.max(0, this.#spaceBytes - occupiedBytes(this.#fd));
    const leftCount = Math.floor(Math.min(leftBytes, BUDGET_BYTES_MAX) / this.#granuleBytes);
    Atomics.store(this.#budget, 0, Math.max(0, leftCount - granuleCount));
    if (granuleCount * this.#granuleBytes <= leftBytes) return 0;
    // Not enough for a range without any space; what has space already may be written for ever.
    return this.#missingBytes(positionBytes, lengthBytes) <= leftBytes ? 0 : StoreFault.noSpace;
  }

  #granulesOf(positionBytes: number, lengthBytes: number): number {
    return Math.ceil(((positionBytes % this.#granuleBytes) + lengthBytes) / this.#granuleBytes);
  }
}
