import { SenseKey } from '../engine/scsi/sense-codes.js';
import { additionalSenseName, senseKeyName } from './scsi/sense-names.js';

/** Where the CDB or the parameter list is wrong. */
export interface FieldPointer {
  readonly byte: number;
  readonly bit: number | null;
  readonly inCdb: boolean;
}

/** One descriptor of descriptor-format sense data as it came. */
export interface SenseDescriptor {
  /** DESCRIPTOR TYPE. */
  readonly type: number;
  /** With its two bytes of header. */
  readonly bytes: Buffer;
}

/** Sense data of either format, SPC-4 §4.5 "Sense data". What the target did not send is null or false. */
export interface ParsedSense {
  readonly format: 'fixed' | 'descriptor';
  readonly deferred: boolean;
  /** A `SenseKey` value. */
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
  /** ASC and ASCQ together, as `Asc` has them. */
  readonly ascAscq: number;
  /** INFORMATION when it is valid. */
  readonly information: bigint | null;
  readonly commandSpecific: bigint | null;
  readonly fieldReplaceableUnit: number | null;
  /** ILLEGAL REQUEST: byte of the CDB or parameter list that is wrong. */
  readonly fieldPointer: FieldPointer | null;
  /** NO SENSE and NOT READY: how much is done, from 0 to 1. */
  readonly progress: number | null;
  /** RECOVERED, MEDIUM and HARDWARE ERROR: ACTUAL RETRY COUNT. */
  readonly retryCount: number | null;
  /** COPY ABORTED: the field of a segment descriptor that is wrong. */
  readonly segmentPointer: Omit<FieldPointer, 'inCdb'> | null;
  /** UNIT ATTENTION: some were lost for want of room. */
  readonly unitAttentionOverflow: boolean;
  /** FILEMARK, EOM and ILI: of tapes, ILI of disks too. */
  readonly filemark: boolean;
  readonly endOfMedium: boolean;
  readonly incorrectLength: boolean;
  /** SDAT_OVFL: the target had more than it could send. */
  readonly overflow: boolean;
  /** Empty in fixed format. */
  readonly descriptors: readonly SenseDescriptor[];
  readonly bytes: Buffer;
}

const FIXED_CURRENT = 0x70;
const FIXED_DEFERRED = 0x71;
const DESCRIPTOR_CURRENT = 0x72;
const DESCRIPTOR_DEFERRED = 0x73;
const VALID_BIT = 0x80;
const SENSE_KEY_SPECIFIC_VALID = 0x80;
const FILEMARK_BIT = 0x80;
const EOM_BIT = 0x40;
const ILI_BIT = 0x20;
const SDAT_OVFL_BIT = 0x10;
const BLOCK_ILI_BIT = 0x20;
const DESCRIPTOR_HEADER_LENGTH = 8;
const PROGRESS_DENOMINATOR = 65_536;

/** DESCRIPTOR TYPE, SPC-4 §4.5.2 "Descriptor format sense data". */
export const SenseDescriptorType = {
  information: 0x00,
  commandSpecificInformation: 0x01,
  senseKeySpecific: 0x02,
  fieldReplaceableUnit: 0x03,
  streamCommands: 0x04,
  blockCommands: 0x05,
  ataStatusReturn: 0x09,
  anotherProgressIndication: 0x0a,
  userDataSegmentReferral: 0x0b,
  forwardedSenseData: 0x0c,
  directAccessBlockDevice: 0x0d,
} as const;

/** Null when the bytes are no sense data (empty, or a response code that does not exist). */
export function parseSense(bytes: Buffer): ParsedSense | null {
  const responseCode = (bytes[0] ?? 0) & 0x7f;
  if (responseCode === FIXED_CURRENT || responseCode === FIXED_DEFERRED) return parseFixed(bytes, responseCode === FIXED_DEFERRED);
  if (responseCode === DESCRIPTOR_CURRENT || responseCode === DESCRIPTOR_DEFERRED) return parseDescriptors(bytes, responseCode === DESCRIPTOR_DEFERRED);
  return null;
}

/** `ILLEGAL REQUEST, invalid field in CDB (0x24/0x00), CDB byte 2 bit 5`. */
export function describeSense(sense: ParsedSense): string {
  const { asc, ascq, fieldPointer, information, commandSpecific, progress, retryCount } = sense;
  const codes = `0x${hexByte(asc)}/0x${hexByte(ascq)}`;
  const name = additionalSenseName(sense.ascAscq);
  const parts = [`${sense.deferred ? 'deferred ' : ''}${senseKeyName(sense.key)}`, name === null ? `ASC/ASCQ ${codes}` : `${name} (${codes})`];
  if (fieldPointer !== null) {
    parts.push(`${fieldPointer.inCdb ? 'CDB' : 'parameter list'} byte ${fieldPointer.byte}${fieldPointer.bit === null ? '' : ` bit ${fieldPointer.bit}`}`);
  }
  if (information !== null) parts.push(`information 0x${information.toString(16)}`);
  if (commandSpecific !== null && commandSpecific !== 0n) parts.push(`command-specific 0x${commandSpecific.toString(16)}`);
  if (progress !== null) parts.push(`${(progress * 100).toFixed(1)} % done`);
  if (retryCount !== null) parts.push(`${retryCount} retries`);
  return parts.join(', ');
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function byteAt(bytes: Buffer, at: number): number {
  // Targets may cut sense data short; what is missing reads as zero.
  return bytes[at] ?? 0;
}

type Specific = Pick<ParsedSense, 'fieldPointer' | 'progress' | 'retryCount' | 'segmentPointer' | 'unitAttentionOverflow'>;
const nothingSpecific: Specific = { fieldPointer: null, progress: null, retryCount: null, segmentPointer: null, unitAttentionOverflow: false };

function parseFixed(bytes: Buffer, deferred: boolean): ParsedSense {
  const flags = byteAt(bytes, 2);
  const key = flags & 0x0f;
  const valid = (byteAt(bytes, 0) & VALID_BIT) !== 0 && bytes.length >= 7;
  // ADDITIONAL SENSE LENGTH says how much of what came counts.
  const end = Math.min(bytes.length, DESCRIPTOR_HEADER_LENGTH + byteAt(bytes, 7));
  const counted = bytes.subarray(0, Math.max(end, DESCRIPTOR_HEADER_LENGTH));
  const commandSpecific = counted.length >= 12 ? counted.readUInt32BE(8) : 0;
  const unit = byteAt(counted, 14);
  return {
    format: 'fixed',
    deferred,
    key,
    ...codes(byteAt(counted, 12), byteAt(counted, 13)),
    information: valid ? BigInt(bytes.readUInt32BE(3)) : null,
    // There is no bit that says it is valid; zero is what devices send that have nothing to tell.
    commandSpecific: commandSpecific === 0 ? null : BigInt(commandSpecific),
    fieldReplaceableUnit: unit === 0 ? null : unit,
    ...parseSpecific(counted, 15, key),
    filemark: (flags & FILEMARK_BIT) !== 0,
    endOfMedium: (flags & EOM_BIT) !== 0,
    incorrectLength: (flags & ILI_BIT) !== 0,
    overflow: (flags & SDAT_OVFL_BIT) !== 0,
    descriptors: [],
    bytes,
  };
}

function parseDescriptors(bytes: Buffer, deferred: boolean): ParsedSense {
  const key = byteAt(bytes, 1) & 0x0f;
  const descriptors = splitDescriptors(bytes);
  const find = (type: number, lengthMin: number): Buffer | null => {
    const found = descriptors.find((descriptor) => descriptor.type === type && descriptor.bytes.length >= lengthMin);
    return found?.bytes ?? null;
  };
  const information = find(SenseDescriptorType.information, 12);
  const specific = find(SenseDescriptorType.senseKeySpecific, 7);
  const unit = find(SenseDescriptorType.fieldReplaceableUnit, 4);
  const stream = find(SenseDescriptorType.streamCommands, 4);
  const block = find(SenseDescriptorType.blockCommands, 4);
  const streamFlags = stream === null ? 0 : byteAt(stream, 3);
  const blockFlags = block === null ? 0 : byteAt(block, 3);
  return {
    format: 'descriptor',
    deferred,
    key,
    ...codes(byteAt(bytes, 2), byteAt(bytes, 3)),
    information: information !== null && (byteAt(information, 2) & VALID_BIT) !== 0 ? information.readBigUInt64BE(4) : null,
    commandSpecific: find(SenseDescriptorType.commandSpecificInformation, 12)?.readBigUInt64BE(4) ?? null,
    fieldReplaceableUnit: unit === null ? null : byteAt(unit, 3),
    ...(specific === null ? nothingSpecific : parseSpecific(specific, 4, key)),
    filemark: (streamFlags & FILEMARK_BIT) !== 0,
    endOfMedium: (streamFlags & EOM_BIT) !== 0,
    incorrectLength: ((streamFlags & ILI_BIT) | (blockFlags & BLOCK_ILI_BIT)) !== 0,
    overflow: (byteAt(bytes, 4) & VALID_BIT) !== 0,
    descriptors,
    bytes,
  };
}

function splitDescriptors(bytes: Buffer): SenseDescriptor[] {
  const descriptors: SenseDescriptor[] = [];
  const end = Math.min(bytes.length, DESCRIPTOR_HEADER_LENGTH + byteAt(bytes, 7));
  for (let at = DESCRIPTOR_HEADER_LENGTH; at + 2 <= end; ) {
    const next = at + 2 + byteAt(bytes, at + 1);
    // One that reaches beyond the end was cut, and its fields with it.
    if (next > end) break;
    descriptors.push({ type: byteAt(bytes, at), bytes: bytes.subarray(at, next) });
    at = next;
  }
  return descriptors;
}

function codes(asc: number, ascq: number): { asc: number; ascq: number; ascAscq: number } {
  return { asc, ascq, ascAscq: (asc << 8) | ascq };
}

/** The three sense-key specific bytes, whose meaning hangs on the sense key. SPC-4 §4.5.2.4 "Sense key specific sense data". */
function parseSpecific(bytes: Buffer, at: number, key: number): Specific {
  const flags = byteAt(bytes, at);
  if ((flags & SENSE_KEY_SPECIFIC_VALID) === 0 || at + 3 > bytes.length) return nothingSpecific;
  const value = bytes.readUInt16BE(at + 1);
  const bit = (flags & 0x08) === 0 ? null : flags & 0x07;
  switch (key) {
    case SenseKey.illegalRequest:
      return { ...nothingSpecific, fieldPointer: { byte: value, bit, inCdb: (flags & 0x40) !== 0 } };
    case SenseKey.noSense:
    case SenseKey.notReady:
      return { ...nothingSpecific, progress: value / PROGRESS_DENOMINATOR };
    case SenseKey.recoveredError:
    case SenseKey.mediumError:
    case SenseKey.hardwareError:
      return { ...nothingSpecific, retryCount: value };
    case SenseKey.copyAborted:
      return { ...nothingSpecific, segmentPointer: { byte: value, bit } };
    case SenseKey.unitAttention:
      return { ...nothingSpecific, unitAttentionOverflow: (flags & 0x01) !== 0 };
    default:
      return nothingSpecific;
  }
}
