import type { Provisioning } from '../../../engine/store/provisioning.js';
import type { BackingStore, Durability, StoreDescriptor, StoreView } from '../../../engine/store/store.js';

/** A store call as a device server made it. */
export interface StoreCall {
  readonly call: 'read' | 'write' | 'flush';
  readonly positionBytes: number;
  readonly lengthBytes: number;
  readonly durable: boolean;
}

let pattern = new Uint8Array(0);

/** Bytes made of their positions: blocks that are mixed up do not compare equal. Kept, because most tests open a store. */
function patternOf(sizeBytes: number): Uint8Array {
  if (pattern.length < sizeBytes) {
    pattern = new Uint8Array(sizeBytes);
    for (let index = 0; index < sizeBytes; index++) pattern[index] = (index * 7 + (index >> 9) * 13) & 0xff;
  }
  return pattern.slice(0, sizeBytes);
}

/** A store in plain memory that tells what was asked of it and fails on demand. */
export class MemoryStore implements BackingStore {
  readonly provisioning: Provisioning | null = null;
  readonly sparse = false;
  readonly kind = 'memory';
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly readOnly = false;
  readonly alignmentBytes = 1;
  readonly blocking = false;
  readonly durability: Durability;
  readonly calls: StoreCall[] = [];
  readonly #hasView: boolean;
  /** What the next calls answer; 0 lets them through. */
  fault = 0;
  /** Reads fail only when they reach this position or one behind it. */
  readFaultFromBytes = 0;

  constructor(sizeBytes: number, options: { hasView?: boolean; durability?: Durability; claimedSizeBytes?: number } = {}) {
    this.bytes = patternOf(sizeBytes);
    this.sizeBytes = options.claimedSizeBytes ?? sizeBytes;
    this.#hasView = options.hasView ?? false;
    this.durability = options.durability ?? 'none';
  }

  get descriptor(): StoreDescriptor {
    return { kind: 'null', sizeBytes: this.sizeBytes, zeroes: new SharedArrayBuffer(1), readOnly: false };
  }

  read(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    this.calls.push({ call: 'read', positionBytes, lengthBytes, durable: false });
    if (this.fault !== 0 && positionBytes + lengthBytes > this.readFaultFromBytes) return this.fault;
    target.set(this.bytes.subarray(positionBytes, positionBytes + lengthBytes), targetOffset);
    return lengthBytes;
  }

  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, durable: boolean): number {
    this.calls.push({ call: 'write', positionBytes, lengthBytes, durable });
    if (this.fault !== 0) return this.fault;
    // A store that claims more than it has drops what lies beyond.
    if (positionBytes + lengthBytes <= this.bytes.length) this.bytes.set(source.subarray(sourceOffset, sourceOffset + lengthBytes), positionBytes);
    return lengthBytes;
  }

  flush(): number {
    this.calls.push({ call: 'flush', positionBytes: 0, lengthBytes: 0, durable: true });
    return this.fault;
  }

  view(positionBytes: number, lengthBytes: number): StoreView | null {
    return this.#hasView && positionBytes + lengthBytes <= this.bytes.length ? { bytes: this.bytes, offset: positionBytes } : null;
  }

  resized(sizeBytes: number): MemoryStore {
    const other = new MemoryStore(sizeBytes);
    other.bytes.fill(0).set(this.bytes.subarray(0, sizeBytes));
    return other;
  }

  close(): void {}
}
