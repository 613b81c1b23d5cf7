import type { Limits } from '../../../limits.js';
import type { AttributeTable } from './attribute-table.js';
import type { LmdbTable } from './lmdb.js';
import type { Metadata } from './metadata.js';
import { idBehind, keyBehind, lastU64, memberKey, objectKey, pairKey } from './object-keys.js';
import type { IdPage, PageRequest, QueryRequest, QueryStep } from './object-store-listing.js';
import type { ObjectInformation, ObjectKind, ObjectName } from './object-types.js';
import type { Records } from './records.js';

export interface ListingOptions {
  readonly metadata: Metadata;
  readonly records: Records;
  readonly attributes: AttributeTable;
  readonly limits: Limits;
  readonly informationOf: (name: ObjectName) => ObjectInformation;
}

const ROWS_PER_STEP = 256;

interface IdRange {
  readonly table: LmdbTable;
  readonly keyOf: (id: bigint) => Buffer;
  readonly idOf: (key: Uint8Array) => bigint;
  readonly end: Buffer | undefined;
}

/** Lists and queries: ranges of keys, read in pages. */
export class Listing {
  readonly #metadata: Metadata;
  readonly #records: Records;
  readonly #attributes: AttributeTable;
  readonly #limits: Limits;
  readonly #informationOf: (name: ObjectName) => ObjectInformation;

  constructor({ metadata, records, attributes, limits, informationOf }: ListingOptions) {
    this.#metadata = metadata;
    this.#records = records;
    this.#attributes = attributes;
    this.#limits = limits;
    this.#informationOf = informationOf;
  }

  partitions(request: PageRequest): IdPage {
    const range: IdRange = {
      table: this.#metadata.tables.objects,
      keyOf: (id) => objectKey('partition', id, 0n),
      idOf: (key) => lastU64(key.subarray(0, 9)),
      end: keyBehind(Buffer.of(objectKey('partition', 0n, 0n)[0] as number)),
    };
    return this.#page(range, request);
  }

  ofPartition(kind: 'collection' | 'user', partitionId: bigint, request: PageRequest): IdPage {
    this.#records.partition(partitionId);
    return this.#page(this.#objectRange(kind, partitionId), request);
  }

  members(collection: ObjectName, request: PageRequest): IdPage {
    this.#records.require('collection', collection);
    return this.#page(this.#memberRange(collection), request);
  }

  query(request: QueryRequest): QueryStep {
    const { partitionId, collectionId } = request;
    if (collectionId === null) this.#records.partition(partitionId);
    else this.#records.require('collection', { partitionId, objectId: collectionId });
    const range = collectionId === null ? this.#objectRange('user', partitionId) : this.#memberRange({ partitionId, objectId: collectionId });
    const matches: bigint[] = [];
    const countMax = Math.max(1, Math.min(request.countMax, this.#limits.osdListCountMax));
    const examinedCountMax = Math.max(1, request.examinedCountMax);
    let examinedCount = 0;
    for (let from: bigint | null = request.from; from !== null; ) {
      const { ids, next } = this.#page(range, { from, countMax: Math.min(ROWS_PER_STEP, examinedCountMax - examinedCount) });
      for (const id of ids) {
        examinedCount++;
        if (!this.#isMatch({ partitionId, objectId: id }, request)) continue;
        matches.push(id);
        if (matches.length === countMax) return { matches, examinedCount, next: this.#following(range, id) };
      }
      if (examinedCount >= examinedCountMax) return { matches, examinedCount, next };
      from = next;
    }
    return { matches, examinedCount, next: null };
  }

  #isMatch(name: ObjectName, { criteria, mode, computed }: QueryRequest): boolean {
    if (criteria.length === 0) return true;
    const information = () => this.#informationOf(name);
    const isMet = ({ pageNumber, attributeNumber, matches }: QueryRequest['criteria'][number]): boolean => {
      const value = computed?.(name, pageNumber, attributeNumber, information);
      return matches(value === undefined ? this.#attributes.get(name, pageNumber, attributeNumber) : value);
    };
    return mode === 'all' ? criteria.every(isMet) : criteria.some(isMet);
  }

  #following(range: IdRange, id: bigint): bigint | null {
    const behind = idBehind(id);
    return behind === null ? null : (this.#page(range, { from: behind, countMax: 1 }).ids[0] ?? null);
  }

  #page({ table, keyOf, idOf, end }: IdRange, { from, countMax }: PageRequest): IdPage {
    const limit = Math.max(1, Math.min(countMax, this.#limits.osdListCountMax));
    const ids: bigint[] = [];
    // One more than may be answered tells where to go on.
    for (const key of table.getKeys({ start: keyOf(from), limit: limit + 1, ...(end === undefined ? {} : { end }) })) ids.push(idOf(key));
    return ids.length > limit ? { next: ids.pop() as bigint, ids } : { ids, next: null };
  }

  #objectRange(kind: ObjectKind, partitionId: bigint): IdRange {
    return {
      table: this.#metadata.tables.objects,
      keyOf: (id) => objectKey(kind, partitionId, id),
      idOf: lastU64,
      end: keyBehind(objectKey(kind, partitionId, 0n).subarray(0, 9)),
    };
  }

  #memberRange({ partitionId, objectId }: ObjectName): IdRange {
    return {
      table: this.#metadata.tables.members,
      keyOf: (id) => memberKey(partitionId, objectId, id),
      idOf: lastU64,
      end: keyBehind(pairKey(partitionId, objectId)),
    };
  }
}
