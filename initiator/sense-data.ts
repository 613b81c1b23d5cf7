import { SenseKey } from '../engine/scsi/sense-codes.js';

/** Sense data of either format, SPC-4 §4.5 "Sense data". */
export interface ParsedSense {
  readonly deferred: boolean;
  /** A `SenseKey` value. */
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
  /** ASC and ASCQ together, as `Asc` has them. */
  readonly ascAscq: number;
  /** INFORMATION when it is valid. */
  readonly information: bigint | null;
  /** Byte of the CDB or parameter list that is wrong, when the target says. */
  readonly fieldPointer: { readonly byte: number; readonly bit: number | null; readonly inCdb: boolean } | null;
  readonly bytes: Buffer;
}

const FIXED_CURRENT = 0x70;
const FIXED_DEFERRED = 0x71;
const DESCRIPTOR_CURRENT = 0x72;
const DESCRIPTOR_DEFERRED = 0x73;
const VALID_BIT = 0x80;
const DESCRIPTOR_HEADER_LENGTH = 8;
const DescriptorType = { information: 0x00, senseKeySpecific: 0x02 } as const;

/** Null when the bytes are no sense data (empty, or a response code that does not exist). */
export function parseSense(bytes: Buffer): ParsedSense | null {
  const responseCode = (bytes[0] ?? 0) & 0x7f;
  if (responseCode === FIXED_CURRENT || responseCode === FIXED_DEFERRED) return parseFixed(bytes, responseCode === FIXED_DEFERRED);
  if (responseCode === DESCRIPTOR_CURRENT || responseCode === DESCRIPTOR_DEFERRED) return parseDescriptor(bytes, responseCode === DESCRIPTOR_DEFERRED);
  return null;
}

function byteAt(bytes: Buffer, at: number): number {
  // Targets may cut sense data short; what is missing reads as zero.
  return bytes[at] ?? 0;
}

function parseFixed(bytes: Buffer, deferred: boolean): ParsedSense {
  const key = byteAt(bytes, 2) & 0x0f;
  const valid = (byteAt(bytes, 0) & VALID_BIT) !== 0 && bytes.length >= 7;
  return {
    deferred,
    key,
    ...codes(byteAt(bytes, 12), byteAt(bytes, 13)),
    information: valid ? BigInt(bytes.readUInt32BE(3)) : null,
    fieldPointer: key === SenseKey.illegalRequest ? parseFieldPointer(bytes, 15) : null,
    bytes,
  };
}

function parseDescriptor(bytes: Buffer, deferred: boolean): ParsedSense {
  const key = byteAt(bytes, 1) & 0x0f;
  let information: bigint | null = null;
  let fieldPointer: ParsedSense['fieldPointer'] = null;
  const end = Math.min(bytes.length, DESCRIPTOR_HEADER_LENGTH + byteAt(bytes, 7));
  for (let at = DESCRIPTOR_HEADER_LENGTH; at + 2 <= end; at += 2 + byteAt(bytes, at + 1)) {
    const type = bytes[at];
    if (type === DescriptorType.information && at + 12 <= end && (byteAt(bytes, at + 2) & VALID_BIT) !== 0) information = bytes.readBigUInt64BE(at + 4);
    if (type === DescriptorType.senseKeySpecific && key === SenseKey.illegalRequest) fieldPointer = parseFieldPointer(bytes, at + 4);
  }
  return { deferred, key, ...codes(byteAt(bytes, 2), byteAt(bytes, 3)), information, fieldPointer, bytes };
}

function codes(asc: number, ascq: number): { asc: number; ascq: number; ascAscq: number } {
  return { asc, ascq, ascAscq: (asc << 8) | ascq };
}

/** The three sense-key specific bytes of an ILLEGAL REQUEST, SPC-4 "Field pointer sense key specific data". */
function parseFieldPointer(bytes: Buffer, at: number): ParsedSense['fieldPointer'] {
  const flags = byteAt(bytes, at);
  if ((flags & 0x80) === 0 || at + 3 > bytes.length) return null;
  return { byte: bytes.readUInt16BE(at + 1), bit: (flags & 0x08) === 0 ? null : flags & 0x07, inCdb: (flags & 0x40) !== 0 };
}
