import { paddedLength } from './bhs.js';
import { BHS_CDB_LENGTH } from './scsi-command.js';

/**
 * Additional header segments, RFC 7143 §11.2.2.
 *
 *      0| AHSLength                     | AHSType       | AHS-Specific  |
 *      4/ AHS-Specific                                                  /
 *
 * AHSLength counts the bytes after AHSType's byte: for an Extended CDB the length of the rest of the CDB
 * plus one reserved byte, for a Bidirectional Read Expected Data Transfer Length always 5.
 */
export const AhsType = { extendedCdb: 1, bidirectionalReadLength: 2 } as const;

const AHS_HEADER_LENGTH = 3;
const BIDIRECTIONAL_AHS_LENGTH = 5;
/** The longest CDB that SPC knows, in bytes: a VARIABLE LENGTH CDB of 8 + 252. */
export const CDB_LENGTH_MAX = 260;
const EXTENDED_CDB_AHS_LENGTH_MAX = CDB_LENGTH_MAX - BHS_CDB_LENGTH + 1;

export interface AhsFields {
  /** Offset of the extended CDB bytes in the parsed view, or -1. */
  extendedCdbAt: number;
  extendedCdbLength: number;
  /** Bytes, or -1 when the segment is absent. */
  bidirectionalReadLength: number;
}

export function emptyAhs(): AhsFields {
  return { extendedCdbAt: -1, extendedCdbLength: 0, bidirectionalReadLength: -1 };
}

/**
 * Reads all segments in `[at, at + lengthBytes)`. Answers false, whatever was read so far, when a segment
 * overruns, is empty, repeats or is of a type that does not exist: the PDU then deserves a Reject.
 */
export function parseAhs(view: DataView, at: number, lengthBytes: number, into: AhsFields): boolean {
  into.extendedCdbAt = -1;
  into.extendedCdbLength = 0;
  into.bidirectionalReadLength = -1;
  const end = at + lengthBytes;
  let cursor = at;
  while (cursor < end) {
    if (cursor + AHS_HEADER_LENGTH + 1 > end) return false;
    const ahsLength = view.getUint16(cursor);
    const type = view.getUint8(cursor + 2);
    const next = cursor + paddedLength(AHS_HEADER_LENGTH + ahsLength);
    if (ahsLength === 0 || next > end) return false;
    if (type === AhsType.extendedCdb) {
      if (into.extendedCdbAt !== -1 || ahsLength < 2 || ahsLength > EXTENDED_CDB_AHS_LENGTH_MAX) return false;
      into.extendedCdbAt = cursor + AHS_HEADER_LENGTH + 1;
      into.extendedCdbLength = ahsLength - 1;
    } else if (type === AhsType.bidirectionalReadLength) {
      if (into.bidirectionalReadLength !== -1 || ahsLength !== BIDIRECTIONAL_AHS_LENGTH) return false;
      into.bidirectionalReadLength = view.getUint32(cursor + AHS_HEADER_LENGTH + 1);
    } else {
      return false;
    }
    cursor = next;
  }
  return true;
}

/** Bytes that an Extended CDB segment takes on the wire for a CDB of this length; 0 when none is needed. */
export function extendedCdbAhsLengthBytes(cdbLength: number): number {
  return cdbLength <= BHS_CDB_LENGTH ? 0 : paddedLength(AHS_HEADER_LENGTH + 1 + cdbLength - BHS_CDB_LENGTH);
}

/** Writes an Extended CDB segment for the bytes of `cdb` after the 16th; answers the offset behind it. */
export function encodeExtendedCdbAhs(cdb: Uint8Array, view: DataView, at: number): number {
  const rest = cdb.length - BHS_CDB_LENGTH;
  const end = at + extendedCdbAhsLengthBytes(cdb.length);
  view.setUint16(at, rest + 1);
  view.setUint8(at + 2, AhsType.extendedCdb);
  view.setUint8(at + 3, 0);
  let cursor = at + 4;
  for (let i = 0; i < rest; i++) view.setUint8(cursor++, cdb[BHS_CDB_LENGTH + i] as number);
  while (cursor < end) view.setUint8(cursor++, 0);
  return end;
}

/** Length on the wire of a Bidirectional Read Expected Data Transfer Length segment. */
export const BIDIRECTIONAL_AHS_LENGTH_BYTES = 8;

/** Writes a Bidirectional Read Expected Data Transfer Length segment; answers the offset behind it. */
export function encodeBidirectionalReadLengthAhs(lengthBytes: number, view: DataView, at: number): number {
  view.setUint16(at, BIDIRECTIONAL_AHS_LENGTH);
  view.setUint8(at + 2, AhsType.bidirectionalReadLength);
  view.setUint8(at + 3, 0);
  view.setUint32(at + 4, lengthBytes);
  return at + BIDIRECTIONAL_AHS_LENGTH_BYTES;
}
