import type { FileSpaceShape } from './file-space.js';
import type { Provisioning } from './provisioning.js';
import type { RamShape } from './ram-memory.js';

/**
 * A backing store: bytes by position, the same object on the main thread and on every worker.
 *
 * All calls are synchronous: they run inline for memory and in a worker for anything that can block. A fault of
 * the medium is a value (`StoreFault`, negative), never an exception: the device server turns it into sense data.
 */

/** What a store call answers when it fails; successful calls answer a byte count, 0 or more. */
export const StoreFault = {
  /** The medium failed: EIO and everything that has no better name. */
  io: -1,
  /** ENOSPC, EDQUOT, EFBIG: no room for the data. */
  noSpace: -2,
  /** The store was opened for reading only. */
  readOnly: -3,
  /** The file is no longer there or shorter than the LU says. */
  shortRead: -4,
} as const;
export type StoreFault = (typeof StoreFault)[keyof typeof StoreFault];

/** A place in memory that other threads and the socket can read without a copy. */
export interface StoreView {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** What a store can promise about durability, for reports and for the WCE bit. */
export type Durability = 'none' | 'process' | 'power-loss';

/** How a store that outlives the process keeps writes longer than a page whole. */
export interface AtomicWrites {
  /**
   * Writes all of the bytes or none of them, whatever happens to the process and the machine meanwhile; on return they are on stable storage. Nobody else
   * may write there at the same time. Answers `lengthBytes` or a `StoreFault`; after a fault part of them may be written.
   */
  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number;
}

export interface BackingStore {
  readonly kind: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly durability: Durability;
  /** Offset, length and memory address must be multiples of this (1 when anything goes). */
  readonly alignmentBytes: number;
  /** True when a call can block on a device: the policy then prefers workers. */
  readonly blocking: boolean;
  /** Everything a worker needs to open the same store: structured-cloneable, SharedArrayBuffers and descriptors. */
  readonly descriptor: StoreDescriptor;
  /** Reads exactly `lengthBytes` at `positionBytes` into `target` at `targetOffset`. Answers `lengthBytes` or a `StoreFault`. */
  read(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number;
  /** Writes exactly `lengthBytes`; with `durable` the bytes are on stable storage on return (FUA). */
  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, durable: boolean): number;
  /** Puts everything written before on stable storage. Answers 0 or a `StoreFault`. */
  flush(): number;
  /**
   * Where the bytes `[positionBytes, positionBytes + lengthBytes)` lie in shared memory, or null when they do not lie
   * in one piece. Reads may then be sent from there; the caller keeps writers away until the bytes have left. It is for reading
   * alone: what is written there takes no space, and an unmap would not find it.
   */
  view(positionBytes: number, lengthBytes: number): StoreView | null;
  /** Null for a store that keeps its space whatever it holds. */
  readonly provisioning: Provisioning | null;
  /**
   * Left out where nothing outlives the process (`durability`), so that every write is whole or gone with the rest, and where writes are whole only
   * within a page.
   */
  readonly atomicWrites?: AtomicWrites | undefined;
  /** It had less space than size when it was opened: what `thin` is where nobody says otherwise. */
  readonly sparse: boolean;
  /**
   * On the main thread: a store over the same memory or descriptors with another end, whose `descriptor` workers attach.
   *
   * Both may be used side by side up to the nearer of the two ends, so nobody has to wait when a unit grows. When it shrinks, what
   * lies behind the new end is gone, and nobody may use it any more at the time of the call. The new store owns what there is to
   * close: `close` of this one does nothing from now on, and this one must not be used after the new one was closed. When it
   * throws a `TargetError`, this one is as it was.
   */
  resized(sizeBytes: number, blockLengthBytes?: number): BackingStore;
  close(): void;
}

export type StoreDescriptor =
  | ({ readonly kind: 'ram'; readonly sizeBytes: number; readonly readOnly: boolean } & RamShape)
  | {
      /** Two stores: `data`, and beside it the protection information of its blocks. */
      readonly kind: 'protected';
      readonly sizeBytes: number;
      readonly readOnly: boolean;
      readonly blockLengthBytes: number;
      readonly data: StoreDescriptor;
      readonly protection: StoreDescriptor;
    }
  | { readonly kind: 'null'; readonly sizeBytes: number; readonly readOnly: boolean; readonly zeroes: SharedArrayBuffer }
  | {
      readonly kind: 'file';
      readonly sizeBytes: number;
      readonly path: string;
      readonly readOnly: boolean;
      readonly direct: boolean;
      /** File descriptors are the process's, so threads share them; main opens and closes. */
      readonly fd: number;
      readonly durableFd: number;
      readonly alignmentBytes: number;
      readonly durability: Durability;
      readonly space: FileSpaceShape;
      /**
       * One Int32, 0 or the `StoreFault` of the first flush that failed. Linux tells a lost write-back once per open file,
       * so the thread that hears of it must tell all others: no later flush may claim that the lost bytes are stable.
       */
      readonly flushFault: SharedArrayBuffer;
    };
