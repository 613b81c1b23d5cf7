import type { Limits } from '../../../limits.js';
import type { Metadata } from './metadata.js';
import { attributeKey, keyBehind, lastU32, pairKey } from './object-keys.js';
import type { ObjectRecord } from './object-record.js';
import type { AttributeEntry, AttributePosition } from './object-store-attributes.js';
import { ObjectStoreFault } from './object-store-fault.js';
import type { ObjectName } from './object-types.js';
import type { Records } from './records.js';

const KEY_BYTES = 24;
const U32_MAX = 0xffff_ffff;
const ROWS_PER_STEP = 1024;

/** The table `attributes`: values in the order of object, page and number. */
export class AttributeTable {
  readonly #metadata: Metadata;
  readonly #records: Records;
  readonly #limits: Limits;

  constructor(metadata: Metadata, records: Records, limits: Limits) {
    this.#metadata = metadata;
    this.#records = records;
    this.#limits = limits;
  }

  /** What the attributes of an object take. */
  spaceOf({ attributeCount, attributeBytes }: ObjectRecord): number {
    return attributeCount * KEY_BYTES + attributeBytes;
  }

  get({ partitionId, objectId }: ObjectName, pageNumber: number, attributeNumber: number): Buffer | null {
    return this.#metadata.tables.attributes.getBinary(attributeKey({ partitionId, objectId }, pageNumber, attributeNumber)) ?? null;
  }

  /** In a transaction. Answers how many bytes more the object takes; the caller checks that they may be had. */
  set(name: ObjectName, record: ObjectRecord, position: AttributePosition, value: Uint8Array | null): number {
    const { attributes } = this.#metadata.tables;
    const key = attributeKey(name, position.pageNumber, position.attributeNumber);
    const before = attributes.getBinary(key);
    const isSet = value !== null && value.length > 0;
    if (isSet) this.#checkLimits(record, value, before === undefined);
    const spaceBefore = this.spaceOf(record);
    const changed = this.#records.change(name, record);
    changed.attributeCount += Number(isSet) - Number(before !== undefined);
    changed.attributeBytes += (isSet ? value.length : 0) - (before?.length ?? 0);
    this.#records.attributesModified(changed);
    // A copy: LMDB wants memory that is not shared.
    if (isSet) attributes.putSync(key, Buffer.from(value));
    else if (before !== undefined) attributes.removeSync(key);
    return this.spaceOf(changed) - spaceBefore;
  }

  page(name: ObjectName, from: AttributePosition, pageNumber: number | null, countMax: number): { entries: AttributeEntry[]; next: AttributePosition | null } {
    const prefix = pageNumber === null ? pairKey(name.partitionId, name.objectId) : attributeKey(name, pageNumber, 0).subarray(0, 20);
    const isBefore = pageNumber !== null && from.pageNumber < pageNumber;
    const start = isBefore ? attributeKey(name, pageNumber, 0) : attributeKey(name, from.pageNumber, from.attributeNumber);
    const entries: AttributeEntry[] = [];
    if (pageNumber !== null && from.pageNumber > pageNumber) return { entries, next: null };
    const limit = Math.max(1, Math.min(countMax, this.#limits.osdListCountMax));
    const end = keyBehind(prefix);
    let bytes = 0;
    // One more than may be answered tells where to go on.
    for (const { key, value } of this.#metadata.tables.attributes.getRange({ start, limit: limit + 1, ...(end === undefined ? {} : { end }) })) {
      const position = { pageNumber: lastU32(key.subarray(0, 20)), attributeNumber: lastU32(key) };
      bytes += value.length;
      if (entries.length === limit || (entries.length > 0 && bytes > this.#limits.osdListBytesMax)) return { entries, next: position };
      entries.push({ ...position, value });
    }
    return { entries, next: null };
  }

  pages(name: ObjectName, from: number, countMax: number): { pageNumbers: number[]; next: number | null } {
    const end = keyBehind(pairKey(name.partitionId, name.objectId));
    const pageNumbers: number[] = [];
    const limit = Math.max(1, Math.min(countMax, this.#limits.osdListCountMax));
    for (let page: number | null = from; page !== null; ) {
      const start = attributeKey(name, page, 0);
      const [key]: Uint8Array[] = [...this.#metadata.tables.attributes.getKeys({ start, limit: 1, ...(end === undefined ? {} : { end }) })];
      if (key === undefined) break;
      const found = lastU32(key.subarray(0, 20));
      if (pageNumbers.length === limit) return { pageNumbers, next: found };
      pageNumbers.push(found);
      page = found === U32_MAX ? null : found + 1;
    }
    return { pageNumbers, next: null };
  }

  /** Those of an object that goes; its record goes too. */
  removeAllOf({ partitionId, objectId }: ObjectName): void {
    const start = pairKey(partitionId, objectId);
    const end = keyBehind(start);
    const { attributes } = this.#metadata.tables;
    for (;;) {
      const keys = [...attributes.getKeys({ start, limit: ROWS_PER_STEP, ...(end === undefined ? {} : { end }) })];
      for (const key of keys) attributes.removeSync(key);
      if (keys.length < ROWS_PER_STEP) return;
    }
  }

  #checkLimits(record: ObjectRecord, value: Uint8Array, isNew: boolean): void {
    const { osdAttributeBytesMax, osdAttributeCountMax } = this.#limits;
    if (value.length > osdAttributeBytesMax) {
      throw new ObjectStoreFault('limit', `an attribute has at most ${osdAttributeBytesMax} bytes`, { limit: 'osdAttributeBytesMax' });
    }
    if (isNew && record.attributeCount >= osdAttributeCountMax) {
      throw new ObjectStoreFault('limit', `an object has at most ${osdAttributeCountMax} attributes`, { limit: 'osdAttributeCountMax' });
    }
  }
}
