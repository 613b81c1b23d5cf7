import type { ObjectKind, ObjectName } from './object-types.js';

/**
 * Keys of the tables: big-endian numbers one behind the other, so that LMDB's order of bytes is the order of the numbers.
 */
const kindBytes: Readonly<Record<ObjectKind, number>> = { root: 0, partition: 1, collection: 2, user: 3 };
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** `objects`: kind, partition, id. Kinds apart, so that a list of one meets no others. */
export function objectKey(kind: ObjectKind, partitionId: bigint, objectId: bigint): Buffer {
  const key = Buffer.allocUnsafe(17);
  key[0] = kindBytes[kind];
  key.writeBigUInt64BE(partitionId, 1);
  key.writeBigUInt64BE(objectId, 9);
  return key;
}

/** Two numbers of 64 bits: the beginning of the keys of an object in `attributes`, `members` and `memberships`. */
export function pairKey(first: bigint, second: bigint): Buffer {
  const key = Buffer.allocUnsafe(16);
  key.writeBigUInt64BE(first, 0);
  key.writeBigUInt64BE(second, 8);
  return key;
}

/** `attributes`: partition, id, page, number. */
export function attributeKey(name: ObjectName, pageNumber: number, attributeNumber: number): Buffer {
  const key = Buffer.allocUnsafe(24);
  key.writeBigUInt64BE(name.partitionId, 0);
  key.writeBigUInt64BE(name.objectId, 8);
  key.writeUInt32BE(pageNumber, 16);
  key.writeUInt32BE(attributeNumber, 20);
  return key;
}

/** `members`: partition, collection, user object. */
export function memberKey(partitionId: bigint, collectionId: bigint, objectId: bigint): Buffer {
  const key = Buffer.allocUnsafe(24);
  key.writeBigUInt64BE(partitionId, 0);
  key.writeBigUInt64BE(collectionId, 8);
  key.writeBigUInt64BE(objectId, 16);
  return key;
}

/** `memberships`: partition, user object, attribute number. */
export function membershipKey(name: ObjectName, attributeNumber: number): Buffer {
  const key = Buffer.allocUnsafe(20);
  key.writeBigUInt64BE(name.partitionId, 0);
  key.writeBigUInt64BE(name.objectId, 8);
  key.writeUInt32BE(attributeNumber, 16);
  return key;
}

export function numberKey(value: number): Buffer {
  return u64(BigInt(value));
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** The first key behind all that begin with `prefix`; undefined when there is none. */
export function keyBehind(prefix: Buffer): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    if (end[at] !== 0xff) {
      end[at] = (end[at] as number) + 1;
      return end.subarray(0, at + 1);
    }
  }
  return undefined;
}

/** Numbers at the end of a key. */
export function lastU64(key: Uint8Array): bigint {
  return asBuffer(key).readBigUInt64BE(key.length - 8);
}

export function lastU32(key: Uint8Array): number {
  return asBuffer(key).readUInt32BE(key.length - 4);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** null behind the highest id. */
export function idBehind(id: bigint): bigint | null {
  return id === MAX_U64 ? null : id + 1n;
}
