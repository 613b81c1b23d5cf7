/** Why the object store could not do what it was asked; the command layer maps each to status and sense. */
export type ObjectFault =
  /** There is no such root, partition, collection or user object. */
  | 'not-found'
  /** An id that was asked for is taken, by an object of either kind. */
  | 'exists'
  /** An id outside of what objects may have: both ids are at least 10000h. */
  | 'invalid-id'
  /** A partition still has objects, a collection still has members. */
  | 'not-empty'
  /** The operation is for another kind of object. */
  | 'wrong-kind'
  /** The object would become longer than its quota. */
  | 'quota-length'
  /** The partition would occupy more than its quota. */
  | 'quota-capacity'
  /** The partition would hold more objects, or the device more partitions, than its quota. */
  | 'quota-count'
  /** A bound of `engine/limits.ts`: attribute length, attributes of an object, collections of an object. `limit` names it. */
  | 'limit'
  /** Beyond 2^53 - 1 bytes, or beyond what the file system gives one file. */
  | 'too-long'
  /** An offset behind the end where a range has to begin inside the object (PUNCH, READ MAP). */
  | 'beyond-end'
  /** A user object is a member of that collection already, by another attribute. */
  | 'already-member'
  /** The device, the file system or the metadata's map is full. Nothing of the transaction happened. */
  | 'no-space'
  /** The file system or LMDB failed. `cause` says how. */
  | 'medium-error'
  /** The store was opened read-only. */
  | 'read-only';

/**
 * Thrown by every operation of the object store; it ends the transaction that it is thrown in, so that a command whose fifth step fails has done
 * none of them. Faults are caught at one place, where a command's outcome is made of them.
 */
export class ObjectStoreFault extends Error {
  override readonly name = 'ObjectStoreFault';
  readonly fault: ObjectFault;
  /** The limit that was met, for `limit`. */
  readonly limit: string | null;
  constructor(fault: ObjectFault, message: string, details: { readonly limit?: string; readonly cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.fault = fault;
    this.limit = details.limit ?? null;
  }
}
