import type { Limits } from '../../../limits.js';
import type { AttributeTable } from './attribute-table.js';
import type { FileAccounts } from './file-accounts.js';
import type { MembershipTable } from './membership-table.js';
import type { Metadata } from './metadata.js';
import { keyBehind, lastU64, objectKey, u64 } from './object-keys.js';
import { newRecord } from './object-record.js';
import { ObjectStoreFault } from './object-store-fault.js';
import { ASSIGNED_ID_MIN, ID_MAX, type ObjectKind, type ObjectName } from './object-types.js';
import type { Records } from './records.js';

export interface LifecycleOptions {
  readonly metadata: Metadata;
  readonly records: Records;
  readonly attributes: AttributeTable;
  readonly memberships: MembershipTable;
  readonly accounts: FileAccounts;
  readonly limits: Limits;
}

const ROWS_PER_STEP = 1024;

/** Objects come and go. Every method runs in a transaction. */
export class ObjectLifecycle {
  readonly #metadata: Metadata;
  readonly #records: Records;
  readonly #attributes: AttributeTable;
  readonly #memberships: MembershipTable;
  readonly #accounts: FileAccounts;
  readonly #limits: Limits;

  constructor({ metadata, records, attributes, memberships, accounts, limits }: LifecycleOptions) {
    this.#metadata = metadata;
    this.#records = records;
    this.#attributes = attributes;
    this.#memberships = memberships;
    this.#accounts = accounts;
    this.#limits = limits;
  }

  createPartition(requestedId: bigint | null): bigint {
    const root = this.#records.changeRoot();
    if (root.partitionCountMax !== null && BigInt(root.partitionCount) >= root.partitionCountMax) throw quotaCount('partitions');
    const id = requestedId ?? this.#freeIds(['partition'], null, root.nextId, 1);
    this.#checkIds(['partition'], null, id, 1);
    this.#records.add({ partitionId: id, objectId: 0n }, newRecord('partition', this.#records.nowMs, ASSIGNED_ID_MIN));
    root.partitionCount++;
    if (requestedId === null) root.nextId = nextAfter(id, 1);
    return id;
  }

  createCollection(partitionId: bigint, requestedId: bigint | null): bigint {
    const id = this.#takeIds(partitionId, requestedId, 1);
    this.#records.add({ partitionId, objectId: id }, newRecord('collection', this.#records.nowMs));
    this.#records.changePartition(partitionId).collectionCount++;
    this.#records.changeRoot().collectionCount++;
    return id;
  }

  createUserObjects(partitionId: bigint, requestedId: bigint | null, count: number): bigint {
    if (count > this.#limits.osdCreateCountMax) {
      throw new ObjectStoreFault('limit', `one command creates at most ${this.#limits.osdCreateCountMax} objects`, { limit: 'osdCreateCountMax' });
    }
    const first = this.#takeIds(partitionId, requestedId, count);
    const record = newRecord('user', this.#records.nowMs);
    for (let index = 0; index < count; index++) this.#records.add({ partitionId, objectId: first + BigInt(index) }, record);
    this.#records.changePartition(partitionId).userObjectCount += count;
    this.#records.changeRoot().userObjectCount += count;
    return first;
  }

  removeUserObject(name: ObjectName): void {
    const record = this.#records.require('user', name);
    this.#memberships.removeAllOf(name, record.membershipCount);
    this.#attributes.removeAllOf(name);
    if (record.fileId !== 0) this.#accounts.freed(record.fileId, name);
    this.#records.addUsed(name, -(record.dataBytes + this.#attributes.spaceOf(record)));
    this.#records.remove('user', name);
    this.#records.changePartition(name.partitionId).userObjectCount--;
    this.#records.changeRoot().userObjectCount--;
  }

  removeCollection(name: ObjectName, force: boolean): void {
    const record = this.#records.require('collection', name);
    if (record.memberCount > 0 && !force) throw new ObjectStoreFault('not-empty', 'the collection has members');
    this.#memberships.removeMembersOf(name);
    this.#attributes.removeAllOf(name);
    this.#records.addUsed(name, -this.#attributes.spaceOf(record));
    this.#records.remove('collection', name);
    this.#records.changePartition(name.partitionId).collectionCount--;
    this.#records.changeRoot().collectionCount--;
  }

  removePartition(partitionId: bigint, force: boolean): void {
    const name: ObjectName = { partitionId, objectId: 0n };
    const record = this.#records.partition(partitionId);
    if (record.collectionCount + record.userObjectCount > 0 && !force) throw new ObjectStoreFault('not-empty', 'the partition has objects');
    this.#freeFilesOf(partitionId);
    const root = this.#records.changeRoot();
    root.usedBytes -= record.usedBytes;
    root.collectionCount -= record.collectionCount;
    root.userObjectCount -= record.userObjectCount;
    root.partitionCount--;
    const { objects, attributes, members, memberships } = this.#metadata.tables;
    for (const table of [attributes, members, memberships]) this.#removeRange(table, u64(partitionId));
    for (const kind of ['collection', 'user'] as const) this.#removeRange(objects, objectKey(kind, partitionId, 0n).subarray(0, 9));
    this.#records.forgetPartition(partitionId);
    this.#records.remove('partition', name);
  }

  #freeFilesOf(partitionId: bigint): void {
    const { objects } = this.#metadata.tables;
    const end = keyBehind(objectKey('user', partitionId, 0n).subarray(0, 9)) as Buffer;
    let from: bigint | null = 0n;
    while (from !== null) {
      const keys: Uint8Array[] = [...objects.getKeys({ start: objectKey('user', partitionId, from), end, limit: ROWS_PER_STEP })];
      for (const key of keys) {
        const name: ObjectName = { partitionId, objectId: lastU64(key) };
        const record = this.#records.require('user', name);
        if (record.fileId !== 0) this.#accounts.freed(record.fileId, name);
      }
      const last = keys.at(-1);
      from = keys.length < ROWS_PER_STEP || last === undefined || lastU64(last) === ID_MAX ? null : lastU64(last) + 1n;
    }
  }

  #removeRange(table: Metadata['tables']['objects'], prefix: Buffer): void {
    const end = keyBehind(prefix);
    for (;;) {
      const keys = [...table.getKeys({ start: prefix, limit: ROWS_PER_STEP, ...(end === undefined ? {} : { end }) })];
      for (const key of keys) table.removeSync(key);
      if (keys.length < ROWS_PER_STEP) return;
    }
  }

  /** Ids for collections and user objects of a partition, counted against its quota. */
  #takeIds(partitionId: bigint, requestedId: bigint | null, count: number): bigint {
    const partition = this.#records.changePartition(partitionId);
    const countMax = partition.objectCountMax ?? this.#records.root().objectCountMax;
    if (countMax !== null && BigInt(partition.collectionCount + partition.userObjectCount + count) > countMax) throw quotaCount('objects');
    const kinds = ['collection', 'user'] as const;
    const first = requestedId ?? this.#freeIds(kinds, partitionId, partition.nextId, count);
    this.#checkIds(kinds, partitionId, first, count);
    if (requestedId === null) partition.nextId = nextAfter(first, count);
    return first;
  }

  #checkIds(kinds: readonly ObjectKind[], partitionId: bigint | null, first: bigint, count: number): void {
    const last = first + BigInt(count) - 1n;
    if (first < ASSIGNED_ID_MIN || last > ID_MAX) throw new ObjectStoreFault('invalid-id', 'ids of objects are from 10000h to FFFFFFFFFFFFFFFFh');
    if (this.#firstTaken(kinds, partitionId, first, last) !== null) throw new ObjectStoreFault('exists', 'there is an object of that id');
  }

  /** The first run of `count` free ids from `from` on, or else from the lowest. */
  #freeIds(kinds: readonly ObjectKind[], partitionId: bigint | null, from: bigint, count: number): bigint {
    for (const lowest of [from, ASSIGNED_ID_MIN]) {
      let first = lowest;
      while (first + BigInt(count) - 1n <= ID_MAX) {
        const taken = this.#firstTaken(kinds, partitionId, first, first + BigInt(count) - 1n);
        if (taken === null) return first;
        first = taken + 1n;
      }
    }
    throw quotaCount('ids');
  }

  #firstTaken(kinds: readonly ObjectKind[], partitionId: bigint | null, first: bigint, last: bigint): bigint | null {
    let lowest: bigint | null = null;
    for (const kind of kinds) {
      const keyOf = (id: bigint) => (partitionId === null ? objectKey(kind, id, 0n) : objectKey(kind, partitionId, id));
      const end = keyBehind(keyOf(last)) as Buffer;
      for (const key of this.#metadata.tables.objects.getKeys({ start: keyOf(first), end, limit: 1 })) {
        const id = partitionId === null ? lastU64(key.subarray(0, 9)) : lastU64(key);
        if (lowest === null || id < lowest) lowest = id;
      }
    }
    return lowest;
  }
}

function nextAfter(first: bigint, count: number): bigint {
  const next = first + BigInt(count);
  return next > ID_MAX ? ASSIGNED_ID_MIN : next;
}

function quotaCount(what: string): ObjectStoreFault {
  return new ObjectStoreFault('quota-count', `no more ${what} may be made`);
}
