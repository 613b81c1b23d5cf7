import { defaultLimits } from '../limits.js';
import { ServicePace } from '../metrics/service-pace.js';
import { PROTECTION_LENGTH_BYTES, ProtectedStore } from '../store/protected-store.js';
import type { BackingStore } from '../store/store.js';

/** Protection information, SBC-3 "Protection types"; 0 is none. */
export type ProtectionType = 0 | 1 | 2 | 3;

/** How a store is seen as logical blocks; structured-cloneable, as workers get it too. */
export interface MediumShape {
  readonly blockLengthBytes: number;
  readonly readOnly: boolean;
  /** The largest transfer of one command. */
  readonly transferLengthBytesMax: number;
  /** What one WRITE SAME may write; the limit's default when left out, as for those of UNMAP. */
  readonly writeSameLengthBytesMax?: number;
  readonly unmapLengthBytesMax?: number;
  readonly unmapDescriptorCountMax?: number;
  /** A power of two times the block length; the block length when left out. */
  readonly physicalBlockLengthBytes?: number;
  /** Logical blocks can be unmapped: the store has `provisioning`. */
  readonly thin?: boolean;
  readonly protectionType?: ProtectionType;
}

/** The protection information that the blocks of a medium have, and the store that keeps both. */
export interface MediumProtection {
  readonly type: 1 | 2 | 3;
  readonly store: ProtectedStore;
}

/** What a medium command needs of its logical unit, on any thread: the store seen as logical blocks. */
export class Medium {
  readonly store: BackingStore;
  readonly shape: MediumShape;
  /** By which workers know it: of this medium alone, never used again. */
  readonly handle: number;
  readonly blockLengthBytes: number;
  readonly blockCount: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  /** Null for blocks of nothing but user data. */
  readonly protection: MediumProtection | null;
  /** The largest transfer of one command in blocks: the Block Limits VPD page tells it. */
  readonly transferBlocksMax: number;
  /** More of what the Block Limits VPD page tells. */
  readonly writeSameBlocksMax: number;
  readonly unmapBlocksMax: number;
  readonly unmapDescriptorsMax: number;
  /** Of a store that can block: how long its commands take. Kept on the main thread only. */
  readonly pace = new ServicePace();

  constructor(store: BackingStore, shape: MediumShape, handle = 0) {
    this.store = store;
    this.shape = shape;
    this.handle = handle;
    this.blockLengthBytes = shape.blockLengthBytes;
    this.blockCount = Math.floor(store.sizeBytes / shape.blockLengthBytes);
    this.readOnly = shape.readOnly || store.readOnly;
    this.thin = shape.thin === true && store.provisioning !== null;
    const type = shape.protectionType ?? 0;
    this.protection = type !== 0 && store instanceof ProtectedStore ? { type, store } : null;
    const transferBlockBytes = shape.blockLengthBytes + (this.protection === null ? 0 : PROTECTION_LENGTH_BYTES);
    this.transferBlocksMax = Math.floor(shape.transferLengthBytesMax / transferBlockBytes);
    this.writeSameBlocksMax = Math.max(1, Math.floor((shape.writeSameLengthBytesMax ?? defaultLimits.writeSameLengthBytesMax) / shape.blockLengthBytes));
    // Never less than one physical block, as advice to unmap whole ones would be of no use.
    const unmapLengthBytesMax = shape.unmapLengthBytesMax ?? defaultLimits.unmapLengthBytesMax;
    this.unmapBlocksMax = Math.max(2 ** this.physicalBlockExponent, Math.floor(unmapLengthBytesMax / shape.blockLengthBytes));
    this.unmapDescriptorsMax = shape.unmapDescriptorCountMax ?? defaultLimits.unmapDescriptorCountMax;
  }

  /** LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT, SBC-3 "READ CAPACITY (16) parameter data". */
  get physicalBlockExponent(): number {
    return Math.round(Math.log2((this.shape.physicalBlockLengthBytes ?? this.blockLengthBytes) / this.blockLengthBytes));
  }
}
