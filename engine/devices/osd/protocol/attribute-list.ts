import { type AttributeName, invalidListField, listLengthError } from './command-failure.js';
import type { ObjectType } from './object-id.js';

/** An attribute with its value: null where the object has none, and then it travels with a length of FFFFh. */
export interface AttributeEntry extends AttributeName {
  readonly value: Uint8Array | null;
}

/** Attributes of one of several objects. */
export interface ObjectAttributes {
  readonly objectId: bigint;
  readonly objectType: ObjectType;
  readonly entries: readonly AttributeEntry[];
}

/*
 * Attributes list, OSD-2 "OSD attributes lists".
 *
 *     0| Reserved . List Type | Reserved (3) | List Length (bytes behind it)  |
 *     8/ List entries                                                        /
 */
export const LIST_HEADER_LENGTH = 8;
export const ListType = { get: 0x1, values: 0x9, multiObject: 0xe } as const;
const LIST_TYPE_MASK = 0x0f;
const LIST_LENGTH_AT = 4;
const GET_ENTRY_LENGTH = 8;
/** Page, number, six reserved bytes and the length of the value, which is padded to a multiple of eight. */
export const VALUE_ENTRY_HEADER_LENGTH = 16;
const VALUE_LENGTH_AT = 14;
const OBJECT_HEADER_LENGTH = 16;
const OBJECT_ENTRIES_LENGTH_MAX = 0xffff;
const ALIGNMENT = 8;
/** ATTRIBUTE LENGTH of an attribute that the object does not have, OSD-2 "Attributes lists and pages". */
export const UNDEFINED_LENGTH = 0xffff;
export const ATTRIBUTE_VALUE_LENGTH_MAX = 0xfffe;

export function padded(lengthBytes: number): number {
  return Math.ceil(lengthBytes / ALIGNMENT) * ALIGNMENT;
}

/**
 * The entries of a list segment of the Data-Out, which is as long as the CDB says. LIST LENGTH may be zero there: Linux leaves it to the CDB. `segmentAt` is
 * where the segment starts in the parameter data, for field pointers.
 */
function entriesOf(segment: Uint8Array, type: number, segmentAt: number): Uint8Array {
  if (segment.length < LIST_HEADER_LENGTH) throw listLengthError();
  if (((segment[0] as number) & LIST_TYPE_MASK) !== type) throw invalidListField(segmentAt);
  const lengthBytes = viewOf(segment).getUint32(LIST_LENGTH_AT);
  if (lengthBytes > segment.length - LIST_HEADER_LENGTH) throw listLengthError();
  return segment.subarray(LIST_HEADER_LENGTH, lengthBytes === 0 ? segment.length : LIST_HEADER_LENGTH + lengthBytes);
}

/** The attributes that a get attributes list names. */
export function parseGetList(segment: Uint8Array, segmentAt = 0): AttributeName[] {
  const entries = entriesOf(segment, ListType.get, segmentAt);
  if (entries.length % GET_ENTRY_LENGTH !== 0) throw listLengthError();
  const view = viewOf(entries);
  const names: AttributeName[] = [];
  for (let at = 0; at < entries.length; at += GET_ENTRY_LENGTH) names.push({ page: view.getUint32(at), number: view.getUint32(at + 4) });
  return names;
}

export interface SetEntry extends AttributeName {
  /** Empty for an attribute that is to be taken away. */
  readonly value: Uint8Array;
  /** Where the entry stands in the parameter data. */
  readonly at: number;
}

/** The attributes and values of a set attributes list. */
export function parseSetList(segment: Uint8Array, segmentAt = 0): SetEntry[] {
  const entries = entriesOf(segment, ListType.values, segmentAt);
  const view = viewOf(entries);
  const sets: SetEntry[] = [];
  for (let at = 0; at < entries.length; ) {
    if (entries.length - at < VALUE_ENTRY_HEADER_LENGTH) throw listLengthError();
    const name = { page: view.getUint32(at), number: view.getUint32(at + 4) };
    const lengthBytes = view.getUint16(at + VALUE_LENGTH_AT);
    const end = at + VALUE_ENTRY_HEADER_LENGTH + lengthBytes;
    const entryAt = segmentAt + LIST_HEADER_LENGTH + at;
    if (lengthBytes > ATTRIBUTE_VALUE_LENGTH_MAX) throw invalidListField(entryAt + VALUE_LENGTH_AT, [name]);
    if (end > entries.length) throw listLengthError();
    sets.push({ ...name, value: entries.slice(at + VALUE_ENTRY_HEADER_LENGTH, end), at: entryAt });
    at = padded(end);
  }
  return sets;
}

function entryLength({ value }: AttributeEntry): number {
  return padded(VALUE_ENTRY_HEADER_LENGTH + (value?.length ?? 0));
}

function entriesLength(entries: readonly AttributeEntry[]): number {
  return entries.reduce((sum, entry) => sum + entryLength(entry), 0);
}

function writeEntries(target: Uint8Array, from: number, entries: readonly AttributeEntry[]): number {
  const view = viewOf(target);
  let at = from;
  for (const entry of entries) {
    view.setUint32(at, entry.page);
    view.setUint32(at + 4, entry.number);
    view.setUint16(at + VALUE_LENGTH_AT, entry.value === null ? UNDEFINED_LENGTH : entry.value.length);
    if (entry.value !== null) target.set(entry.value, at + VALUE_ENTRY_HEADER_LENGTH);
    at += entryLength(entry);
  }
  return at;
}

function list(type: number, entriesLengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(LIST_HEADER_LENGTH + entriesLengthBytes);
  bytes[0] = type;
  viewOf(bytes).setUint32(LIST_LENGTH_AT, entriesLengthBytes);
  return bytes;
}

/** A list of attributes with their values, of one object. */
export function encodeValueList(entries: readonly AttributeEntry[]): Uint8Array {
  const bytes = list(ListType.values, entriesLength(entries));
  writeEntries(bytes, LIST_HEADER_LENGTH, entries);
  return bytes;
}

/** The length of one object's entries has 16 bits: what does not fit is left out, whole entries of it. */
function fitting(entries: readonly AttributeEntry[]): readonly AttributeEntry[] {
  let lengthBytes = 0;
  const end = entries.findIndex((entry) => {
    lengthBytes += entryLength(entry);
    return lengthBytes > OBJECT_ENTRIES_LENGTH_MAX;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

/** The bytes that one object takes in a list of several objects. OSD-2 "Multi-object retrieved attributes". */
export function encodeObjectAttributes(object: ObjectAttributes): Uint8Array {
  const entries = fitting(object.entries);
  const lengthBytes = entriesLength(entries);
  const bytes = new Uint8Array(OBJECT_HEADER_LENGTH + lengthBytes);
  const view = viewOf(bytes);
  view.setBigUint64(0, object.objectId);
  bytes[8] = object.objectType;
  view.setUint16(14, lengthBytes);
  writeEntries(bytes, OBJECT_HEADER_LENGTH, entries);
  return bytes;
}

/** A list of attributes of several objects: of those that one CREATE made, or of the members of a collection. */
export function encodeMultiObjectList(objects: readonly ObjectAttributes[]): Uint8Array {
  const parts = objects.map(encodeObjectAttributes);
  const bytes = list(
    ListType.multiObject,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = LIST_HEADER_LENGTH;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
