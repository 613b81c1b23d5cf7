import { assert } from '../errors.js';
import type { Provisioning } from './provisioning.js';
import type { BackingStore, Durability, StoreDescriptor, StoreView } from './store.js';

/** Protection information of one logical block: guard, application tag and reference tag. SBC-3 "Protection information format". */
export const PROTECTION_LENGTH_BYTES = 8;
/** What is moved of it at a time. */
const PIECE_BYTES = 4096;

export type ProtectedStoreDescriptor = Extract<StoreDescriptor, { kind: 'protected' }>;

/** Logical blocks in memory, with the protection information of each. */
export interface ProtectedBlocks {
  readonly data: Uint8Array;
  readonly dataStart: number;
  readonly protection: Uint8Array;
  readonly protectionStart: number;
}

/** One a thread each. */
const complemented = new Uint8Array(PIECE_BYTES);
const blank = new Uint8Array(PIECE_BYTES);

/**
 * A store of logical blocks beside another one of their protection information. Each byte of that is kept as its complement, so that what was never
 * written, has been unmapped or lies behind a former end is what the standard wants there: FFh, which disables the checks.
 *
 * On a store that outlives the process the protection information is blanked before the data changes and written after it: whatever is killed
 * between the two leaves a block that is not checked, and never one that cannot be read. Power may fail in any order: only what was
 * acknowledged as durable is whole then.
 */
export class ProtectedStore implements BackingStore {
  readonly kind: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly durability: Durability;
  readonly alignmentBytes: number;
  readonly blocking: boolean;
  readonly sparse: boolean;
  readonly provisioning: Provisioning | null;
  readonly blockLengthBytes: number;
  readonly #data: BackingStore;
  #protection: BackingStore;

  constructor(data: BackingStore, protection: BackingStore, blockLengthBytes: number) {
    assert(protection.sizeBytes >= Math.floor(data.sizeBytes / blockLengthBytes) * PROTECTION_LENGTH_BYTES, 'all blocks have protection information');
    this.kind = data.kind;
    this.sizeBytes = data.sizeBytes;
    this.readOnly = data.readOnly;
    this.durability = data.durability;
    this.alignmentBytes = data.alignmentBytes;
    this.blocking = data.blocking;
    this.sparse = data.sparse;
    this.blockLengthBytes = blockLengthBytes;
    this.#data = data;
    this.#protection = protection;
    this.provisioning = data.provisioning === null ? null : new ProtectedProvisioning(data.provisioning, this);
  }

  get descriptor(): ProtectedStoreDescriptor {
    const { sizeBytes, readOnly, blockLengthBytes } = this;
    return { kind: 'protected', sizeBytes, readOnly, blockLengthBytes, data: this.#data.descriptor, protection: this.#protection.descriptor };
  }

  read(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    return this.#data.read(target, targetOffset, lengthBytes, positionBytes);
  }

  /** The protection information of whole blocks. Answers its length in bytes or a `StoreFault`. */
  readProtection(target: Uint8Array, targetOffset: number, blockIndex: number, blockCount: number): number {
    const lengthBytes = blockCount * PROTECTION_LENGTH_BYTES;
    const outcome = this.#protection.read(target, targetOffset, lengthBytes, blockIndex * PROTECTION_LENGTH_BYTES);
    if (outcome >= 0) for (let at = targetOffset; at < targetOffset + lengthBytes; at++) target[at] = ~(target[at] as number);
    return outcome;
  }

  /** Data that comes without protection information leaves blocks that are not checked. */
  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, durable: boolean): number {
    const fault = this.blankProtection(positionBytes, lengthBytes);
    return fault < 0 ? fault : this.#data.write(source, sourceOffset, lengthBytes, positionBytes, durable);
  }

  /** Whole blocks with their protection information. Answers the bytes of data or a `StoreFault`. */
  writeProtected({ data, dataStart, protection, protectionStart }: ProtectedBlocks, blockIndex: number, blockCount: number, durable: boolean): number {
    const { blockLengthBytes } = this;
    const positionBytes = blockIndex * blockLengthBytes;
    const lengthBytes = blockCount * blockLengthBytes;
    if (this.durability !== 'none') {
      const fault = this.blankProtection(positionBytes, lengthBytes);
      if (fault < 0) return fault;
    }
    const outcome = this.#data.write(data, dataStart, lengthBytes, positionBytes, durable);
    if (outcome < 0) return outcome;
    const fault = this.#writeProtection(protection, protectionStart, blockIndex, blockCount, durable);
    return fault < 0 ? fault : outcome;
  }

  #writeProtection(source: Uint8Array, sourceOffset: number, blockIndex: number, blockCount: number, durable: boolean): number {
    return this.#inPieces(blockIndex, blockCount, (positionBytes, lengthBytes, done) => {
      for (let at = 0; at < lengthBytes; at++) complemented[at] = ~(source[sourceOffset + done + at] as number);
      return this.#protection.write(complemented, 0, lengthBytes, positionBytes, durable);
    });
  }

  /** The blocks that lie in the range, in part or whole, are not checked from now on. Answers 0 or a `StoreFault`. */
  blankProtection(positionBytes: number, lengthBytes: number): number {
    const { first, count } = this.#blocksOf(positionBytes, lengthBytes);
    return this.#inPieces(first, count, (position, length) => this.#protection.write(blank, 0, length, position, false));
  }

  /** The same, giving back the space. */
  unmapProtection(positionBytes: number, lengthBytes: number, durable: boolean): number {
    const { provisioning } = this.#protection;
    if (provisioning === null) return this.blankProtection(positionBytes, lengthBytes);
    const { first, count } = this.#blocksOf(positionBytes, lengthBytes);
    return provisioning.unmap(first * PROTECTION_LENGTH_BYTES, count * PROTECTION_LENGTH_BYTES, durable);
  }

  #blocksOf(positionBytes: number, lengthBytes: number): { readonly first: number; readonly count: number } {
    const first = Math.floor(positionBytes / this.blockLengthBytes);
    const end = Math.min(Math.ceil((positionBytes + lengthBytes) / this.blockLengthBytes), this.#protection.sizeBytes / PROTECTION_LENGTH_BYTES);
    return { first, count: Math.max(0, end - first) };
  }

  /** Calls `move` for one piece after another until one fails. Answers 0 or its `StoreFault`. */
  #inPieces(blockIndex: number, blockCount: number, move: (positionBytes: number, lengthBytes: number, done: number) => number): number {
    const lengthBytes = blockCount * PROTECTION_LENGTH_BYTES;
    for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
      const outcome = move(blockIndex * PROTECTION_LENGTH_BYTES + done, Math.min(PIECE_BYTES, lengthBytes - done), done);
      if (outcome < 0) return outcome;
    }
    return 0;
  }

  /** Both, whatever becomes of the first. */
  flush(): number {
    const fault = this.#data.flush();
    const protectionFault = this.#protection.flush();
    return fault < 0 ? fault : protectionFault;
  }

  /** What is sent straight out of memory would not have been checked. */
  view(_positionBytes: number, _lengthBytes: number): StoreView | null {
    return null;
  }

  resized(sizeBytes: number, blockLengthBytes?: number): ProtectedStore {
    const before = this.#protection.sizeBytes;
    const protection = this.#protection.resized(Math.floor(sizeBytes / this.blockLengthBytes) * PROTECTION_LENGTH_BYTES, PROTECTION_LENGTH_BYTES);
    this.#protection = protection;
    try {
      return new ProtectedStore(this.#data.resized(sizeBytes, blockLengthBytes), protection, this.blockLengthBytes);
    } catch (error) {
      this.#protection = protection.resized(before, PROTECTION_LENGTH_BYTES);
      throw error;
    }
  }

  close(): void {
    this.#data.close();
    this.#protection.close();
  }
}

/** The space of the data; what is unmapped is not checked any more. */
class ProtectedProvisioning implements Provisioning {
  readonly #data: Provisioning;
  readonly #store: ProtectedStore;

  constructor(data: Provisioning, store: ProtectedStore) {
    this.#data = data;
    this.#store = store;
  }

  get granularityBytes(): number {
    return this.#data.granularityBytes;
  }

  get usedBytes(): number {
    return this.#data.usedBytes;
  }

  get spaceBytes(): number | null {
    return this.#data.spaceBytes;
  }

  get tellsAnchored(): boolean {
    return this.#data.tellsAnchored;
  }

  unmap(positionBytes: number, lengthBytes: number, durable: boolean): number {
    const fault = this.#store.readOnly ? 0 : this.#store.unmapProtection(positionBytes, lengthBytes, durable);
    return fault < 0 ? fault : this.#data.unmap(positionBytes, lengthBytes, durable);
  }

  anchor(positionBytes: number, lengthBytes: number): number {
    return this.#data.anchor(positionBytes, lengthBytes);
  }

  extentAt(positionBytes: number, lengthBytes: number, tellAnchored = false): ReturnType<Provisioning['extentAt']> {
    return this.#data.extentAt(positionBytes, lengthBytes, tellAnchored);
  }
}
