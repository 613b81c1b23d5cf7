import type { CommandSlot } from '../shm/command-slot.js';
import { Asc, SenseKey } from './sense-codes.js';
import { ScsiStatus } from './status.js';

export { Asc, SenseKey } from './sense-codes.js';

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
