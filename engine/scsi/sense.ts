import type { CommandSlot } from '../shm/command-slot.js';
import { CommandFlag } from '../shm/layout.js';
import { Asc, SenseKey } from './sense-codes.js';
import { ScsiStatus } from './status.js';

export { Asc, SenseKey } from './sense-codes.js';

export interface SenseDetails {
  /**
   * INFORMATION field: an LBA, an offset, or a residual, which may be negative and is written as a two's complement. The fixed format has it when it fits
   * 32 bits.
   */
  readonly information?: number;
  /** COMMAND-SPECIFIC INFORMATION field, with the same bound. */
  readonly commandSpecific?: number;
  /** Field pointer for ILLEGAL REQUEST: which byte of the CDB (or parameter list) is wrong, and its bit. */
  readonly fieldPointer?: { readonly byte: number; readonly bit?: number; readonly inCdb: boolean };
  /** PROGRESS INDICATION: the part that is done, 0 to 1. */
  readonly progress?: number;
  /** Segment pointer for COPY ABORTED: which field of the segment descriptor, or of the parameter list when `inSegment` is false. */
  readonly segmentPointer?: { readonly byte: number; readonly inSegment: boolean };
  /** `StreamFlag` bits: what a stream command met. SPC-4 "Stream commands sense data descriptor". */
  readonly streamFlags?: number;
  /** It is about a command that has ended before. SPC-4 "Current errors and deferred errors". */
  readonly deferred?: boolean;
  /** Whole descriptors of a device type, put behind the others; the fixed format has no room for them. */
  readonly descriptors?: readonly Uint8Array[];
}

/** FILEMARK, EOM and ILI of the fixed format's byte 2 and of the stream commands descriptor. */
export const StreamFlag = { filemark: 0x80, endOfMedium: 0x40, incorrectLength: 0x20 } as const;

const RESPONSE_CODE_FIXED_CURRENT = 0x70;
/** Added to the response code of either format. */
const RESPONSE_CODE_DEFERRED = 0x01;
const VALID_BIT = 0x80;
const RESPONSE_CODE_MASK = 0x7f;
const SENSE_KEY_MASK = 0x0f;
/** Length of fixed-format sense data as we send it, SPC-4 §4.5.3. */
export const FIXED_SENSE_LENGTH = 18;
const ADDITIONAL_SENSE_LENGTH = FIXED_SENSE_LENGTH - 8;
const SKSV_BIT = 0x80;
const FIELD_POINTER_IN_CDB = 0x40;
const SEGMENT_POINTER_IN_SEGMENT = 0x20;
const BIT_POINTER_VALID = 0x08;
const UINT32_MAX = 0xffffffff;
const INT32_MIN = -0x8000_0000;
const PROGRESS_MAX = 0xffff;
const TWO_TO_THE_32 = 0x1_0000_0000;

/** Writes fixed-format sense data, SPC-4 §4.5.3, and answers its length. */
export function writeFixedSense(sense: Uint8Array, key: SenseKey, asc: number, details: SenseDetails = {}): number {
  sense.fill(0, 0, FIXED_SENSE_LENGTH);
  sense[0] = RESPONSE_CODE_FIXED_CURRENT | (details.deferred === true ? RESPONSE_CODE_DEFERRED : 0);
  sense[2] = key | (details.streamFlags ?? 0);
  const { information, commandSpecific } = details;
  if (information !== undefined && information <= UINT32_MAX && information >= INT32_MIN) {
    sense[0] |= VALID_BIT;
    writeUint32(sense, 3, information);
  }
  sense[7] = ADDITIONAL_SENSE_LENGTH;
  if (commandSpecific !== undefined && commandSpecific <= UINT32_MAX) writeUint32(sense, 8, commandSpecific);
  sense[12] = asc >> 8;
  sense[13] = asc & 0xff;
  writeKeySpecific(sense, 15, details);
  return FIXED_SENSE_LENGTH;
}

const RESPONSE_CODE_DESCRIPTOR_CURRENT = 0x72;
/** Length of descriptor-format sense data without descriptors, SPC-4 §4.5.2. */
export const DESCRIPTOR_SENSE_LENGTH = 8;
/** Sense data descriptors, SPC-4 §4.5.2.1: type and full length. */
const Descriptor = {
  information: { type: 0x00, length: 12 },
  commandSpecific: { type: 0x01, length: 12 },
  keySpecific: { type: 0x02, length: 8 },
  stream: { type: 0x04, length: 4 },
} as const;
const DESCRIPTOR_HEADER_LENGTH = 2;

/** Writes descriptor-format sense data, SPC-4 §4.5.2, and answers its length. */
export function writeDescriptorSense(sense: Uint8Array, key: SenseKey, asc: number, details: SenseDetails = {}): number {
  sense.fill(0, 0, DESCRIPTOR_SENSE_LENGTH);
  sense[0] = RESPONSE_CODE_DESCRIPTOR_CURRENT | (details.deferred === true ? RESPONSE_CODE_DEFERRED : 0);
  sense[1] = key;
  sense[2] = asc >> 8;
  sense[3] = asc & 0xff;
  let at = DESCRIPTOR_SENSE_LENGTH;
  if (details.information !== undefined) at = writeNumberDescriptor(sense, at, Descriptor.information, details.information, VALID_BIT);
  if (details.commandSpecific !== undefined) at = writeNumberDescriptor(sense, at, Descriptor.commandSpecific, details.commandSpecific, 0);
  if (details.fieldPointer !== undefined || details.progress !== undefined || details.segmentPointer !== undefined) {
    beginDescriptor(sense, at, Descriptor.keySpecific);
    writeKeySpecific(sense, at + 4, details);
    at += Descriptor.keySpecific.length;
  }
  if (details.streamFlags !== undefined) {
    beginDescriptor(sense, at, Descriptor.stream);
    sense[at + 3] = details.streamFlags;
    at += Descriptor.stream.length;
  }
  for (const descriptor of details.descriptors ?? []) {
    sense.set(descriptor, at);
    at += descriptor.length;
  }
  sense[7] = at - DESCRIPTOR_SENSE_LENGTH;
  return at;
}

type DescriptorShape = (typeof Descriptor)[keyof typeof Descriptor];

function beginDescriptor(sense: Uint8Array, at: number, { type, length }: DescriptorShape): void {
  sense.fill(0, at, at + length);
  sense[at] = type;
  sense[at + 1] = length - DESCRIPTOR_HEADER_LENGTH;
}

function writeNumberDescriptor(sense: Uint8Array, at: number, shape: DescriptorShape, value: number, flags: number): number {
  beginDescriptor(sense, at, shape);
  sense[at + 2] = flags;
  writeUint32(sense, at + 4, Math.floor(value / TWO_TO_THE_32));
  writeUint32(sense, at + 8, value % TWO_TO_THE_32);
  return at + shape.length;
}

/** SENSE KEY SPECIFIC field, three bytes, SPC-4 §4.5.2.4. */
function writeKeySpecific(sense: Uint8Array, at: number, { fieldPointer, progress, segmentPointer }: SenseDetails): void {
  if (fieldPointer !== undefined) {
    const bit = fieldPointer.bit === undefined ? 0 : BIT_POINTER_VALID | fieldPointer.bit;
    sense[at] = SKSV_BIT | (fieldPointer.inCdb ? FIELD_POINTER_IN_CDB : 0) | bit;
    writeUint16(sense, at + 1, fieldPointer.byte);
  } else if (progress !== undefined) {
    sense[at] = SKSV_BIT;
    writeUint16(sense, at + 1, Math.min(PROGRESS_MAX, Math.floor(progress * (PROGRESS_MAX + 1))));
  } else if (segmentPointer !== undefined) {
    sense[at] = SKSV_BIT | (segmentPointer.inSegment ? SEGMENT_POINTER_IN_SEGMENT : 0);
    writeUint16(sense, at + 1, segmentPointer.byte);
  }
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 0xff;
  bytes[at + 2] = (value >>> 8) & 0xff;
  bytes[at + 3] = value & 0xff;
}

/** What sense data says, in either format; NO SENSE where there is none. */
export function readSense(sense: Uint8Array): { readonly key: SenseKey; readonly asc: number } {
  if (sense.length === 0) return { key: SenseKey.noSense, asc: Asc.none };
  const isFixed = ((sense[0] as number) & RESPONSE_CODE_MASK) < RESPONSE_CODE_DESCRIPTOR_CURRENT;
  const ascAt = isFixed ? 12 : 2;
  return { key: ((sense[isFixed ? 2 : 1] as number) & SENSE_KEY_MASK) as SenseKey, asc: ((sense[ascAt] as number) << 8) | (sense[ascAt + 1] as number) };
}

/** Ends the command with CHECK CONDITION, in the format that its logical unit is set to. Data-In that was already produced stays: both can be returned. */
export function checkCondition(command: CommandSlot, key: SenseKey, asc: number, details?: SenseDetails): void {
  const write = (command.flags & CommandFlag.descriptorSense) === 0 ? writeFixedSense : writeDescriptorSense;
  command.status = ScsiStatus.checkCondition;
  command.senseLength = write(command.sense, key, asc, details);
}

/** CHECK CONDITION, ILLEGAL REQUEST, INVALID FIELD IN CDB, pointing at the byte (and bit). SPC-4 §4.5.2.4.2. */
export function invalidFieldInCdb(command: CommandSlot, byte: number, bit?: number): void {
  checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb, { fieldPointer: { byte, inCdb: true, ...(bit === undefined ? {} : { bit }) } });
}

/** CHECK CONDITION, ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST, pointing at the byte (and bit) of the parameter list. */
export function invalidFieldInParameterList(command: CommandSlot, byte: number, bit?: number): void {
  checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInParameterList, {
    fieldPointer: { byte, inCdb: false, ...(bit === undefined ? {} : { bit }) },
  });
}

/** CHECK CONDITION, ILLEGAL REQUEST, PARAMETER LIST LENGTH ERROR: the length in the CDB is no length that the list can have. */
export function parameterListLengthError(command: CommandSlot): void {
  checkCondition(command, SenseKey.illegalRequest, Asc.parameterListLengthError);
}
