import type { Provisioning, StoreExtent } from '../../../engine/store/provisioning.js';
import { StoreFault } from '../../../engine/store/store.js';
import { MemoryStore } from './memory-store.js';

/** A call to the provisioning of a store. */
export interface ProvisioningCall {
  readonly call: 'unmap' | 'anchor';
  readonly positionBytes: number;
  readonly lengthBytes: number;
  readonly durable?: boolean;
}

/** A memory store that knows which of its pieces have space: none at first, though it holds a pattern that only a write or an unmap replaces. */
export class ThinMemoryStore extends MemoryStore {
  readonly provisioningCalls: ProvisioningCall[] = [];
  readonly allocated = new Set<number>();
  /** Of those with space the ones that were not written since they got it. */
  readonly anchored = new Set<number>();
  tellsAnchored = true;
  spaceBytes: number | null = null;
  override readonly provisioning: Provisioning;
  readonly granularityBytes: number;

  constructor(sizeBytes: number, options: { granularityBytes?: number; claimedSizeBytes?: number } = {}) {
    super(sizeBytes, options);
    this.granularityBytes = options.granularityBytes ?? 4096;
    this.provisioning = this.#makeProvisioning();
  }

  override write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, durable: boolean): number {
    this.#take(positionBytes, lengthBytes, (piece) => this.anchored.delete(piece));
    return super.write(source, sourceOffset, lengthBytes, positionBytes, durable);
  }

  #take(positionBytes: number, lengthBytes: number, taken: (piece: number) => void): void {
    const end = positionBytes + lengthBytes;
    for (let piece = Math.floor(positionBytes / this.granularityBytes); piece * this.granularityBytes < end; piece++) {
      taken(piece);
      this.allocated.add(piece);
    }
  }

  #makeProvisioning(): Provisioning {
    const spaceOf = () => ({ usedBytes: this.allocated.size * this.granularityBytes, spaceBytes: this.spaceBytes, tellsAnchored: this.tellsAnchored });
    return {
      granularityBytes: this.granularityBytes,
      unmap: (positionBytes, lengthBytes, durable) => this.#unmap(positionBytes, lengthBytes, durable),
      anchor: (positionBytes, lengthBytes) => this.#anchor(positionBytes, lengthBytes),
      extentAt: (positionBytes, lengthBytes) => this.#extentAt(positionBytes, lengthBytes),
      get tellsAnchored() {
        return spaceOf().tellsAnchored;
      },
      get usedBytes() {
        return spaceOf().usedBytes;
      },
      get spaceBytes() {
        return spaceOf().spaceBytes;
      },
    };
  }

  #unmap(positionBytes: number, lengthBytes: number, durable: boolean): number {
    this.provisioningCalls.push({ call: 'unmap', positionBytes, lengthBytes, durable });
    if (this.fault !== 0) return this.fault;
    this.bytes.fill(0, positionBytes, positionBytes + lengthBytes);
    const last = Math.floor((positionBytes + lengthBytes) / this.granularityBytes);
    for (let piece = Math.ceil(positionBytes / this.granularityBytes); piece < last; piece++) {
      this.allocated.delete(piece);
      this.anchored.delete(piece);
    }
    return 0;
  }

  #anchor(positionBytes: number, lengthBytes: number): number {
    this.provisioningCalls.push({ call: 'anchor', positionBytes, lengthBytes });
    if (this.spaceBytes !== null && lengthBytes > this.spaceBytes - this.provisioning.usedBytes) return StoreFault.noSpace;
    this.#take(positionBytes, lengthBytes, (piece) => !this.allocated.has(piece) && this.anchored.add(piece));
    return 0;
  }

  #extentAt(positionBytes: number, lengthBytes: number): StoreExtent {
    const first = Math.floor(positionBytes / this.granularityBytes);
    const isAllocated = this.allocated.has(first);
    let end = first + 1;
    // Beyond what it really holds there is nothing, however much it claims.
    const pieceCount = Math.ceil(this.bytes.length / this.granularityBytes);
    const isAnchored = this.anchored.has(first);
    while (end < pieceCount && this.allocated.has(end) === isAllocated && this.anchored.has(end) === isAnchored) end++;
    const endBytes = end >= pieceCount && !isAllocated ? Number.POSITIVE_INFINITY : end * this.granularityBytes;
    return { allocated: isAllocated, anchored: isAnchored, lengthBytes: Math.min(lengthBytes, endBytes - positionBytes) };
  }
}
