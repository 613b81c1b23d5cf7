import type { CommandSlot } from '../shm/command-slot.js';
import { ScsiStatus } from './status.js';

/** Sense keys, SPC-4 §4.5 "Sense data". */
export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  blankCheck: 0x8,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  volumeOverflow: 0xd,
  miscompare: 0xe,
} as const;
export type SenseKey = (typeof SenseKey)[keyof typeof SenseKey];

/** Additional sense codes with their qualifier: ASC in the high byte, ASCQ in the low one. SPC-4 Annex D. */
export const Asc = {
  none: 0x0000,
  writeError: 0x0c00,
  unexpectedUnsolicitedData: 0x0c0c,
  notEnoughUnsolicitedData: 0x0c0d,
  unrecoveredReadError: 0x1100,
  miscompareDuringVerify: 0x1d00,
  parameterListLengthError: 0x1a00,
  invalidCommandOperationCode: 0x2000,
  lbaOutOfRange: 0x2100,
  invalidFieldInCdb: 0x2400,
  logicalUnitNotSupported: 0x2500,
  invalidFieldInParameterList: 0x2600,
  writeProtected: 0x2700,
  spaceAllocationFailed: 0x2707,
  mediumMayHaveChanged: 0x2800,
  powerOnOrReset: 0x2900,
  powerOnOccurred: 0x2901,
  busDeviceResetFunctionOccurred: 0x2903,
  itNexusLossOccurred: 0x2907,
  commandsClearedByAnotherInitiator: 0x2f00,
  logicalUnitNotReady: 0x0400,
  logicalUnitStopped: 0x0402,
  savingParametersNotSupported: 0x3900,
  mediumNotPresent: 0x3a00,
  reportedLunsDataHasChanged: 0x3f0e,
  internalTargetFailure: 0x4400,
  dataPhaseError: 0x4b00,
  initiatorDetectedError: 0x4800,
  protocolServiceCrcError: 0x4705,
  overlappedCommandsAttempted: 0x4e00,
  insufficientResources: 0x5503,
} as const;
export type Asc = (typeof Asc)[keyof typeof Asc];

const RESPONSE_CODE_FIXED_CURRENT = 0x70;
const VALID_BIT = 0x80;
/** Length of fixed-format sense data as we send it, SPC-4 §4.5.3. */
export const FIXED_SENSE_LENGTH = 18;
const ADDITIONAL_SENSE_LENGTH = FIXED_SENSE_LENGTH - 8;
const SENSE_KEY_SPECIFIC_VALID = 0x80;
const FIELD_POINTER_IN_CDB = 0x40;
const BIT_POINTER_VALID = 0x08;

export interface SenseDetails {
  /** INFORMATION field: an LBA or an offset; sent when it fits 32 bits. */
  information?: number;
  /** Field pointer for ILLEGAL REQUEST: which byte of the CDB (or parameter list) is wrong, and its bit. */
  fieldPointer?: { readonly byte: number; readonly bit?: number; readonly inCdb: boolean };
}

/** Writes fixed-format sense data, SPC-4 §4.5.3, and answers its length. */
export function writeFixedSense(sense: Uint8Array, key: SenseKey, asc: number, details: SenseDetails = {}): number {
  sense.fill(0, 0, FIXED_SENSE_LENGTH);
  sense[0] = RESPONSE_CODE_FIXED_CURRENT;
  sense[2] = key;
  const information = details.information;
  if (information !== undefined && information <= 0xffffffff) {
    sense[0] = RESPONSE_CODE_FIXED_CURRENT | VALID_BIT;
    sense[3] = information >>> 24;
    sense[4] = (information >>> 16) & 0xff;
    sense[5] = (information >>> 8) & 0xff;
    sense[6] = information & 0xff;
  }
  sense[7] = ADDITIONAL_SENSE_LENGTH;
  sense[12] = asc >> 8;
  sense[13] = asc & 0xff;
  const pointer = details.fieldPointer;
  if (pointer !== undefined) {
    sense[15] = SENSE_KEY_SPECIFIC_VALID | (pointer.inCdb ? FIELD_POINTER_IN_CDB : 0) | (pointer.bit === undefined ? 0 : BIT_POINTER_VALID | pointer.bit);
    sense[16] = pointer.byte >> 8;
    sense[17] = pointer.byte & 0xff;
  }
  return FIXED_SENSE_LENGTH;
}

const RESPONSE_CODE_DESCRIPTOR_CURRENT = 0x72;
/** Length of descriptor-format sense data without descriptors, SPC-4 §4.5.2. */
export const DESCRIPTOR_SENSE_LENGTH = 8;

/** Writes descriptor-format sense data without descriptors, SPC-4 §4.5.2, and answers its length. */
export function writeDescriptorSense(sense: Uint8Array, key: SenseKey, asc: number): number {
  sense.fill(0, 0, DESCRIPTOR_SENSE_LENGTH);
  sense[0] = RESPONSE_CODE_DESCRIPTOR_CURRENT;
  sense[1] = key;
  sense[2] = asc >> 8;
  sense[3] = asc & 0xff;
  return DESCRIPTOR_SENSE_LENGTH;
}

/** Ends the command with CHECK CONDITION. Data-In that was already produced stays: both can be returned. */
export function checkCondition(command: CommandSlot, key: SenseKey, asc: number, details?: SenseDetails): void {
  command.status = ScsiStatus.checkCondition;
  command.senseLength = writeFixedSense(command.sense, key, asc, details);
}

/** CHECK CONDITION, ILLEGAL REQUEST, INVALID FIELD IN CDB, pointing at the byte (and bit). SPC-4 §4.5.2.4.2. */
export function invalidFieldInCdb(command: CommandSlot, byte: number, bit?: number): void {
  checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb, { fieldPointer: { byte, inCdb: true, ...(bit === undefined ? {} : { bit }) } });
}
