import { writeDescriptorSense } from '../../../scsi/sense.js';
import type { ObjectName } from '../store/object-types.js';
import { viewOf } from './attribute-list.js';
import type { CommandFailure } from './command-failure.js';
import { INTEGRITY_CHECK_VALUE_LENGTH } from './osd-cdb.js';

/** Sense data descriptors of OSD, OSD-2 "OSD sense data descriptors": type and full length. */
const IDENTIFICATION = { type: 0x06, length: 32 } as const;
const RESPONSE_INTEGRITY = { type: 0x07, length: 2 + INTEGRITY_CHECK_VALUE_LENGTH } as const;
const ATTRIBUTE_IDENTIFICATION = { type: 0x08, headerLength: 8, entryLength: 8 } as const;
const ADDITIONAL_LENGTH_AT = 7;
const HEADER_LENGTH = 8;
/** So many attributes are named at most: sense data of 252 bytes hold no more beside the other descriptors. */
const ATTRIBUTE_COUNT_MAX = 8;
const SENSE_LENGTH_MAX = 252;

/** The functions of a command, one after the other; NOT INITIATED and COMPLETED COMMAND FUNCTIONS have a bit for each. */
export const CommandFunction = {
  validation: 0x8000_0000,
  command: 0x1000_0000,
  implicitAttributes: 0x0010_0000,
  setAttributes: 0x0000_1000,
  getAttributes: 0x0000_0010,
} as const;

/** What has been done of a command, for the OSD error identification descriptor. */
export interface Progress {
  readonly notInitiated: number;
  readonly completed: number;
  readonly name: ObjectName;
}

/** Sense data of a command that failed: always in descriptor format, as OSD-2 has it. `at` of the integrity check value is where 32 bytes of zeros wait. */
export function osdSense(
  { key, asc, details, attributes }: CommandFailure,
  progress: Progress,
  hasIntegrityValue: boolean,
): { readonly sense: Uint8Array; readonly integrityAt: number | null } {
  const sense = new Uint8Array(SENSE_LENGTH_MAX);
  const end = writeDescriptorSense(sense, key, asc, details);
  // What is identified comes first: there are clients that look for the others at fixed places behind it.
  sense.copyWithin(HEADER_LENGTH + IDENTIFICATION.length, HEADER_LENGTH, end);
  sense.fill(0, HEADER_LENGTH, HEADER_LENGTH + IDENTIFICATION.length);
  writeIdentification(sense, HEADER_LENGTH, progress);
  let at = end + IDENTIFICATION.length;
  if (attributes.length > 0) at = writeAttributes(sense, at, attributes.slice(0, ATTRIBUTE_COUNT_MAX));
  let integrityAt: number | null = null;
  if (hasIntegrityValue) {
    sense[at] = RESPONSE_INTEGRITY.type;
    sense[at + 1] = RESPONSE_INTEGRITY.length - 2;
    integrityAt = at + 2;
    at += RESPONSE_INTEGRITY.length;
  }
  sense[ADDITIONAL_LENGTH_AT] = at - HEADER_LENGTH;
  return { sense: sense.subarray(0, at), integrityAt };
}

function writeIdentification(sense: Uint8Array, at: number, { notInitiated, completed, name }: Progress): void {
  const view = viewOf(sense);
  sense[at] = IDENTIFICATION.type;
  sense[at + 1] = IDENTIFICATION.length - 2;
  view.setUint32(at + 8, notInitiated);
  view.setUint32(at + 12, completed);
  view.setBigUint64(at + 16, name.partitionId);
  view.setBigUint64(at + 24, name.objectId);
}

function writeAttributes(sense: Uint8Array, at: number, attributes: CommandFailure['attributes']): number {
  const view = viewOf(sense);
  const lengthBytes = ATTRIBUTE_IDENTIFICATION.headerLength + attributes.length * ATTRIBUTE_IDENTIFICATION.entryLength;
  sense[at] = ATTRIBUTE_IDENTIFICATION.type;
  sense[at + 1] = lengthBytes - 2;
  for (const [index, { page, number }] of attributes.entries()) {
    const entryAt = at + ATTRIBUTE_IDENTIFICATION.headerLength + index * ATTRIBUTE_IDENTIFICATION.entryLength;
    view.setUint32(entryAt, page);
    view.setUint32(entryAt + 4, number);
  }
  return at + lengthBytes;
}
