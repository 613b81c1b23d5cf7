import { ALL_BITS, CONTROL_UNUSED, returnData, writeUint64 } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { invalidFieldInCdb } from '../sense.js';
import { ScsiStatus } from '../status.js';
import { senseOf } from './copy-failure.js';
import { CopyManager } from './copy-manager.js';
import { type CopyOperation, CopyStatus } from './copy-operation.js';
import { SegmentType } from './copy-segment.js';
import { IDENTIFICATION_DESCRIPTOR_CSCD } from './copy-target.js';
import { ROD_MANAGEMENT_TOKEN_LENGTH } from './rod-token.js';

/*
 * THIRD-PARTY COPY IN, SPC-4 "Third-party copy commands".
 *
 *     0| 0x84 | . Service Action | List Identifier (1 or 4), or reserved | Reserved to 9 |
 *    10| Allocation Length (4) | Reserved | Control                                       |
 */
export const THIRD_PARTY_COPY_IN = 0x84;
const LIST_IDENTIFIER_AT = 2;
const ALLOCATION_LENGTH_AT = 10;
type IdentifierLength = 0 | 1 | 4;

function copyInRow(serviceAction: number, name: string, identifierLength: IdentifierLength, execute: UnitCommandRow['execute']): UnitCommandRow {
  const identifier = Array.from({ length: 8 }, (_none, index) => (index < identifierLength ? ALL_BITS : 0));
  return {
    runsOn: 'main',
    reservation: 'write',
    opcode: THIRD_PARTY_COPY_IN,
    serviceAction,
    name,
    clause: `SPC-4 "${name} command"`,
    cdbLength: 16,
    cdbUsage: [THIRD_PARTY_COPY_IN, serviceAction, ...identifier, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0, CONTROL_UNUSED],
    passesNotReady: true,
    execute,
  };
}

type Report = (operation: CopyOperation, unit: LogicalUnit) => Uint8Array;

/** A report on the copy that the list identifier names; one that `mustBeDone` is not there before its end. */
function reportRow(serviceAction: number, name: string, identifierLength: 1 | 4, mustBeDone: boolean, report: Report): UnitCommandRow {
  return copyInRow(serviceAction, name, identifierLength, (command, unit, nexus) => {
    const identifier = identifierLength === 1 ? (command.cdb[LIST_IDENTIFIER_AT] as number) : command.cdbView.getUint32(LIST_IDENTIFIER_AT);
    const operation = unit.part(CopyManager).find(nexus, identifier);
    if (operation === undefined || (mustBeDone && !operation.isDone)) return invalidFieldInCdb(command, LIST_IDENTIFIER_AT);
    returnData(command, report(operation, unit), command.cdbView.getUint32(ALLOCATION_LENGTH_AT));
  });
}

/** A report with its length, less these four bytes, in front. */
function report(lengthBytes: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(lengthBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, lengthBytes - 4);
  return { bytes, view };
}

/** TRANSFER COUNT UNITS, SPC-4 "COPY STATUS TRANSFER COUNT UNITS field". */
const TransferUnits = { bytes: 0x00, mebibytes: 0x02, logicalBlocks: 0xf1 } as const;
const MEBIBYTE = 1024 * 1024;
const UINT32_MAX = 0xffffffff;
const SEGMENTS_MAX = 0xffff;
/** COPY COMMAND STATUS of list identifiers with one byte. */
const Lid1Status = { inProgress: 0x00, completed: 0x01, failed: 0x02 } as const;

/** Data length, copy command status, segments processed, units, transfer count. SPC-4 "RECEIVE COPY STATUS(LID1) command". */
function statusLid1(operation: CopyOperation): Uint8Array {
  const { bytes, view } = report(12);
  const { transferredBytes } = operation;
  if (!operation.isDone) view.setUint8(4, Lid1Status.inProgress);
  else view.setUint8(4, operation.status === CopyStatus.completed ? Lid1Status.completed : Lid1Status.failed);
  view.setUint16(5, Math.min(operation.segmentsProcessed, SEGMENTS_MAX));
  const fits = transferredBytes <= UINT32_MAX;
  view.setUint8(7, fits ? TransferUnits.bytes : TransferUnits.mebibytes);
  view.setUint32(8, fits ? transferredBytes : Math.floor(transferredBytes / MEBIBYTE));
  return bytes;
}

/** Nothing is held for the initiator: there are no stream devices and no inline data. SPC-4 "RECEIVE COPY DATA(LID1) command". */
function noHeldData(): Uint8Array {
  return report(4).bytes;
}

const FAILURE_SENSE_AT = 60;

/** SPC-4 "RECEIVE COPY FAILURE DETAILS(LID1) command": no data when nothing failed. */
function failureDetails(operation: CopyOperation): Uint8Array {
  const { status } = operation;
  if (status === CopyStatus.completed) return report(4).bytes;
  const sense = senseBytesOf(operation);
  const { bytes, view } = report(FAILURE_SENSE_AT + sense.length);
  view.setUint8(56, completionStatusOf(operation));
  view.setUint16(58, sense.length);
  bytes.set(sense, FAILURE_SENSE_AT);
  return bytes;
}

const LID4_LENGTH = 32;
/** Milliseconds after which a running copy is worth another look. */
const STATUS_DELAY_MS = 100;

/** SPC-4 "RECEIVE COPY STATUS(LID4) command"; `extraLength` bytes follow the sense data. */
function statusLid4(operation: CopyOperation, unitBytes: number, extraLength: number): Uint8Array {
  const sense = senseBytesOf(operation);
  const { bytes, view } = report(LID4_LENGTH + sense.length + extraLength);
  view.setUint8(4, operation.serviceAction);
  view.setUint8(5, operation.status);
  view.setUint16(6, operation.operationCounter);
  view.setUint32(8, operation.isDone ? 0 : STATUS_DELAY_MS);
  view.setUint8(12, completionStatusOf(operation));
  view.setUint8(13, sense.length);
  view.setUint8(14, sense.length);
  view.setUint8(15, unitBytes === 1 ? TransferUnits.bytes : TransferUnits.logicalBlocks);
  writeUint64(view, 16, Math.floor(operation.transferredBytes / unitBytes));
  view.setUint16(24, Math.min(operation.segmentsProcessed, SEGMENTS_MAX));
  bytes.set(sense, LID4_LENGTH);
  return bytes;
}

function senseBytesOf(operation: CopyOperation): Uint8Array {
  return operation.failure === null ? new Uint8Array(0) : senseOf(operation.failure, operation.descriptorSense);
}

/** The status with which the copy's command ended, or would have ended had it waited. */
function completionStatusOf(operation: CopyOperation): number {
  if (operation.status === CopyStatus.aborted) return ScsiStatus.taskAborted;
  return operation.failure === null ? ScsiStatus.good : ScsiStatus.checkCondition;
}

/** ROD token descriptor: two bytes, of no use to block devices, and the token. SPC-4 "RECEIVE ROD TOKEN INFORMATION command". */
const TOKEN_LIST_HEADER_LENGTH = 4;
const TOKEN_DESCRIPTOR_HEADER_LENGTH = 2;

function rodTokenInformation(operation: CopyOperation, unit: LogicalUnit): Uint8Array {
  const { token } = operation;
  const listLength = token === null ? 0 : TOKEN_DESCRIPTOR_HEADER_LENGTH + token.length;
  const bytes = statusLid4(operation, unit.medium?.blockLengthBytes ?? 1, TOKEN_LIST_HEADER_LENGTH + listLength);
  const listAt = bytes.length - listLength;
  new DataView(bytes.buffer).setUint32(listAt - TOKEN_LIST_HEADER_LENGTH, listLength);
  if (token !== null) bytes.set(token, listAt + TOKEN_DESCRIPTOR_HEADER_LENGTH);
  return bytes;
}

/** Descriptor type codes that EXTENDED COPY takes, in ascending order. */
export const implementedDescriptors: readonly number[] = [...Object.values(SegmentType), IDENTIFICATION_DESCRIPTOR_CSCD];
const SNLID_BIT = 0x01;
const OPERATING_PARAMETERS_LENGTH = 44;
const IDENTIFIED_COPIES_MAX = 255;

/** Log2 of the least bytes that a segment has: a block, rounded down to a power of two. */
export function segmentGranularityOf(unit: LogicalUnit): number {
  return Math.floor(Math.log2(unit.medium?.blockLengthBytes ?? 1));
}

/** SPC-4 "RECEIVE COPY OPERATING PARAMETERS command". What is zero has no bound or is not there: segments are as long as can be, nothing is held. */
const operatingParametersRow = copyInRow(0x03, 'RECEIVE COPY OPERATING PARAMETERS', 0, (command, unit) => {
  const { limits } = unit.host.copies;
  const { bytes, view } = report(OPERATING_PARAMETERS_LENGTH + implementedDescriptors.length);
  view.setUint8(4, SNLID_BIT);
  view.setUint16(8, limits.copyTargetDescriptorCountMax);
  view.setUint16(10, limits.copySegmentCountMax);
  view.setUint32(12, limits.copyDescriptorBytesMax);
  view.setUint16(34, limits.copyCountMax);
  view.setUint8(36, Math.min(limits.copyCountMax, IDENTIFIED_COPIES_MAX));
  view.setUint8(37, segmentGranularityOf(unit));
  view.setUint8(43, implementedDescriptors.length);
  bytes.set(implementedDescriptors, OPERATING_PARAMETERS_LENGTH);
  returnData(command, bytes, command.cdbView.getUint32(ALLOCATION_LENGTH_AT));
});

const TOKEN_REPORT_AT = 8;

/** SPC-4 "REPORT ALL ROD TOKENS command": the tokens that this logical unit's copy manager made, without what makes them usable. */
const reportAllRodTokensRow = copyInRow(0x08, 'REPORT ALL ROD TOKENS', 0, (command, unit) => {
  const tokens = unit.host.copies.tokens.list().filter((token) => token.unit === unit);
  const { bytes } = report(TOKEN_REPORT_AT + tokens.length * ROD_MANAGEMENT_TOKEN_LENGTH);
  for (const [index, token] of tokens.entries()) {
    bytes.set(token.bytes.subarray(0, ROD_MANAGEMENT_TOKEN_LENGTH), TOKEN_REPORT_AT + index * ROD_MANAGEMENT_TOKEN_LENGTH);
  }
  returnData(command, bytes, command.cdbView.getUint32(ALLOCATION_LENGTH_AT));
});

export const receiveCopyRows: readonly UnitCommandRow[] = [
  reportRow(0x00, 'RECEIVE COPY STATUS(LID1)', 1, false, statusLid1),
  reportRow(0x01, 'RECEIVE COPY DATA(LID1)', 1, true, noHeldData),
  operatingParametersRow,
  reportRow(0x04, 'RECEIVE COPY FAILURE DETAILS(LID1)', 1, true, failureDetails),
  reportRow(0x05, 'RECEIVE COPY STATUS(LID4)', 4, false, (operation) => statusLid4(operation, 1, 0)),
  reportRow(0x06, 'RECEIVE COPY DATA(LID4)', 4, false, (operation) => statusLid4(operation, 1, TOKEN_LIST_HEADER_LENGTH)),
  reportRow(0x07, 'RECEIVE ROD TOKEN INFORMATION', 4, false, rodTokenInformation),
  reportAllRodTokensRow,
];
