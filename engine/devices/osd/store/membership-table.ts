import type { Limits } from '../../../limits.js';
import type { Metadata } from './metadata.js';
import { asBuffer, keyBehind, lastU32, lastU64, memberKey, membershipKey, pairKey, u64 } from './object-keys.js';
import type { Membership } from './object-store-attributes.js';
import { ObjectStoreFault } from './object-store-fault.js';
import { ID_MAX, type ObjectName } from './object-types.js';
import type { Records } from './records.js';

const ROWS_PER_STEP = 1024;
const FIRST_NUMBER = 1;

/**
 * Which user objects are in which collections, from both sides: `memberships` (object, attribute number → collection) and `members`
 * (collection, object → attribute number). They change together.
 */
export class MembershipTable {
  readonly #metadata: Metadata;
  readonly #records: Records;
  readonly #limits: Limits;

  constructor(metadata: Metadata, records: Records, limits: Limits) {
    this.#metadata = metadata;
    this.#records = records;
    this.#limits = limits;
  }

  of(name: ObjectName): Membership[] {
    const start = membershipKey(name, 0);
    const end = keyBehind(pairKey(name.partitionId, name.objectId));
    const rows = this.#metadata.tables.memberships.getRange({ start, ...(end === undefined ? {} : { end }) });
    return Array.from(rows, ({ key, value }) => ({ attributeNumber: lastU32(key), collectionId: lastU64(value) }));
  }

  /** The attribute number by which an object is in a collection; null when it is not. */
  numberOf(name: ObjectName, collectionId: bigint): number | null {
    const value = this.#metadata.tables.members.getBinary(memberKey(name.partitionId, collectionId, name.objectId));
    return value === undefined ? null : lastU32(value);
  }

  set(name: ObjectName, attributeNumber: number, collectionId: bigint | null): void {
    const record = this.#records.require('user', name);
    const key = membershipKey(name, attributeNumber);
    const before = this.#metadata.tables.memberships.getBinary(key);
    if (collectionId !== null) {
      if (before !== undefined && lastU64(before) === collectionId) return;
      this.#checkJoin(name, collectionId, before === undefined ? record.membershipCount : record.membershipCount - 1);
    }
    const changed = this.#records.change(name, record);
    if (before !== undefined) {
      this.#remove(name, attributeNumber, lastU64(before));
      changed.membershipCount--;
    }
    if (collectionId !== null) {
      this.#metadata.tables.memberships.putSync(key, u64(collectionId));
      this.#metadata.tables.members.putSync(memberKey(name.partitionId, collectionId, name.objectId), u32(attributeNumber));
      changed.membershipCount++;
      this.#countMembers(name.partitionId, collectionId, 1);
    }
    this.#records.attributesModified(changed);
  }

  join(name: ObjectName, collectionId: bigint): number {
    const present = this.numberOf(name, collectionId);
    if (present !== null) return present;
    let free = FIRST_NUMBER;
    for (const { attributeNumber } of this.of(name)) {
      if (attributeNumber > free) break;
      free = attributeNumber + 1;
    }
    this.set(name, free, collectionId);
    return free;
  }

  /** Of an object that goes. */
  removeAllOf(name: ObjectName, membershipCount: number): void {
    if (membershipCount === 0) return;
    for (const { attributeNumber, collectionId } of this.of(name)) this.#remove(name, attributeNumber, collectionId);
  }

  /** Of a collection that goes. */
  removeMembersOf({ partitionId, objectId: collectionId }: ObjectName): void {
    const end = keyBehind(pairKey(partitionId, collectionId));
    const { members, memberships } = this.#metadata.tables;
    for (let from: bigint | null = 0n; from !== null; ) {
      const start = memberKey(partitionId, collectionId, from);
      const rows = [...members.getRange({ start, limit: ROWS_PER_STEP, ...(end === undefined ? {} : { end }) })];
      for (const { key, value } of rows) {
        const name: ObjectName = { partitionId, objectId: lastU64(key) };
        members.removeSync(key);
        memberships.removeSync(membershipKey(name, lastU32(value)));
        const record = this.#records.require('user', name);
        record.membershipCount--;
        // Written at once: a collection may have any number of members.
        this.#records.add(name, record);
      }
      const last = rows.at(-1);
      from = rows.length < ROWS_PER_STEP || last === undefined || lastU64(last.key) === ID_MAX ? null : lastU64(last.key) + 1n;
    }
  }

  #checkJoin(name: ObjectName, collectionId: bigint, membershipCount: number): void {
    this.#records.require('collection', { partitionId: name.partitionId, objectId: collectionId });
    if (this.numberOf(name, collectionId) !== null) {
      throw new ObjectStoreFault('already-member', 'the object is in that collection by another attribute');
    }
    if (membershipCount >= this.#limits.osdMembershipCountMax) {
      throw new ObjectStoreFault('limit', `an object is in at most ${this.#limits.osdMembershipCountMax} collections`, { limit: 'osdMembershipCountMax' });
    }
  }

  #remove(name: ObjectName, attributeNumber: number, collectionId: bigint): void {
    this.#metadata.tables.memberships.removeSync(membershipKey(name, attributeNumber));
    this.#metadata.tables.members.removeSync(memberKey(name.partitionId, collectionId, name.objectId));
    this.#countMembers(name.partitionId, collectionId, -1);
  }

  #countMembers(partitionId: bigint, collectionId: bigint, by: number): void {
    const name: ObjectName = { partitionId, objectId: collectionId };
    this.#records.change(name, this.#records.require('collection', name)).memberCount += by;
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  asBuffer(bytes).writeUInt32BE(value);
  return bytes;
}
