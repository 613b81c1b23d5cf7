/** OSD-2 CDBs and parameter data as an initiator makes them, field by field, with offsets of their own: nothing here comes from the engine. */

const CDB_LENGTH = 236;
const ADDITIONAL_CDB_LENGTH = 228;
const OFFSET_UNUSED = 0xffffffff;
const ALIGNMENT = 8;

/** Service actions, OSD-2 "Commands for OSD type devices". */
export const Osd = {
  FORMAT_OSD: 0x8881,
  CREATE: 0x8882,
  LIST: 0x8883,
  PUNCH: 0x8884,
  READ: 0x8885,
  WRITE: 0x8886,
  APPEND: 0x8887,
  FLUSH: 0x8888,
  CLEAR: 0x8889,
  REMOVE: 0x888a,
  CREATE_PARTITION: 0x888b,
  REMOVE_PARTITION: 0x888c,
  GET_ATTRIBUTES: 0x888e,
  SET_ATTRIBUTES: 0x888f,
  CREATE_AND_WRITE: 0x8892,
  CREATE_COLLECTION: 0x8895,
  REMOVE_COLLECTION: 0x8896,
  LIST_COLLECTION: 0x8897,
  SET_KEY: 0x8898,
  SET_MASTER_KEY: 0x8899,
  FLUSH_COLLECTION: 0x889a,
  FLUSH_PARTITION: 0x889b,
  FLUSH_OSD: 0x889c,
  QUERY: 0x88a0,
  REMOVE_MEMBER_OBJECTS: 0x88a1,
  GET_MEMBER_ATTRIBUTES: 0x88a2,
  SET_MEMBER_ATTRIBUTES: 0x88a3,
  READ_MAP: 0x88b1,
  PERFORM_SCSI_COMMAND: 0x8f7c,
  PERFORM_TASK_MANAGEMENT_FUNCTION: 0x8f7d,
} as const;

export interface OsdAttribute {
  readonly page: number;
  readonly number: number;
  readonly value: Uint8Array;
}

export interface OsdAttributeName {
  readonly page: number;
  readonly number: number;
}

export interface OsdCommand {
  readonly action: number;
  readonly partition?: bigint;
  readonly object?: bigint;
  /** LENGTH or ALLOCATION LENGTH. */
  readonly length?: number;
  /** STARTING BYTE ADDRESS, INITIAL OBJECT ID, MATCHES COLLECTION ID. */
  readonly start?: bigint;
  readonly listIdentifier?: number;
  readonly options?: number;
  /** Bits of byte 11 beside the attributes' format. */
  readonly specific?: number;
  readonly timestampsControl?: number;
  /** Bytes at an offset of the CDB, put in last. */
  readonly patches?: readonly (readonly [at: number, bytes: Uint8Array])[];
  readonly capability?: Uint8Array;
  /** The command's own Data-Out. */
  readonly data?: Uint8Array;
  /** Room that the command's own Data-In has: retrieved attributes come behind it. */
  readonly dataInLength?: number;
  /** Descriptors of a CDB continuation segment. */
  readonly continuation?: readonly { readonly type: number; readonly bytes: Uint8Array }[];
  readonly get?: readonly OsdAttributeName[];
  readonly getAllocation?: number;
  readonly set?: readonly OsdAttribute[];
  /** Format 2: a page as a whole, and one attribute to set. */
  readonly getPage?: number;
  readonly setValue?: OsdAttribute;
  /** Format 1: one attribute in the CDB itself. */
  readonly setOne?: OsdAttribute;
}

export interface EncodedOsdCommand {
  readonly cdb: Uint8Array;
  readonly dataOut: Uint8Array;
  /** Where retrieved attributes lie in the Data-In. */
  readonly retrievedAt: number;
  /** All that may come back. */
  readonly dataInLength: number;
}

function padded(lengthBytes: number): number {
  return Math.ceil(lengthBytes / ALIGNMENT) * ALIGNMENT;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function osdUint(value: number | bigint, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let rest = BigInt(value);
  for (let at = lengthBytes - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return bytes;
}

/** A Data-In or Data-Out offset: small ones are multiples of eight, an exponent of -5. */
export function osdOffset(offsetBytes: number): { readonly field: number; readonly offsetBytes: number } {
  if (offsetBytes / 8 < 2 ** 28) return { field: ((0xb << 28) | Math.ceil(offsetBytes / 8)) >>> 0, offsetBytes: padded(offsetBytes) };
  const mantissa = Math.ceil(offsetBytes / 256);
  return { field: mantissa, offsetBytes: mantissa * 256 };
}

/** List type 1h: attributes to be got. */
export function getAttributesList(names: readonly OsdAttributeName[]): Uint8Array {
  const bytes = new Uint8Array(8 + 8 * names.length);
  bytes[0] = 0x01;
  view(bytes).setUint32(4, 8 * names.length);
  for (const [index, { page, number }] of names.entries()) {
    view(bytes).setUint32(8 + 8 * index, page);
    view(bytes).setUint32(12 + 8 * index, number);
  }
  return bytes;
}

/** List type 9h: attributes to be set. */
export function setAttributesList(attributes: readonly OsdAttribute[]): Uint8Array {
  const entries = attributes.map(({ page, number, value }) => {
    const entry = new Uint8Array(padded(16 + value.length));
    view(entry).setUint32(0, page);
    view(entry).setUint32(4, number);
    view(entry).setUint16(14, value.length);
    entry.set(value, 16);
    return entry;
  });
  const body = Buffer.concat(entries);
  const bytes = new Uint8Array(8 + body.length);
  bytes[0] = 0x09;
  view(bytes).setUint32(4, body.length);
  bytes.set(body, 8);
  return bytes;
}

function continuationSegment(action: number, descriptors: NonNullable<OsdCommand['continuation']>): Uint8Array {
  const header = new Uint8Array(40);
  header[0] = 0x01;
  view(header).setUint16(2, action);
  const parts = descriptors.map(({ type, bytes }) => {
    const part = new Uint8Array(8 + padded(bytes.length));
    view(part).setUint16(0, type);
    part[3] = padded(bytes.length) - bytes.length;
    view(part).setUint32(4, bytes.length);
    part.set(bytes, 8);
    return part;
  });
  return Buffer.concat([header, ...parts]);
}

/** A query list descriptor: type, and conditions of an attribute between two values. */
export function queryList(
  mode: 'any' | 'all',
  criteria: readonly { readonly page: number; readonly number: number; readonly min?: Uint8Array; readonly max?: Uint8Array }[],
): { readonly type: number; readonly bytes: Uint8Array } {
  const header = Uint8Array.of(mode === 'all' ? 1 : 0, 0, 0, 0);
  const entries = criteria.map(({ page, number, min = new Uint8Array(0), max = new Uint8Array(0) }) =>
    Buffer.concat([
      Uint8Array.of(0, 0),
      osdUint(12 + min.length + max.length, 2),
      osdUint(page, 4),
      osdUint(number, 4),
      osdUint(min.length, 2),
      min,
      osdUint(max.length, 2),
      max,
    ]),
  );
  return { type: 0x0002, bytes: Buffer.concat([header, ...entries]) };
}

/** A scatter/gather list descriptor. */
export function scatterGather(ranges: readonly { readonly offset: bigint; readonly length: bigint }[]): { readonly type: number; readonly bytes: Uint8Array } {
  return { type: 0x0001, bytes: Buffer.concat(ranges.flatMap(({ offset, length }) => [osdUint(offset, 8), osdUint(length, 8)])) };
}

/** The CDB with its Data-Out: continuation segment and data first, then the set attributes list, then the get attributes list. */
export function encodeOsd(command: OsdCommand): EncodedOsdCommand {
  const cdb = new Uint8Array(CDB_LENGTH);
  const fields = view(cdb);
  cdb[0] = 0x7f;
  cdb[7] = ADDITIONAL_CDB_LENGTH;
  fields.setUint16(8, command.action);
  cdb[10] = command.options ?? 0;
  cdb[12] = command.timestampsControl ?? 0;
  fields.setBigUint64(16, command.partition ?? 0n);
  fields.setBigUint64(24, command.object ?? 0n);
  fields.setBigUint64(32, BigInt(command.length ?? 0));
  fields.setBigUint64(40, command.start ?? 0n);
  fields.setUint32(48, command.listIdentifier ?? 0);
  fields.setUint32(228, OFFSET_UNUSED);
  fields.setUint32(232, OFFSET_UNUSED);
  if (command.capability !== undefined) cdb.set(command.capability, 80);
  const pieces: Uint8Array[] = [];
  let at = 0;
  const put = (piece: Uint8Array): number => {
    const offset = osdOffset(at);
    pieces.push(new Uint8Array(offset.offsetBytes - at), piece);
    at = offset.offsetBytes + piece.length;
    return offset.field;
  };
  if (command.continuation !== undefined) {
    const segment = continuationSegment(command.action, command.continuation);
    fields.setUint32(48, segment.length);
    pieces.push(segment);
    at += segment.length;
  }
  if (command.data !== undefined) {
    pieces.push(command.data);
    at += command.data.length;
  }
  const retrieved = osdOffset(command.dataInLength ?? 0);
  const allocation = command.getAllocation ?? 4096;
  let specific = command.specific ?? 0;
  let asksForAttributes = false;
  if (command.setOne !== undefined) {
    specific |= 0x10;
    const { page, number, value } = command.setOne;
    fields.setUint32(52, page);
    fields.setUint32(56, number);
    fields.setUint16(60, value.length);
    cdb.set(value, 62);
  } else if (command.getPage !== undefined || command.setValue !== undefined) {
    specific |= 0x20;
    if (command.getPage !== undefined) {
      fields.setUint32(52, command.getPage);
      fields.setUint32(56, allocation);
      fields.setUint32(60, retrieved.field);
      asksForAttributes = true;
    }
    if (command.setValue !== undefined) {
      const { page, number, value } = command.setValue;
      fields.setUint32(64, page);
      fields.setUint32(68, number);
      fields.setUint32(72, value.length);
      fields.setUint32(76, put(value));
    }
  } else {
    specific |= 0x30;
    if (command.set !== undefined) {
      const list = setAttributesList(command.set);
      fields.setUint32(68, list.length);
      fields.setUint32(72, put(list));
    }
    if (command.get !== undefined) {
      const list = getAttributesList(command.get);
      fields.setUint32(52, list.length);
      fields.setUint32(56, put(list));
      fields.setUint32(60, allocation);
      fields.setUint32(64, retrieved.field);
      asksForAttributes = true;
    }
  }
  cdb[11] = specific;
  for (const [offset, bytes] of command.patches ?? []) cdb.set(bytes, offset);
  const dataInLength = asksForAttributes ? retrieved.offsetBytes + allocation : (command.dataInLength ?? 0);
  return { cdb, dataOut: Buffer.concat(pieces), retrievedAt: retrieved.offsetBytes, dataInLength };
}

/** Entries of a list of type 9h; the value is null where the attribute is not there. */
export function decodeAttributes(bytes: Uint8Array): { readonly page: number; readonly number: number; readonly value: Uint8Array | null }[] {
  return decodeEntries(bytes.subarray(8, 8 + view(bytes).getUint32(4)));
}

function decodeEntries(entries: Uint8Array): { readonly page: number; readonly number: number; readonly value: Uint8Array | null }[] {
  const found: { page: number; number: number; value: Uint8Array | null }[] = [];
  for (let at = 0; at + 16 <= entries.length; ) {
    const lengthBytes = view(entries).getUint16(at + 14);
    const value = lengthBytes === 0xffff ? null : entries.slice(at + 16, at + 16 + lengthBytes);
    found.push({ page: view(entries).getUint32(at), number: view(entries).getUint32(at + 4), value });
    at = padded(at + 16 + (value?.length ?? 0));
  }
  return found;
}

/** Objects of a list of type Eh, or of the object descriptors of a LIST with attributes. */
export function decodeObjects(bytes: Uint8Array): { readonly id: bigint; readonly type: number; readonly attributes: ReturnType<typeof decodeEntries> }[] {
  const found: { id: bigint; type: number; attributes: ReturnType<typeof decodeEntries> }[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const lengthBytes = view(bytes).getUint16(at + 14);
    found.push({ id: view(bytes).getBigUint64(at), type: bytes[at + 8] as number, attributes: decodeEntries(bytes.subarray(at + 16, at + 16 + lengthBytes)) });
    at += 16 + lengthBytes;
  }
  return found;
}

/** LIST and LIST COLLECTION parameter data. */
export function decodeList(bytes: Uint8Array): {
  readonly continuation: bigint;
  readonly identifier: number;
  readonly hasChanged: boolean;
  readonly format: number;
  readonly body: Uint8Array;
  readonly ids: readonly bigint[];
} {
  const fields = view(bytes);
  const body = bytes.subarray(24, 8 + Number(fields.getBigUint64(0)));
  const format = (bytes[23] as number) >> 2;
  const ids =
    (format & 0x02) !== 0 ? decodeObjects(body).map(({ id }) => id) : Array.from({ length: body.length / 8 }, (_, index) => view(body).getBigUint64(8 * index));
  return { continuation: fields.getBigUint64(8), identifier: fields.getUint32(16), hasChanged: ((bytes[23] as number) & 0x02) !== 0, format, body, ids };
}

export interface OsdCapability {
  readonly format?: number;
  readonly keyVersion?: number;
  readonly algorithm?: number;
  readonly method?: number;
  readonly expirationMs?: number;
  readonly createdMs?: number;
  readonly objectType: number;
  readonly permissions: number;
  readonly descriptorType: number;
  readonly allowedAttributesAccess?: number;
  readonly policyAccessTag?: number;
  readonly bootEpoch?: number;
  readonly partition?: bigint;
  readonly object?: bigint;
  readonly range?: { readonly start: bigint; readonly length: bigint };
}

/** The 104 bytes of a capability of OSD-2. */
export function encodeCapability(capability: OsdCapability): Uint8Array {
  const bytes = new Uint8Array(104);
  const fields = view(bytes);
  bytes[0] = capability.format ?? 2;
  bytes[1] = ((capability.keyVersion ?? 0) << 4) | (capability.algorithm ?? 1);
  bytes[2] = capability.method ?? 0;
  bytes.set(osdUint(capability.expirationMs ?? 0, 6), 4);
  bytes.set(osdUint(capability.createdMs ?? 0, 6), 42);
  bytes[48] = capability.objectType;
  fields.setUint16(49, capability.permissions);
  bytes[55] = capability.descriptorType << 4;
  fields.setUint32(56, capability.allowedAttributesAccess ?? 0);
  fields.setUint32(60, capability.policyAccessTag ?? 0);
  fields.setUint16(64, capability.bootEpoch ?? 0);
  fields.setBigUint64(72, capability.partition ?? 0n);
  fields.setBigUint64(80, capability.object ?? 0n);
  fields.setBigUint64(88, capability.range?.length ?? 0xffffffffffffffffn);
  fields.setBigUint64(96, capability.range?.start ?? 0n);
  return bytes;
}
