import { assert } from '../errors.js';

/**
 * The 8-byte LUN field as SAM-5 §4.7 "Logical unit numbers" codes it, for single-level LUNs:
 * peripheral device addressing (method 00b, LUNs 0 to 255) and flat space addressing (01b, 0 to 16383).
 */

const ADDRESS_METHOD_PERIPHERAL = 0;
const ADDRESS_METHOD_FLAT = 1;
/** The largest LUN that single-level addressing can name. */
export const LUN_MAX = 16383;
/** What `decodeLun` answers for a form that names no LUN we could have. */
export const LUN_UNSUPPORTED = -1;

/** The LUN that the field names, or `LUN_UNSUPPORTED` (second level, extended or well-known forms). */
export function decodeLun(lunHigh: number, lunLow: number): number {
  if (lunLow !== 0 || (lunHigh & 0xffff) !== 0) return LUN_UNSUPPORTED;
  const first = lunHigh >>> 16;
  const method = first >>> 14;
  if (method === ADDRESS_METHOD_PERIPHERAL) return first > 0xff ? LUN_UNSUPPORTED : first;
  if (method === ADDRESS_METHOD_FLAT) return first & 0x3fff;
  return LUN_UNSUPPORTED;
}

/** The first four bytes of the field for a LUN from 0 to `LUN_MAX`; the other four are zero. */
export function encodeLunHigh(lun: number): number {
  assert(Number.isInteger(lun) && lun >= 0 && lun <= LUN_MAX, `LUN ${lun} cannot be written in single-level addressing`);
  const first = lun <= 0xff ? lun : (ADDRESS_METHOD_FLAT << 14) | lun;
  return (first << 16) >>> 0;
}
