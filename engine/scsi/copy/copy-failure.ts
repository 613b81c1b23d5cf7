import type { CommandSlot } from '../../shm/command-slot.js';
import { CommandFlag } from '../../shm/layout.js';
import { type SenseDetails, type SenseKey, writeDescriptorSense, writeFixedSense } from '../sense.js';
import { ScsiStatus } from '../status.js';

/** How a command that the copy manager gave to a source or a destination failed there. */
export interface DeviceFailure {
  readonly end: 'source' | 'destination';
  readonly status: number;
  /** Empty unless the status is CHECK CONDITION. */
  readonly sense: Uint8Array;
}

/** Why a copy ends with CHECK CONDITION. */
export interface CopyFailure {
  readonly key: SenseKey;
  readonly asc: number;
  /** Of EXTENDED COPY: the segment that was processed, counted from 0; SPC-4 puts it into COMMAND-SPECIFIC INFORMATION. */
  readonly segment?: number;
  /** LBA OUT OF RANGE and its like: what INFORMATION tells. */
  readonly information?: number;
  /** A byte of the parameter list, or of the segment descriptor. */
  readonly pointer?: { readonly byte: number; readonly inSegment: boolean };
  /** A wrong field of the parameter list, for ILLEGAL REQUEST. */
  readonly field?: number;
  readonly device?: DeviceFailure;
}

/** Of sense data, SAM-5 "Sense data": no longer than this. */
const SENSE_LENGTH_MAX = 252;
const ADDITIONAL_SENSE_LENGTH_AT = 7;
const ADDITIONAL_SENSE_LENGTH_FROM = 8;
const COMMAND_SPECIFIC_AT = 8;
/** Forwarded sense data sense data descriptor, SPC-4 "Forwarded sense data sense data descriptor": type, length, FSDT and end, status, then the sense data. */
const FORWARDED = { type: 0x0c, headerLength: 4, truncatedBit: 0x80, source: 0x01, destination: 0x02 } as const;

/** The sense data of a failed copy, in the format that the logical unit is set to. */
export function senseOf(failure: CopyFailure, asDescriptors: boolean): Uint8Array {
  const sense = new Uint8Array(SENSE_LENGTH_MAX);
  const details = detailsOf(failure);
  const write = asDescriptors ? writeDescriptorSense : writeFixedSense;
  let length = write(sense, failure.key, failure.asc, details);
  if (failure.device !== undefined) {
    const append = asDescriptors ? appendForwarded : appendArea;
    length = append(sense, length, failure.device);
    sense[ADDITIONAL_SENSE_LENGTH_AT] = length - ADDITIONAL_SENSE_LENGTH_FROM;
  }
  return sense.subarray(0, length);
}

function detailsOf({ segment, information, pointer, field }: CopyFailure): SenseDetails {
  return {
    ...(segment === undefined ? {} : { commandSpecific: segment }),
    ...(information === undefined ? {} : { information }),
    ...(pointer === undefined ? {} : { segmentPointer: pointer }),
    ...(field === undefined ? {} : { fieldPointer: { byte: field, inCdb: false } }),
  };
}

function appendForwarded(sense: Uint8Array, at: number, { end, status, sense: deviceSense }: DeviceFailure): number {
  const room = SENSE_LENGTH_MAX - at - FORWARDED.headerLength;
  const kept = deviceSense.subarray(0, room);
  sense[at] = FORWARDED.type;
  sense[at + 1] = FORWARDED.headerLength - 2 + kept.length;
  sense[at + 2] = (kept.length < deviceSense.length ? FORWARDED.truncatedBit : 0) | FORWARDED[end];
  sense[at + 3] = status;
  sense.set(kept, at + FORWARDED.headerLength);
  return at + FORWARDED.headerLength + kept.length;
}

/**
 * Fixed format: status byte and sense data of the device stand behind the ours, and the first (source) or second (destination) byte of
 * COMMAND-SPECIFIC INFORMATION tells where. SPC-3 "Errors detected during processing of segment descriptors".
 */
function appendArea(sense: Uint8Array, at: number, { end, status, sense: deviceSense }: DeviceFailure): number {
  const kept = deviceSense.subarray(0, SENSE_LENGTH_MAX - at - 1);
  sense[COMMAND_SPECIFIC_AT + (end === 'source' ? 0 : 1)] = at;
  sense[at] = status;
  sense.set(kept, at + 1);
  return at + 1 + kept.length;
}

/** Ends a command with CHECK CONDITION. */
export function endWithFailure(command: CommandSlot, failure: CopyFailure): void {
  const sense = senseOf(failure, (command.flags & CommandFlag.descriptorSense) !== 0);
  command.status = ScsiStatus.checkCondition;
  command.sense.set(sense);
  command.senseLength = sense.length;
}
