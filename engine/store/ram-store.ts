import { assert, TargetError } from '../errors.js';
import { allocateRamSegment, RAM_SEGMENT_BYTES, RamMemory, type RamSegment, type RamSegmentShape, ramGranuleBytes } from './ram-memory.js';
import { RamProvisioning } from './ram-provisioning.js';
import { assertRange, assertSize, assertSpace } from './range.js';
import { SpaceAccount } from './space-account.js';
import { type BackingStore, type Durability, type StoreDescriptor, StoreFault, type StoreView } from './store.js';

/**
 * Each segment is a mapping of the process, of which Linux grants 65,530 (vm.max_map_count). Taking them all makes
 * unrelated allocations fail fatally, long before a `SharedArrayBuffer` throws.
 */
const RAM_SEGMENT_COUNT_MAX = 4096;

export { RAM_SEGMENT_BYTES } from './ram-memory.js';

export type RamStoreDescriptor = Extract<StoreDescriptor, { kind: 'ram' }>;

export interface RamStoreOptions {
  readonly sizeBytes: number;
  readonly readOnly?: boolean;
  /** Space that may be taken, in whole granules; as much as the size where it is left out. */
  readonly spaceBytes?: number;
  readonly blockLengthBytes?: number;
  /** Only tests make it smaller than `RAM_SEGMENT_BYTES`: whole granules. */
  readonly segmentBytes?: number;
}

/** Allocates a store of zeroes. Throws `TargetError` `STORE_SIZE_INVALID`, `STORE_SPACE_INVALID` or `STORE_NO_MEMORY`. */
export function openRamStore(options: RamStoreOptions): RamStore {
  const { sizeBytes, readOnly = false, spaceBytes, blockLengthBytes, segmentBytes = RAM_SEGMENT_BYTES } = options;
  assertSize(sizeBytes, 'a ram store', blockLengthBytes);
  assertSpace(spaceBytes, 'a ram store');
  const granuleBytes = ramGranuleBytes();
  assert(segmentBytes % granuleBytes === 0, 'segments are whole granules');
  const shape = { cellBytes: segmentBytes, granuleBytes, usedCount: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT), spaceBytes: spaceBytes ?? null };
  return new RamStore({ kind: 'ram', sizeBytes, readOnly, ...shape, segments: extendSegments([], sizeBytes, segmentBytes, granuleBytes) });
}

/** `segments` and behind them as many more as `sizeBytes` needs, none across the border of a cell. */
function extendSegments(segments: readonly RamSegmentShape[], sizeBytes: number, cellBytes: number, granuleBytes: number): RamSegmentShape[] {
  const all = [...segments];
  let coveredBytes = segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const segmentCount = all.length + Math.max(0, Math.ceil((sizeBytes - coveredBytes) / cellBytes));
  if (segmentCount > RAM_SEGMENT_COUNT_MAX) {
    throw new TargetError('STORE_NO_MEMORY', `a ram store has at most ${RAM_SEGMENT_COUNT_MAX * cellBytes} bytes, not ${sizeBytes}`);
  }
  while (coveredBytes < sizeBytes) {
    const lengthBytes = Math.min(cellBytes - (coveredBytes % cellBytes), sizeBytes - coveredBytes);
    const segment = allocateSegment(lengthBytes, sizeBytes, granuleBytes);
    all.push(segment);
    coveredBytes += segment.lengthBytes;
  }
  return all;
}

function allocateSegment(lengthBytes: number, sizeBytes: number, granuleBytes: number): RamSegmentShape {
  try {
    return allocateRamSegment(lengthBytes, granuleBytes);
  } catch (cause) {
    throw new TargetError('STORE_NO_MEMORY', `a ram store of ${sizeBytes} bytes does not fit the address space this process may use`, { cause });
  }
}

/** Memory that every thread shares. Nothing survives the process. */
export class RamStore implements BackingStore {
  readonly kind = 'ram';
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly provisioning: RamProvisioning;
  readonly sparse = true;
  readonly durability: Durability = 'none';
  readonly alignmentBytes = 1;
  readonly blocking = false;
  readonly descriptor: RamStoreDescriptor;
  readonly #memory: RamMemory;
  readonly #segments: readonly RamSegment[];
  readonly #granuleShift: number;

  constructor(descriptor: RamStoreDescriptor) {
    assert(descriptor.segments.length > 0, 'a ram store has a segment');
    const { sizeBytes, readOnly, granuleBytes, spaceBytes } = descriptor;
    this.descriptor = descriptor;
    this.sizeBytes = sizeBytes;
    this.readOnly = readOnly;
    this.#memory = new RamMemory(descriptor);
    this.#segments = this.#memory.segments;
    this.#granuleShift = this.#memory.granuleShift;
    const account = new SpaceAccount(descriptor.usedCount, spaceBytes === null ? null : Math.floor(spaceBytes / granuleBytes));
    this.provisioning = new RamProvisioning({ memory: this.#memory, account, sizeBytes, granuleBytes, spaceBytes, readOnly });
  }

  read(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    assertRange(positionBytes, lengthBytes, this.sizeBytes);
    let index = this.#memory.indexAt(positionBytes);
    let done = 0;
    while (done < lengthBytes) {
      const { bytes, startBytes } = this.#segments[index] as RamSegment;
      const start = positionBytes + done - startBytes;
      const count = Math.min(lengthBytes - done, bytes.length - start);
      // Measured on cold 4 KiB and 64 KiB pieces: no slower than Buffer.copy, and typed arrays need no Buffer.
      target.set(bytes.subarray(start, start + count), targetOffset + done);
      done += count;
      index++;
    }
    return lengthBytes;
  }

  /** `durable` asks for more than memory can give; `durability` says so. Without space for all of it nothing is written. */
  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, _durable: boolean): number {
    assertRange(positionBytes, lengthBytes, this.sizeBytes);
    assert(sourceOffset + lengthBytes <= source.length, 'the source holds what is to be written');
    if (this.readOnly) return StoreFault.readOnly;
    let index = this.#memory.indexAt(positionBytes);
    if (lengthBytes === 0) return 0;
    if (!this.#hasSpace(this.#segments[index] as RamSegment, positionBytes, lengthBytes)) {
      const fault = this.provisioning.take(positionBytes, lengthBytes);
      if (fault !== 0) return fault;
    }
    let done = 0;
    while (done < lengthBytes) {
      const { bytes, startBytes } = this.#segments[index] as RamSegment;
      const start = positionBytes + done - startBytes;
      const count = Math.min(lengthBytes - done, bytes.length - start);
      bytes.set(source.subarray(sourceOffset + done, sourceOffset + done + count), start);
      done += count;
      index++;
    }
    return lengthBytes;
  }

  /** False as well for a range beyond the segment: `take` knows those. */
  #hasSpace(segment: RamSegment, positionBytes: number, lengthBytes: number): boolean {
    const start = positionBytes - segment.startBytes;
    if (start + lengthBytes > segment.bytes.length) return false;
    return segment.map.holdsAll(start >>> this.#granuleShift, (start + lengthBytes - 1) >>> this.#granuleShift);
  }

  flush(): number {
    return 0;
  }

  view(positionBytes: number, lengthBytes: number): StoreView | null {
    assertRange(positionBytes, lengthBytes, this.sizeBytes);
    const segment = this.#segments[this.#memory.indexAt(positionBytes)];
    // A range of no bytes at the very end lies in no segment.
    if (segment === undefined || positionBytes + lengthBytes > segment.endBytes) return null;
    return { bytes: segment.bytes, offset: positionBytes - segment.startBytes };
  }

  /**
   * The same memory with another end; this store stays usable up to the nearer of the two ends. What lies behind a nearer end is gone:
   * nobody may use it any more when this is called. Throws `TargetError` as `openRamStore` does.
   */
  resized(sizeBytes: number, blockLengthBytes?: number): RamStore {
    assertSize(sizeBytes, 'a ram store', blockLengthBytes);
    const { cellBytes, granuleBytes, segments } = this.descriptor;
    if (sizeBytes >= this.sizeBytes) {
      return new RamStore({ ...this.descriptor, sizeBytes, segments: extendSegments(segments, sizeBytes, cellBytes, granuleBytes) });
    }
    const writable = this.readOnly ? new RamStore({ ...this.descriptor, readOnly: false }) : this;
    writable.provisioning.unmap(sizeBytes, this.sizeBytes - sizeBytes, false);
    const keptCount = this.#memory.indexAt(sizeBytes - 1) + 1;
    return new RamStore({ ...this.descriptor, sizeBytes, segments: segments.slice(0, keptCount) });
  }

  /** The memory goes when the last thread drops it. */
  close(): void {}
}
