import type { ObjectName } from './object-types.js';

/** An attribute of an object: both numbers are unsigned and of 32 bits. */
export interface AttributeEntry {
  readonly pageNumber: number;
  readonly attributeNumber: number;
  readonly value: Uint8Array;
}

export interface AttributePosition {
  readonly pageNumber: number;
  readonly attributeNumber: number;
}

/**
 * The attributes that were set, and nothing else: those that the device computes (lengths, times, identification) are the command layer's, which asks
 * `information` for them. A value is at most `osdAttributeBytesMax` long, and an object has at most `osdAttributeCountMax`.
 */
export interface AttributeApi {
  /** null when it was never set. A copy. Faults: not-found. */
  attribute(name: ObjectName, pageNumber: number, attributeNumber: number): Uint8Array | null;
  /** A value of zero bytes, as null, removes it: the standard has no attribute of length zero. Faults: not-found, limit, no-space, quota-capacity. */
  setAttribute(name: ObjectName, pageNumber: number, attributeNumber: number, value: Uint8Array | null): void;
  /**
   * In the order of page and attribute number, from `from` on, those of `pageNumber` only when it is given. At most `countMax` and at most
   * `osdListBytesMax` bytes of values, but one at least; `next` is where to go on, null at the end.
   */
  attributes(
    name: ObjectName,
    options: { readonly from?: AttributePosition; readonly pageNumber?: number; readonly countMax: number },
  ): { readonly entries: readonly AttributeEntry[]; readonly next: AttributePosition | null };
  /** Numbers of the pages that have attributes, in order, from `from` on: one seek a page, however many attributes a page has. */
  attributePages(name: ObjectName, from: number, countMax: number): { readonly pageNumbers: readonly number[]; readonly next: number | null };

  /** Collections that a user object is in, by the attribute number that says so (1h and up in its collections page). In order of that number. */
  memberships(name: ObjectName): readonly Membership[];
  /**
   * Puts the user object into a collection of its partition, under an attribute number, in place of what that number said; null takes it out.
   * Faults: not-found (either), wrong-kind, already-member (under another number), limit (`osdMembershipCountMax`).
   */
  setMembership(name: ObjectName, attributeNumber: number, collectionId: bigint | null): void;
  /** The same under the first free number; answers it. A member stays as it is, and its number is the answer. */
  join(name: ObjectName, collectionId: bigint): number;
  /** Takes it out of the collection, under whatever number. False when it was no member. */
  leave(name: ObjectName, collectionId: bigint): boolean;
  isMember(name: ObjectName, collectionId: bigint): boolean;
}

export interface Membership {
  readonly attributeNumber: number;
  readonly collectionId: bigint;
}
