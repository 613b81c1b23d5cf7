import { parseGetList, parseSetList, type SetEntry } from './attribute-list.js';
import { decodeOffset } from './buffer-offset.js';
import { type AttributeName, invalidCdbField, listLengthError } from './command-failure.js';
import { AttributesFormat, CDB, type OsdCdb } from './osd-cdb.js';

/** A piece of the Data-Out or Data-In buffer. */
export interface Segment {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/*
 * Get and set attributes parameters, byte 52 of the CDB on. OSD-2 "Get and set attributes parameters".
 *
 *   set one:  52 page | 56 number | 60 length (2) | 62 value (18)
 *   page:     52 get page | 56 allocation length | 60 retrieved offset | 64 set page | 68 set number | 72 set length | 76 set offset
 *   lists:    52 get list length | 56 get list offset | 60 allocation length | 64 retrieved offset | 68 set list length | 72 set list offset
 */
const at = CDB.attributes;
const SetOne = { page: at, number: at + 4, length: at + 8, value: at + 10 } as const;
const VALUE_LENGTH_MAX = 18;
const Page = { get: at, allocation: at + 4, retrieved: at + 8, set: at + 12, number: at + 16, length: at + 20, offset: at + 24 } as const;
const Lists = { getLength: at, getOffset: at + 4, allocation: at + 8, retrieved: at + 12, setLength: at + 16, setOffset: at + 20 } as const;
/** GET/SET CDBFMT is bits 5 and 4 of its byte. */
const FORMAT_BIT = 5;

/** Where attributes lie in the buffers, as the CDB alone tells it. */
export interface AttributeGeometry {
  readonly getList: Segment | null;
  readonly setData: Segment | null;
  readonly retrieved: Segment | null;
}

const nothing: AttributeGeometry = { getList: null, setData: null, retrieved: null };

/** Throws `CommandFailure` for a format or an offset that is reserved. */
export function attributeGeometry(cdb: OsdCdb): AttributeGeometry {
  switch (cdb.attributesFormat) {
    case AttributesFormat.setOne:
      if (cdb.view.getUint32(SetOne.page) !== 0 && cdb.view.getUint16(SetOne.length) > VALUE_LENGTH_MAX) throw invalidCdbField(SetOne.length);
      return nothing;
    case AttributesFormat.page:
      return {
        getList: null,
        setData: cdb.view.getUint32(Page.set) === 0 ? null : segment(cdb, Page.length, Page.offset),
        retrieved: cdb.view.getUint32(Page.get) === 0 ? null : segment(cdb, Page.allocation, Page.retrieved),
      };
    case AttributesFormat.list: {
      const getList = segment(cdb, Lists.getLength, Lists.getOffset);
      return {
        getList,
        setData: segment(cdb, Lists.setLength, Lists.setOffset),
        retrieved: getList === null ? null : segment(cdb, Lists.allocation, Lists.retrieved),
      };
    }
    default:
      throw invalidCdbField(CDB.specific, FORMAT_BIT);
  }
}

/** Null for a length of zero, and then the offset does not matter. */
function segment(cdb: OsdCdb, lengthAt: number, offsetAt: number): Segment | null {
  const lengthBytes = cdb.view.getUint32(lengthAt);
  if (lengthBytes === 0) return null;
  const offsetBytes = decodeOffset(cdb.view.getUint32(offsetAt));
  if (offsetBytes === undefined || offsetBytes === null) throw invalidCdbField(offsetAt);
  return { offsetBytes, lengthBytes };
}

/** What a command asks of attributes beside its own work. */
export interface AttributeRequest {
  readonly sets: readonly SetEntry[];
  /** The page as a whole, or the attributes that are listed. */
  readonly get: { readonly page: number } | { readonly names: readonly AttributeName[] } | null;
  /** Where what was asked for goes; null where nothing has room. */
  readonly retrieved: Segment | null;
  /** Values of attributes come from the CDB or from parameter data: what a bad one is called. */
  readonly setsFromCdb: boolean;
}

/** The request with what the Data-Out holds of it. */
export function attributeRequest(cdb: OsdCdb, dataOut: Uint8Array): AttributeRequest {
  const geometry = attributeGeometry(cdb);
  const { view } = cdb;
  if (cdb.attributesFormat === AttributesFormat.setOne) {
    const page = view.getUint32(SetOne.page);
    const value = cdb.bytes.slice(SetOne.value, SetOne.value + view.getUint16(SetOne.length));
    return { sets: page === 0 ? [] : [{ page, number: view.getUint32(SetOne.number), value, at: SetOne.page }], get: null, retrieved: null, setsFromCdb: true };
  }
  if (cdb.attributesFormat === AttributesFormat.page) {
    const page = view.getUint32(Page.set);
    const value = geometry.setData === null ? new Uint8Array(0) : pieceOf(dataOut, geometry.setData).slice();
    return {
      sets: page === 0 ? [] : [{ page, number: view.getUint32(Page.number), value, at: Page.set }],
      get: geometry.retrieved === null ? null : { page: view.getUint32(Page.get) },
      retrieved: geometry.retrieved,
      setsFromCdb: true,
    };
  }
  return {
    sets: geometry.setData === null ? [] : parseSetList(pieceOf(dataOut, geometry.setData), geometry.setData.offsetBytes),
    get: geometry.getList === null ? null : { names: parseGetList(pieceOf(dataOut, geometry.getList), geometry.getList.offsetBytes) },
    retrieved: geometry.retrieved,
    setsFromCdb: false,
  };
}

/** The initiator may have sent less than the CDB says. */
export function pieceOf(dataOut: Uint8Array, { offsetBytes, lengthBytes }: Segment): Uint8Array {
  if (offsetBytes + lengthBytes > dataOut.length) throw listLengthError();
  return dataOut.subarray(offsetBytes, offsetBytes + lengthBytes);
}

export function endOf(segments: readonly (Segment | null)[]): number {
  return segments.reduce((end, each) => (each === null ? end : Math.max(end, each.offsetBytes + each.lengthBytes)), 0);
}
