import type { Provisioning, StoreExtent } from './provisioning.js';
import { fillWithZeros, type RamMemory, type RamSegment } from './ram-memory.js';
import type { SpaceAccount } from './space-account.js';
import { StoreFault } from './store.js';

export interface RamProvisioningParts {
  readonly memory: RamMemory;
  readonly account: SpaceAccount;
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly spaceBytes: number | null;
  readonly readOnly: boolean;
}

/** Which granules of a ram store have space: a bit map beside the bytes, so that all of it is exact at every moment and costs no system call to ask. */
export class RamProvisioning implements Provisioning {
  readonly granularityBytes: number;
  readonly spaceBytes: number | null;
  /** There is one bit a granule: to tell what was written since would cost every write another one. */
  readonly tellsAnchored = false;
  readonly #memory: RamMemory;
  readonly #account: SpaceAccount;
  readonly #sizeBytes: number;
  readonly #readOnly: boolean;

  constructor(parts: RamProvisioningParts) {
    this.granularityBytes = parts.granuleBytes;
    this.spaceBytes = parts.spaceBytes;
    this.#memory = parts.memory;
    this.#account = parts.account;
    this.#sizeBytes = parts.sizeBytes;
    this.#readOnly = parts.readOnly;
  }

  /** The last granule may reach beyond the end of the store. */
  get usedBytes(): number {
    return Math.min(this.#account.usedCount * this.granularityBytes, this.#sizeBytes);
  }

  /** `durable` asks for more than memory can give. */
  unmap(positionBytes: number, lengthBytes: number, _durable: boolean): number {
    if (this.#readOnly) return StoreFault.readOnly;
    let done = 0;
    while (done < lengthBytes) {
      const segment = this.#memory.segments[this.#memory.indexAt(positionBytes + done)] as RamSegment;
      const startBytes = positionBytes + done - segment.startBytes;
      const count = Math.min(lengthBytes - done, segment.bytes.length - startBytes);
      done += count;
      // What lies behind the end of the store in its last granule belongs to nobody.
      const endBytes = positionBytes + done === this.#sizeBytes ? segment.bytes.length : startBytes + count;
      this.#unmapIn(segment, startBytes, endBytes);
    }
    return 0;
  }

  #unmapIn(segment: RamSegment, startBytes: number, endBytes: number): void {
    const shift = this.#memory.granuleShift;
    const firstWhole = (startBytes + this.granularityBytes - 1) >>> shift;
    const wholeEnd = endBytes >>> shift;
    if (firstWhole > wholeEnd) {
      this.#zero(segment, startBytes, endBytes);
      return;
    }
    this.#zero(segment, startBytes, firstWhole << shift);
    for (let granule = firstWhole; granule < wholeEnd; ) {
      const last = segment.map.lastOfRun(granule, wholeEnd - 1);
      if (segment.map.has(granule)) {
        segment.release(granule << shift, (last + 1) * this.granularityBytes);
        // Cleared last: what has no bit reads as zeros.
        this.#account.giveBack(segment.map.clear(granule, last));
      }
      granule = last + 1;
    }
    this.#zero(segment, wholeEnd << shift, endBytes);
  }

  /** Part of one granule, whose other blocks may be written meanwhile. Without space it is zeros already. */
  #zero(segment: RamSegment, startBytes: number, endBytes: number): void {
    if (startBytes < endBytes && segment.map.has(startBytes >>> this.#memory.granuleShift)) fillWithZeros(segment.bytes.subarray(startBytes, endBytes));
  }

  anchor(positionBytes: number, lengthBytes: number): number {
    return this.#readOnly ? StoreFault.readOnly : this.take(positionBytes, lengthBytes);
  }

  /** Takes space for all granules that the range touches, or for none of them when it does not suffice. Answers 0 or `StoreFault.noSpace`. */
  take(positionBytes: number, lengthBytes: number): number {
    let missingCount = this.#countMissing(positionBytes, lengthBytes);
    while (!this.#account.take(missingCount)) {
      // Another thread may have taken space for some of them, in the blocks beside ours.
      const again = this.#countMissing(positionBytes, lengthBytes);
      if (again >= missingCount) return StoreFault.noSpace;
      missingCount = again;
    }
    let setCount = 0;
    this.#forEachPiece(positionBytes, lengthBytes, (segment, first, last) => {
      setCount += segment.map.set(first, last);
    });
    // Bits are cleared only by who holds all blocks of their granules, so no more are missing now than were counted.
    if (setCount !== missingCount) this.#account.giveBack(missingCount - setCount);
    return 0;
  }

  #countMissing(positionBytes: number, lengthBytes: number): number {
    let count = 0;
    this.#forEachPiece(positionBytes, lengthBytes, (segment, first, last) => {
      count += segment.map.countMissing(first, last);
    });
    return count;
  }

  #forEachPiece(positionBytes: number, lengthBytes: number, visit: (segment: RamSegment, first: number, last: number) => void): void {
    const { segments, granuleShift } = this.#memory;
    const endBytes = positionBytes + lengthBytes;
    for (let index = this.#memory.indexAt(positionBytes), at = positionBytes; at < endBytes; index++) {
      const segment = segments[index] as RamSegment;
      const pieceEnd = Math.min(endBytes, segment.endBytes);
      visit(segment, (at - segment.startBytes) >>> granuleShift, (pieceEnd - segment.startBytes - 1) >>> granuleShift);
      at = pieceEnd;
    }
  }

  extentAt(positionBytes: number, lengthBytes: number): StoreExtent {
    const { segments, granuleShift } = this.#memory;
    const endBytes = positionBytes + lengthBytes;
    let allocated: boolean | null = null;
    let at = positionBytes;
    for (let index = this.#memory.indexAt(positionBytes); at < endBytes; index++) {
      const { map, bytes, startBytes } = segments[index] as RamSegment;
      const granule = (at - startBytes) >>> granuleShift;
      allocated ??= map.has(granule);
      if (map.has(granule) !== allocated) break;
      const last = map.lastOfRun(granule, (bytes.length - 1) >>> granuleShift);
      at = startBytes + (last + 1) * this.granularityBytes;
      if (last < (bytes.length - 1) >>> granuleShift) break;
    }
    return { allocated: allocated ?? false, lengthBytes: Math.min(at, endBytes) - positionBytes };
  }
}
