/**
 * The 48-byte basic header segment that every iSCSI PDU starts with. RFC 7143 §11.2.1.
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *        /              |               |               |               |
 *       +---------------+---------------+---------------+---------------+
 *      0|.|I| Opcode    |F|  Opcode-specific fields                     |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or opcode-specific fields                                 |
 *     16| Initiator Task Tag                                            |
 *     20/ Opcode-specific fields                                        /
 *     48+---------------------------------------------------------------+
 *
 * Codecs read and write through a DataView at a byte offset: no copies, no slices, no I/O.
 */

/** Length of the basic header segment in bytes. */
export const BHS_LENGTH = 48;
/** Length of a header or data digest in bytes (CRC32C). */
export const DIGEST_LENGTH = 4;
/** "No tag": the reserved value of Initiator Task Tag and Target Transfer Tag. */
export const RESERVED_TAG = 0xffffffff;
/** Largest value of the 24-bit DataSegmentLength field. */
export const DATA_SEGMENT_LENGTH_FIELD_MAX = 0xffffff;

/** Opcodes, RFC 7143 §11.2.1.2. */
export const Opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagementRequest: 0x02,
  loginRequest: 0x03,
  textRequest: 0x04,
  dataOut: 0x05,
  logoutRequest: 0x06,
  snackRequest: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

const opcodeNames = new Map<number, string>(Object.entries(Opcode).map(([name, code]) => [code, name]));

/** The name of an opcode, for logs. */
export function opcodeName(opcode: number): string {
  return opcodeNames.get(opcode) ?? `opcode 0x${opcode.toString(16)}`;
}

export const IMMEDIATE_BIT = 0x40;
export const OPCODE_MASK = 0x3f;
/** The F (final) bit, or T (transit) in login PDUs. */
export const FINAL_BIT = 0x80;
/** The C (continue) bit of login and text PDUs. */
export const CONTINUE_BIT = 0x40;

/** Turns `{name: width}` in wire order into `{name: offset}`; widths in bytes. */
export function fieldOffsets<const T extends Record<string, number>>(widths: T): { readonly [K in keyof T]: number } & { readonly end: number } {
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [name, width] of Object.entries(widths)) {
    offsets[name] = at;
    at += width;
  }
  offsets['end'] = at;
  return offsets as { readonly [K in keyof T]: number } & { readonly end: number };
}

/** Fields that every PDU has at the same place. */
export const BHS = fieldOffsets({
  opcode: 1,
  flags: 1,
  opcodeSpecific2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  opcodeSpecific20: 28,
});

/** The sequence numbers that most target PDUs carry at bytes 24 to 35. */
export interface TargetNumbers {
  statSN: number;
  expCmdSN: number;
  maxCmdSN: number;
}

/** A LUN field as two big-endian 32-bit words. */
export interface LunField {
  lunHigh: number;
  lunLow: number;
}

export function readOpcode(view: DataView, at: number): number {
  return view.getUint8(at) & OPCODE_MASK;
}

export function isImmediate(view: DataView, at: number): boolean {
  return (view.getUint8(at) & IMMEDIATE_BIT) !== 0;
}

/** TotalAHSLength in bytes (the field counts 4-byte words). */
export function readTotalAHSLengthBytes(view: DataView, at: number): number {
  return view.getUint8(at + BHS.totalAHSLength) * 4;
}

/** DataSegmentLength in bytes, without padding. */
export function readDataSegmentLength(view: DataView, at: number): number {
  return view.getUint32(at + BHS.totalAHSLength) & 0xffffff;
}

export function readInitiatorTaskTag(view: DataView, at: number): number {
  return view.getUint32(at + BHS.initiatorTaskTag);
}

/** Writes TotalAHSLength and DataSegmentLength, both in bytes. */
export function writeLengths(view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
  view.setUint32(at + BHS.totalAHSLength, ((ahsLengthBytes >>> 2) << 24) | dataSegmentLengthBytes);
}

/** A segment length rounded up to the 4-byte boundary that the wire asks for. */
export function paddedLength(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}

/** Zeroes one BHS. */
export function clearBhs(view: DataView, at: number): void {
  for (let offset = 0; offset < BHS_LENGTH; offset += 4) view.setUint32(at + offset, 0);
}
