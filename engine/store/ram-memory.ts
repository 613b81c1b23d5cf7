import { AllocationMap } from './allocation-map.js';
import { nativeCalls } from './native.js';

/** V8 makes no typed array over 4 GiB in Node 20, so a store is made of segments; each is resident only where it was touched. */
export const RAM_SEGMENT_BYTES = 1024 * 1024 * 1024;
/** What Linux gives and takes back at once; larger only where its pages are. Measured: a larger granule makes no write faster. */
const GRANULE_BYTES_MIN = 4096;

/** `[skew | bytes | bit map of the granules]` in one piece of shared memory. */
export interface RamSegmentShape {
  readonly memory: SharedArrayBuffer;
  /** V8 begins shared memory anywhere; from here on its pages and our granules are the same. */
  readonly skewBytes: number;
  /** Whole granules. */
  readonly lengthBytes: number;
}

/** Everything a thread needs to see the same memory. */
export interface RamShape {
  /** Each segment begins in a cell of so many bytes and none goes beyond it; a store that grew has several in one. */
  readonly cellBytes: number;
  readonly granuleBytes: number;
  readonly segments: readonly RamSegmentShape[];
  /** How many granules have space: one Int32. */
  readonly usedCount: SharedArrayBuffer;
  readonly spaceBytes: number | null;
}

export function ramGranuleBytes(): number {
  return Math.max(GRANULE_BYTES_MIN, nativeCalls()?.pageBytes ?? 0);
}

/** Throws what `SharedArrayBuffer` throws. `lengthBytes` is rounded up to granules. */
export function allocateRamSegment(lengthBytes: number, granuleBytes: number): RamSegmentShape {
  const native = nativeCalls();
  const granuleCount = Math.ceil(lengthBytes / granuleBytes);
  const wholeBytes = granuleCount * granuleBytes;
  const memory = new SharedArrayBuffer(granuleBytes + wholeBytes + AllocationMap.lengthBytes(granuleCount));
  const beyondPage = native === null ? 0 : Number(native.addressOf(new Uint8Array(memory)) % BigInt(granuleBytes));
  return { memory, skewBytes: beyondPage === 0 ? 0 : granuleBytes - beyondPage, lengthBytes: wholeBytes };
}

/** A segment as one thread sees it. */
export class RamSegment {
  readonly bytes: Uint8Array;
  readonly map: AllocationMap;
  /** In the store. */
  readonly startBytes: number;
  readonly endBytes: number;
  #releasable: boolean | null = null;

  constructor(shape: RamSegmentShape, startBytes: number, granuleBytes: number) {
    const { memory, skewBytes, lengthBytes } = shape;
    this.bytes = new Uint8Array(memory, skewBytes, lengthBytes);
    const wordCount = AllocationMap.lengthBytes(lengthBytes / granuleBytes) / Int32Array.BYTES_PER_ELEMENT;
    this.map = new AllocationMap(new Int32Array(memory, skewBytes + lengthBytes, wordCount));
    this.startBytes = startBytes;
    this.endBytes = startBytes + lengthBytes;
  }

  /** Makes whole granules read as zeros and gives their pages back, where the system lets us. */
  release(startBytes: number, endBytes: number): void {
    const native = nativeCalls();
    const range = this.bytes.subarray(startBytes, endBytes);
    if (native !== null) {
      this.#releasable ??= native.addressOf(this.bytes) % BigInt(native.pageBytes) === 0n;
      if (this.#releasable) {
        try {
          native.releasePages(range);
          return;
        } catch {
          // Pages that are locked into memory stay: mlockall(2).
          this.#releasable = false;
        }
      }
    }
    fillWithZeros(range);
  }
}

const zeros = new Uint8Array(64 * 1024);

/** `fill` goes byte by byte on shared memory: 18 µs against 5 µs for 64 KiB. */
export function fillWithZeros(bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; done += zeros.length) bytes.set(zeros.subarray(0, Math.min(zeros.length, bytes.length - done)), done);
}

/** The segments of a store and where each position lies. */
export class RamMemory {
  readonly segments: readonly RamSegment[];
  readonly granuleShift: number;
  readonly #cellBytes: number;
  readonly #firstOfCell: readonly number[];

  constructor(shape: RamShape) {
    this.#cellBytes = shape.cellBytes;
    this.granuleShift = Math.log2(shape.granuleBytes);
    const segments: RamSegment[] = [];
    const firstOfCell: number[] = [];
    let startBytes = 0;
    for (const [index, segment] of shape.segments.entries()) {
      if (startBytes % shape.cellBytes === 0) firstOfCell.push(index);
      segments.push(new RamSegment(segment, startBytes, shape.granuleBytes));
      startBytes += segment.lengthBytes;
    }
    this.segments = segments;
    this.#firstOfCell = firstOfCell;
  }

  /** The index of the segment that holds the byte at `positionBytes`; behind the last when there is none. */
  indexAt(positionBytes: number): number {
    let index = this.#firstOfCell[Math.floor(positionBytes / this.#cellBytes)] ?? this.segments.length;
    while (index < this.segments.length && positionBytes >= (this.segments[index] as RamSegment).endBytes) index++;
    return index;
  }
}
