import { assert } from '../../../errors.js';
import type { ObjectKind, Quotas } from './object-types.js';

/** What is kept of an object in the table `objects`; fields that do not apply to its kind are zero and not stored. */
export interface ObjectRecord {
  readonly kind: ObjectKind;
  createdMs: number;
  attributesAccessedMs: number;
  attributesModifiedMs: number;
  dataAccessedMs: number;
  dataModifiedMs: number;
  versionTag: bigint;
  attributeCount: number;
  attributeBytes: number;
  /** Names the file of its bytes; 0 while there is none. */
  fileId: number;
  logicalLengthBytes: number;
  /** Space of its file. */
  dataBytes: number;
  membershipCount: number;
  memberCount: number;
  /** Of partitions and the root: space of all below and of their own attributes. */
  usedBytes: number;
  partitionCount: number;
  collectionCount: number;
  userObjectCount: number;
  /** The next id to be given out below it. */
  nextId: bigint;
  objectLengthBytesMax: bigint | null;
  capacityBytesMax: bigint | null;
  objectCountMax: bigint | null;
  partitionCountMax: bigint | null;
}

type Field = Exclude<keyof ObjectRecord, 'kind'>;
/** Widths: `time` is 6 bytes of milliseconds, `quota` 8 bytes with all ones for none, `id` 8 bytes as a bigint. */
type Width = 'time' | 'u32' | 'u64' | 'id' | 'quota';
type Layout = readonly (readonly [Field, Width])[];

const FORMAT = 1;

const common: Layout = [
  ['createdMs', 'time'],
  ['attributesAccessedMs', 'time'],
  ['attributesModifiedMs', 'time'],
  ['dataAccessedMs', 'time'],
  ['dataModifiedMs', 'time'],
  ['versionTag', 'id'],
  ['attributeCount', 'u32'],
  ['attributeBytes', 'u64'],
];
const container: Layout = [
  ['usedBytes', 'u64'],
  ['collectionCount', 'u64'],
  ['userObjectCount', 'u64'],
  ['nextId', 'id'],
  ['objectLengthBytesMax', 'quota'],
  ['capacityBytesMax', 'quota'],
  ['objectCountMax', 'quota'],
];

/** In this order behind one byte of format. */
const layouts: Readonly<Record<ObjectKind, Layout>> = {
  root: [...common, ...container, ['partitionCount', 'u64'], ['partitionCountMax', 'quota']],
  partition: [...common, ...container],
  collection: [...common, ['memberCount', 'u64']],
  user: [...common, ['fileId', 'u64'], ['logicalLengthBytes', 'u64'], ['dataBytes', 'u64'], ['membershipCount', 'u32'], ['objectLengthBytesMax', 'quota']],
};

const widthBytes: Readonly<Record<Width, number>> = { time: 6, u32: 4, u64: 8, id: 8, quota: 8 };
const NO_QUOTA = 0xffff_ffff_ffff_ffffn;

export function newRecord(kind: ObjectKind, nowMs: number, nextId = 0n): ObjectRecord {
  return { ...emptyRecord(kind), createdMs: nowMs, attributesModifiedMs: nowMs, dataModifiedMs: kind === 'user' ? nowMs : 0, versionTag: 1n, nextId };
}

function emptyRecord(kind: ObjectKind): ObjectRecord {
  return {
    kind,
    createdMs: 0,
    attributesAccessedMs: 0,
    attributesModifiedMs: 0,
    dataAccessedMs: 0,
    dataModifiedMs: 0,
    versionTag: 0n,
    attributeCount: 0,
    attributeBytes: 0,
    fileId: 0,
    logicalLengthBytes: 0,
    dataBytes: 0,
    membershipCount: 0,
    memberCount: 0,
    usedBytes: 0,
    partitionCount: 0,
    collectionCount: 0,
    userObjectCount: 0,
    nextId: 0n,
    objectLengthBytesMax: null,
    capacityBytesMax: null,
    objectCountMax: null,
    partitionCountMax: null,
  };
}

/** The quotas that a kind keeps; setting another is the caller's mistake. */
export function hasQuota(kind: ObjectKind, quota: keyof Quotas): boolean {
  return layouts[kind].some(([field]) => field === quota);
}

export function encodeRecord(record: ObjectRecord): Buffer {
  const layout = layouts[record.kind];
  const bytes = Buffer.allocUnsafe(layout.reduce((length, [, width]) => length + widthBytes[width], 1));
  bytes[0] = FORMAT;
  let at = 1;
  for (const [field, width] of layout) {
    at = putField(bytes, at, width, record[field]);
  }
  return bytes;
}

export function decodeRecord(kind: ObjectKind, bytes: Buffer): ObjectRecord {
  assert(bytes[0] === FORMAT, 'a record of the store has a format that is known');
  const record = emptyRecord(kind);
  const fields = record as unknown as Record<Field, number | bigint | null>;
  let at = 1;
  for (const [field, width] of layouts[kind]) {
    fields[field] = takeField(bytes, at, width);
    at += widthBytes[width];
  }
  return record;
}

function putField(bytes: Buffer, at: number, width: Width, value: number | bigint | null): number {
  if (width === 'time') return bytes.writeUIntBE(value as number, at, 6);
  if (width === 'u32') return bytes.writeUInt32BE(value as number, at);
  return bytes.writeBigUInt64BE(value === null ? NO_QUOTA : BigInt(value), at);
}

function takeField(bytes: Buffer, at: number, width: Width): number | bigint | null {
  if (width === 'time') return bytes.readUIntBE(at, 6);
  if (width === 'u32') return bytes.readUInt32BE(at);
  const value = bytes.readBigUInt64BE(at);
  if (width === 'u64') return Number(value);
  return width === 'quota' && value === NO_QUOTA ? null : value;
}
