import { assert } from '../errors.js';

/**
 * The 8-byte LUN field as SAM-5 §4.7 "Logical unit numbers" codes it, for single-level LUNs:
 * peripheral device addressing (method 00b, LUNs 0 to 255), flat space addressing (01b, 0 to 16383), and the
 * well-known logical units of extended addressing (11b, length 00b, extended address method 1h).
 */

const ADDRESS_METHOD_PERIPHERAL = 0;
const ADDRESS_METHOD_FLAT = 1;
/** The largest LUN that single-level addressing can name. */
export const LUN_MAX = 16383;
/** Well-known LUNs stand beyond all others, by the first two bytes of their field: extended addressing, and the W-LUN in the last byte. */
const WELL_KNOWN_BASE = 0xc100;
/** REPORT LUNS well-known logical unit, SPC-4 "Well known logical units". */
export const WELL_KNOWN_REPORT_LUNS = WELL_KNOWN_BASE | 0x01;
/** What `decodeLun` answers for a form that names no LUN we could have. */
export const LUN_UNSUPPORTED = -1;

/** The LUN that the field names, or `LUN_UNSUPPORTED` (second level, other extended forms). */
export function decodeLun(lunHigh: number, lunLow: number): number {
  if (lunLow !== 0 || (lunHigh & 0xffff) !== 0) return LUN_UNSUPPORTED;
  const first = lunHigh >>> 16;
  const method = first >>> 14;
  if (method === ADDRESS_METHOD_PERIPHERAL) return first > 0xff ? LUN_UNSUPPORTED : first;
  if (method === ADDRESS_METHOD_FLAT) return first & 0x3fff;
  if (isWellKnownLun(first)) return first;
  return LUN_UNSUPPORTED;
}

/** The first four bytes of the field for a LUN from 0 to `LUN_MAX` or a well-known one; the other four are zero. */
export function encodeLunHigh(lun: number): number {
  if (isWellKnownLun(lun)) return (lun << 16) >>> 0;
  assert(Number.isInteger(lun) && lun >= 0 && lun <= LUN_MAX, `LUN ${lun} cannot be written in single-level addressing`);
  const first = lun <= 0xff ? lun : (ADDRESS_METHOD_FLAT << 14) | lun;
  return (first << 16) >>> 0;
}

export function isWellKnownLun(lun: number): boolean {
  return (lun & ~0xff) === WELL_KNOWN_BASE;
}
