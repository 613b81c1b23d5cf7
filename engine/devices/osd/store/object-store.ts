import type { AttributeApi } from './object-store-attributes.js';
import type { DataApi } from './object-store-data.js';
import type { ListingApi } from './object-store-listing.js';
import type { ObjectInformation, ObjectKind, ObjectName, ObjectTimes, Quotas } from './object-types.js';

export type * from './object-store-attributes.js';
export type * from './object-store-data.js';
export { type ObjectFault, ObjectStoreFault } from './object-store-fault.js';
export type * from './object-store-listing.js';
export * from './object-types.js';

/**
 * The object store under the OSD device: objects, their attributes, collections and bytes. It knows nothing of CDBs, pages or capabilities.
 *
 * Everything is synchronous and meant for the one thread that is bound to the device. Every operation throws `ObjectStoreFault`; nothing else is thrown
 * but assertions. What has been answered survives the end of the process, `kill -9` too; what has been flushed survives a loss of power.
 * Open one with `openObjectStore` (open-object-store.ts). The directory is described in docs/devices/osd-format.md.
 */
export interface ObjectStore extends ObjectsApi, AttributeApi, DataApi, ListingApi {
  /**
   * Everything that `work` changes of metadata happens together or not at all: a command's creation, attributes and membership are one transaction.
   * Calls inside join it, and an exception thrown by `work` undoes all of it. Bytes written to an object that was there before are not undone; bytes of
   * an object that is created in it are. Without it each call is a transaction of its own. Transactions do not nest: an inner one joins.
   * Who catches a fault inside of `work` and goes on keeps what the failed call did before it failed: let it out.
   */
  transaction<T>(work: () => T): T;

  /**
   * FORMAT OSD: every partition, collection, object and attribute is gone, at once or not at all, and on stable storage when it returns. Keys stay
   * for which `keepKey` answers true (none when it is missing). Freed files are removed by `maintain` later. In a transaction it is the last to change data.
   */
  format(options?: { readonly keepKey?: (keyName: string) => boolean }): void;
  /** Counts the formats of this directory from 1: a list identifier that was given out before the last one can be told by it. */
  readonly generation: number;

  /** What the device is and has. `totalBytes` is the configured capacity, or else what the file system can give. */
  capacity(): { readonly totalBytes: bigint; readonly usedBytes: bigint; readonly freeBytes: bigint };

  /** A small opaque record, by a name of the caller's (at most 128 bytes of UTF-8): security keys and their versions. In a file of mode 0600. */
  key(keyName: string): Uint8Array | null;
  /** On stable storage when it returns, or with the transaction that it is part of, which then is. null removes it. */
  setKey(keyName: string, value: Uint8Array | null): void;
  /** In order of their bytes. There are few keys: at most `osdKeyCountMax`. */
  keyNames(): readonly string[];

  /**
   * Does a bounded piece of what waits for a quiet moment: times of access, freed files, and at last a flush of the metadata. Answers whether there is
   * more. To be called when the device has been idle for a while (a second, say), until it answers false.
   */
  maintain(): boolean;

  /** Flushes everything and lets others in. Throws when acknowledged data may be lost; it is closed then all the same. */
  close(): void;
}

/** Objects come and go, and what is known of them. */
export interface ObjectsApi {
  /** A partition of id `requestedId`, or of the next free one. Answers its id. Faults: exists, invalid-id, quota-count, no-space. */
  createPartition(requestedId: bigint | null): bigint;
  /** Ids of collections and user objects of a partition come from one space. Faults: not-found (partition), exists, invalid-id, quota-count. */
  createCollection(partitionId: bigint, requestedId: bigint | null): bigint;
  /**
   * `count` user objects of consecutive ids, without data or attributes; answers the first id. A requested id is that of the first.
   * Faults: not-found (partition), exists, invalid-id, quota-count, quota-capacity, no-space.
   */
  createUserObjects(partitionId: bigint, requestedId: bigint | null, count: number): bigint;

  /** With its attributes, bytes and memberships. */
  removeUserObject(name: ObjectName): void;
  /** Without `force` it must have no members (not-empty). Members stay, outside of it. */
  removeCollection(name: ObjectName, options?: { readonly force?: boolean }): void;
  /** Without `force` it must have neither user objects nor collections (not-empty). */
  removePartition(partitionId: bigint, options?: { readonly force?: boolean }): void;

  /** null when there is no such object. The root is (0, 0) and is always there; a partition is (its id, 0). */
  kindOf(name: ObjectName): ObjectKind | null;
  /** Faults: not-found. A few look-ups, whatever the size of the store. */
  information(name: ObjectName): ObjectInformation;

  /** Bounds that the store enforces from now on; null takes one away. Which make sense for which kind: see `Quotas`. */
  setQuotas(name: ObjectName, quotas: Partial<Quotas>): void;
  /** A number of the caller's, 1 in a new object (0 to 2^64 - 1). */
  setVersionTag(name: ObjectName, versionTag: bigint): void;
  /**
   * Replaces times of an object (milliseconds since 1970). The store itself sets `created`, and `attributesModified` and `dataModified` with each change
   * unless `bypassTimestamps` was called for the running transaction; it never sets the times of access: see `noteAccess`.
   */
  setTimes(name: ObjectName, times: Partial<ObjectTimes>): void;
  /**
   * Data or attributes of the object were read now. Kept in memory and written with the next transaction that touches the object, or by `maintain`,
   * `flush` and `close`: a read costs no write. What `kill -9` takes are such times only.
   */
  noteAccess(name: ObjectName, what: 'attributes' | 'data'): void;
  /** The rest of the running transaction changes no time of modification (bypass timestamps of the command). */
  bypassTimestamps(): void;
}
