/**
 * OSD-2, "Object types": the root is (0, 0); a partition (its id, 0); collections and user objects (their partition's id, their id).
 */
export interface ObjectName {
  readonly partitionId: bigint;
  readonly objectId: bigint;
}

export type ObjectKind = 'root' | 'partition' | 'collection' | 'user';

export const ROOT_NAME: ObjectName = { partitionId: 0n, objectId: 0n };

/** Ids below are the standard's own. */
export const ASSIGNED_ID_MIN = 0x10000n;
export const ID_MAX = 0xffff_ffff_ffff_ffffn;

/** Milliseconds since 1970; 0 for what has not happened. */
export interface ObjectTimes {
  readonly createdMs: number;
  readonly attributesAccessedMs: number;
  readonly attributesModifiedMs: number;
  readonly dataAccessedMs: number;
  readonly dataModifiedMs: number;
}

/** Bounds that commands may set; null is none. */
export interface Quotas {
  /** Of a user object: its length. Of a partition, and of the root: that of user objects below which have none of their own. */
  readonly objectLengthBytesMax: bigint | null;
  /** Of a partition: `usedBytes` that new data may not pass. Of the root: that of partitions which have none of their own. */
  readonly capacityBytesMax: bigint | null;
  /** Of a partition: user objects and collections. Of the root: that of partitions which have none of their own. */
  readonly objectCountMax: bigint | null;
  /** Of the root: partitions. */
  readonly partitionCountMax: bigint | null;
}

/** What the store knows of an object. Counts that do not apply to its kind are zero. */
export interface ObjectInformation {
  readonly name: ObjectName;
  readonly kind: ObjectKind;
  readonly times: ObjectTimes;
  readonly versionTag: bigint;
  readonly quotas: Quotas;
  /** Of a user object: one more than the offset of its last byte. */
  readonly logicalLengthBytes: bigint;
  /**
   * Space: of a user object or collection the blocks of its file and what its attributes take; of a partition that of all in it and its own;
   * of the root that of everything. File systems that write late may still change the blocks of a file: the number is the one of its last write or flush.
   */
  readonly usedBytes: bigint;
  /** Of this object itself: attributes that were set, and the bytes of their values. */
  readonly attributeCount: number;
  readonly attributeBytes: bigint;
  /** Of the root. */
  readonly partitionCount: bigint;
  /** Of a partition its own, of the root those of all partitions. */
  readonly collectionCount: bigint;
  readonly userObjectCount: bigint;
  /** Of a collection. */
  readonly memberCount: bigint;
  /** Of a user object: collections that it is in. */
  readonly membershipCount: number;
}
