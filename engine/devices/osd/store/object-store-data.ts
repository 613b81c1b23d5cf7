import type { ObjectName } from './object-types.js';

/** A stretch of an object's bytes. Holes read as zeros and take no space. */
export interface DataExtent {
  readonly kind: 'written' | 'hole';
  readonly offsetBytes: bigint;
  readonly lengthBytes: bigint;
}

/** What FLUSH is for. `members` of a collection: the bytes and attributes of the user objects in it as well. */
export type FlushScope =
  | { readonly kind: 'object'; readonly name: ObjectName; readonly data: boolean }
  | { readonly kind: 'collection'; readonly name: ObjectName; readonly members: boolean }
  | { readonly kind: 'partition'; readonly partitionId: bigint; readonly data: boolean }
  | { readonly kind: 'all' };

/** The bytes of user objects. Faults of all: not-found, wrong-kind, medium-error; of those that write: no-space, read-only, quotas, too-long. */
export interface DataApi {
  /**
   * Fills `into` from `offsetBytes` on and answers how many bytes there were before the logical length; the rest of `into` is zeroed. Holes read as
   * zeros. An offset at or behind the end answers 0. `into` may lie in a SharedArrayBuffer.
   */
  read(name: ObjectName, offsetBytes: bigint, into: Uint8Array): number;
  /** Raises the logical length when it passes it, once the bytes are written. What lies between the old end and the offset reads as zeros. */
  write(name: ObjectName, offsetBytes: bigint, data: Uint8Array): void;
  /** Writes at the logical length; answers the offset where that was. */
  append(name: ObjectName, data: Uint8Array): bigint;
  /** The range reads as zeros and takes no space where that can be had. Raises the logical length when it passes it. */
  clear(name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): void;
  /**
   * Takes the range out: what follows moves down and the logical length falls by as much as there was of it. The bytes that follow are copied into a
   * new file, so that the object is whole before or after; the offset must lie before the end (beyond-end).
   */
  punch(name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): void;
  /** Cuts the object, or lengthens it by a hole. */
  setLogicalLength(name: ObjectName, lengthBytes: bigint): void;
  /**
   * The extents from `offsetBytes` on, up to the logical length: neighbours differ in kind, the first begins at the offset. At most `countMax`; `next` is
   * the offset to go on at, null at the end. Fault beyond-end when the offset is behind the logical length. Granularity is the file system's block;
   * without the optional package `koffi` all below the end of the file counts as written.
   */
  map(name: ObjectName, offsetBytes: bigint, countMax: number): { readonly extents: readonly DataExtent[]; readonly next: bigint | null };
  /**
   * On stable storage when it returns: the metadata of everything up to now, and of the scope the bytes that were written since the last flush.
   * Not inside a transaction. FUA of a write is `flush({kind: 'object', …})` behind it.
   */
  flush(scope: FlushScope): void;
}
