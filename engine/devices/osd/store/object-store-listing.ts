import type { ObjectInformation, ObjectName } from './object-types.js';

/** Ids in ascending order. `next` is the id to go on from, null at the end. */
export interface IdPage {
  readonly ids: readonly bigint[];
  readonly next: bigint | null;
}

/** From id `from` on (inclusive), at most `countMax`, never more than `osdListCountMax` at a time. What is created or removed meanwhile may be in it or not. */
export interface PageRequest {
  readonly from: bigint;
  readonly countMax: number;
}

/** One of the conditions of a QUERY. The store asks for the attribute's value; null is an attribute that the object does not have. */
export interface AttributeCriterion {
  readonly pageNumber: number;
  readonly attributeNumber: number;
  matches(value: Uint8Array | null): boolean;
}

export interface QueryRequest {
  readonly partitionId: bigint;
  /** Members of this collection; null for all user objects of the partition. */
  readonly collectionId: bigint | null;
  /** Where to begin, and where the step before said to go on. */
  readonly from: bigint;
  readonly criteria: readonly AttributeCriterion[];
  /** Whether one criterion or each has to match. No criteria match everything. */
  readonly mode: 'any' | 'all';
  /** Matches that this step may answer. */
  readonly countMax: number;
  /** Objects that this step may look at, so that one QUERY does not keep the device from others. */
  readonly examinedCountMax: number;
  /**
   * The value of an attribute that is computed: undefined for one that is not, which the store then looks up. `information` is read when called.
   */
  readonly computed?: (name: ObjectName, pageNumber: number, attributeNumber: number, information: () => ObjectInformation) => Uint8Array | null | undefined;
}

export interface QueryStep {
  readonly matches: readonly bigint[];
  readonly examinedCount: number;
  /** The id to go on from; null when all have been looked at. */
  readonly next: bigint | null;
}

/** Lists read only what they answer: a million objects cost as little as ten. Faults: not-found of the partition or collection. */
export interface ListingApi {
  listPartitions(request: PageRequest): IdPage;
  listCollections(partitionId: bigint, request: PageRequest): IdPage;
  listUserObjects(partitionId: bigint, request: PageRequest): IdPage;
  /** User objects that are in the collection. */
  listMembers(collection: ObjectName, request: PageRequest): IdPage;
  query(request: QueryRequest): QueryStep;
}
