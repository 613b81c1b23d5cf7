import { assert } from '../../../errors.js';
import type { Metadata } from './metadata.js';
import { objectKey } from './object-keys.js';
import { decodeRecord, encodeRecord, type ObjectRecord } from './object-record.js';
import type { ObjectKind, ObjectName } from './object-types.js';
import { notFound } from './store-faults.js';

interface Changed {
  readonly key: Buffer;
  readonly record: ObjectRecord;
}

interface AccessTimes {
  readonly kind: ObjectKind;
  readonly name: ObjectName;
  attributesMs: number;
  dataMs: number;
}

/**
 * The table `objects`. In a transaction a record that is changed is kept as it is and written once, at the end: a command that creates a thousand objects
 * counts them in its partition a thousand times.
 */
export class Records {
  readonly #metadata: Metadata;
  readonly #nowMs: () => number;
  readonly #accessTimeCountMax: number;
  readonly #changed = new Map<string, Changed>();
  /** Of objects that were read since; see `noteAccess`. */
  readonly #accesses = new Map<string, AccessTimes>();
  #bypassesTimes = false;

  constructor(metadata: Metadata, nowMs: () => number, accessTimeCountMax: number) {
    this.#metadata = metadata;
    this.#nowMs = nowMs;
    this.#accessTimeCountMax = accessTimeCountMax;
    metadata.beforeCommit(() => this.#writeChanged());
  }

  get nowMs(): number {
    return this.#nowMs();
  }

  find(kind: ObjectKind, { partitionId, objectId }: ObjectName): ObjectRecord | null {
    const changed = this.#changed.size === 0 ? undefined : this.#changed.get(textOf(kind, partitionId, objectId));
    if (changed !== undefined) return changed.record;
    const bytes = this.#metadata.tables.objects.getBinary(objectKey(kind, partitionId, objectId));
    return bytes === undefined ? null : decodeRecord(kind, bytes);
  }

  /** Of whatever kind. */
  findAny(name: ObjectName): ObjectRecord | null {
    if (name.objectId !== 0n) return this.find('user', name) ?? this.find('collection', name);
    return this.find(name.partitionId === 0n ? 'root' : 'partition', name);
  }

  require(kind: ObjectKind, name: ObjectName): ObjectRecord {
    const record = this.find(kind, name);
    if (record === null) throw notFound(kind === 'user' ? 'user object' : kind);
    return record;
  }

  requireAny(name: ObjectName): ObjectRecord {
    const record = this.findAny(name);
    if (record === null) throw notFound(name.objectId === 0n ? 'partition' : 'object');
    return record;
  }

  /** `record` of `name`, as it was found, will be written with the transaction. Answers the one to change. */
  change(name: ObjectName, record: ObjectRecord): ObjectRecord {
    assert(this.#metadata.isInTransaction, 'records change in transactions');
    const text = textOf(record.kind, name.partitionId, name.objectId);
    const changed = this.#changed.get(text);
    if (changed !== undefined) return changed.record;
    if (this.#changed.size === 0) this.#metadata.onRollback(() => this.#forget());
    this.#changed.set(text, { key: objectKey(record.kind, name.partitionId, name.objectId), record });
    return record;
  }

  /** A new record, written at once: there may be many in one transaction. */
  add(name: ObjectName, record: ObjectRecord): void {
    this.#metadata.tables.objects.putSync(objectKey(record.kind, name.partitionId, name.objectId), encodeRecord(record));
  }

  remove(kind: ObjectKind, name: ObjectName): void {
    const text = textOf(kind, name.partitionId, name.objectId);
    this.#changed.delete(text);
    this.#metadata.onCommit(() => this.#accesses.delete(text));
    this.#metadata.tables.objects.removeSync(objectKey(kind, name.partitionId, name.objectId));
  }

  /** All objects of a partition were removed: none of their records may be written again. */
  forgetPartition(partitionId: bigint): void {
    for (const text of this.#changed.keys()) if (text.split(':')[1] === `${partitionId}`) this.#changed.delete(text);
  }

  root(): ObjectRecord {
    return this.require('root', { partitionId: 0n, objectId: 0n });
  }

  changeRoot(): ObjectRecord {
    return this.change({ partitionId: 0n, objectId: 0n }, this.root());
  }

  partition(partitionId: bigint): ObjectRecord {
    return this.require('partition', { partitionId, objectId: 0n });
  }

  changePartition(partitionId: bigint): ObjectRecord {
    return this.change({ partitionId, objectId: 0n }, this.partition(partitionId));
  }

  /** Space taken (or given back) by an object counts in all that it is in. */
  addUsed(name: ObjectName, bytes: number): void {
    if (bytes === 0) return;
    if (name.partitionId !== 0n) this.changePartition(name.partitionId).usedBytes += bytes;
    this.changeRoot().usedBytes += bytes;
  }

  attributesModified(record: ObjectRecord): void {
    if (!this.#bypassesTimes) record.attributesModifiedMs = this.#nowMs();
  }

  dataModified(record: ObjectRecord): void {
    if (!this.#bypassesTimes) record.dataModifiedMs = this.#nowMs();
  }

  bypassTimes(): void {
    assert(this.#metadata.isInTransaction, 'times are bypassed in a transaction');
    this.#bypassesTimes = true;
    const restore = () => {
      this.#bypassesTimes = false;
    };
    this.#metadata.onCommit(restore);
    this.#metadata.onRollback(restore);
  }

  noteAccess(name: ObjectName, record: ObjectRecord, what: 'attributes' | 'data'): void {
    const text = textOf(record.kind, name.partitionId, name.objectId);
    const times = this.#accesses.get(text) ?? { kind: record.kind, name, attributesMs: 0, dataMs: 0 };
    if (what === 'attributes') times.attributesMs = this.#nowMs();
    else times.dataMs = this.#nowMs();
    this.#accesses.set(text, times);
    if (this.#accesses.size >= this.#accessTimeCountMax && !this.#metadata.isInTransaction) this.writeAccesses();
  }

  get hasAccesses(): boolean {
    return this.#accesses.size > 0;
  }

  /** Times of access into their records, in one transaction. */
  writeAccesses(): void {
    if (this.#accesses.size === 0) return;
    this.#metadata.transaction(() => {
      for (const { kind, name } of this.#accesses.values()) {
        const record = this.find(kind, name);
        if (record !== null) this.change(name, record);
      }
    });
    // Of objects that are gone since.
    this.#accesses.clear();
  }

  /** What is known of times of access and not written yet. */
  withAccesses(name: ObjectName, record: ObjectRecord): ObjectRecord {
    const times = this.#accesses.get(textOf(record.kind, name.partitionId, name.objectId));
    return times === undefined ? record : overlaid({ ...record }, times);
  }

  /** FORMAT OSD, in its transaction: nothing is left that could be written. */
  forgetAll(): void {
    this.#forget();
    this.#metadata.onCommit(() => this.#accesses.clear());
  }

  #writeChanged(): void {
    const written: string[] = [];
    for (const [text, { key, record }] of this.#changed) {
      const times = this.#accesses.get(text);
      if (times !== undefined) written.push(text);
      this.#metadata.tables.objects.putSync(key, encodeRecord(times === undefined ? record : overlaid(record, times)));
    }
    this.#metadata.onCommit(() => {
      this.#forget();
      for (const text of written) this.#accesses.delete(text);
    });
  }

  #forget(): void {
    this.#changed.clear();
  }
}

/** The later time counts: a command may have set one meanwhile. */
function overlaid(record: ObjectRecord, { attributesMs, dataMs }: AccessTimes): ObjectRecord {
  record.attributesAccessedMs = Math.max(record.attributesAccessedMs, attributesMs);
  record.dataAccessedMs = Math.max(record.dataAccessedMs, dataMs);
  return record;
}

function textOf(kind: ObjectKind, partitionId: bigint, objectId: bigint): string {
  return `${kind}:${partitionId}:${objectId}`;
}
