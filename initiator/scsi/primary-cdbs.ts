import { MaintenanceInAction, ScsiOperation } from './operations.js';

/** Command descriptor blocks of SPC-4 as an initiator builds them; persistent reservations are in `persistent-reservations.ts`. */

const PAGE_FORMAT_BIT = 0x10;
const SAVE_PAGES_BIT = 0x01;
const DISABLE_BLOCK_DESCRIPTORS_BIT = 0x08;
const DESCRIPTOR_SENSE_BIT = 0x01;

export function testUnitReadyCdb(): Buffer {
  return Buffer.alloc(6);
}

/** `descriptorFormat`: DESC, sense data in descriptor format. */
export function requestSenseCdb(allocationLength: number, descriptorFormat = false): Buffer {
  return Buffer.from([ScsiOperation.requestSense, descriptorFormat ? DESCRIPTOR_SENSE_BIT : 0, 0, 0, allocationLength, 0]);
}

/** Standard INQUIRY data, or a vital product data page. */
export function inquiryCdb(allocationLength: number, pageCode: number | null): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = ScsiOperation.inquiry;
  cdb[1] = pageCode === null ? 0 : 1;
  cdb[2] = pageCode ?? 0;
  cdb.writeUInt16BE(allocationLength, 3);
  return cdb;
}

export function reportLunsCdb(allocationLength: number, selectReport: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = ScsiOperation.reportLuns;
  cdb[2] = selectReport;
  cdb.writeUInt32BE(allocationLength, 6);
  return cdb;
}

export interface ModeSenseFields {
  readonly pageCode: number;
  readonly subpageCode?: number;
  /** PC: 0 current, 1 changeable, 2 default, 3 saved. */
  readonly pageControl?: number;
  /** DBD: leave the block descriptors out. */
  readonly disableBlockDescriptors?: boolean;
}

export function modeSenseCdb(form: 6 | 10, fields: ModeSenseFields, allocationLength: number): Buffer {
  const cdb = Buffer.alloc(form);
  cdb[0] = form === 6 ? ScsiOperation.modeSense6 : ScsiOperation.modeSense10;
  cdb[1] = fields.disableBlockDescriptors ? DISABLE_BLOCK_DESCRIPTORS_BIT : 0;
  cdb[2] = ((fields.pageControl ?? 0) << 6) | fields.pageCode;
  cdb[3] = fields.subpageCode ?? 0;
  if (form === 6) cdb[4] = allocationLength;
  else cdb.writeUInt16BE(allocationLength, 7);
  return cdb;
}

/** PF is always set: pages as the standard has them. */
export function modeSelectCdb(form: 6 | 10, parameterListLength: number, savePages: boolean): Buffer {
  const cdb = Buffer.alloc(form);
  cdb[0] = form === 6 ? ScsiOperation.modeSelect6 : ScsiOperation.modeSelect10;
  cdb[1] = PAGE_FORMAT_BIT | (savePages ? SAVE_PAGES_BIT : 0);
  if (form === 6) cdb[4] = parameterListLength;
  else cdb.writeUInt16BE(parameterListLength, 7);
  return cdb;
}

export interface LogSenseFields {
  readonly pageCode: number;
  readonly subpageCode?: number;
  /** PC: 0 threshold, 1 cumulative (unless told), 2 default threshold, 3 default cumulative. */
  readonly pageControl?: number;
  readonly savePages?: boolean;
  /** The first parameter to answer. */
  readonly parameterPointer?: number;
}

export function logSenseCdb(fields: LogSenseFields, allocationLength: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = ScsiOperation.logSense;
  cdb[1] = fields.savePages ? SAVE_PAGES_BIT : 0;
  cdb[2] = ((fields.pageControl ?? 1) << 6) | fields.pageCode;
  cdb[3] = fields.subpageCode ?? 0;
  cdb.writeUInt16BE(fields.parameterPointer ?? 0, 5);
  cdb.writeUInt16BE(allocationLength, 7);
  return cdb;
}

export function reserveCdb(form: 6 | 10): Buffer {
  const cdb = Buffer.alloc(form);
  cdb[0] = form === 6 ? ScsiOperation.reserve6 : ScsiOperation.reserve10;
  return cdb;
}

export function releaseCdb(form: 6 | 10): Buffer {
  const cdb = Buffer.alloc(form);
  cdb[0] = form === 6 ? ScsiOperation.release6 : ScsiOperation.release10;
  return cdb;
}

/** SBC-3 "START STOP UNIT command". */
export interface StartStopFields {
  readonly start?: boolean;
  /** LOEJ: load or eject the medium. */
  readonly loadEject?: boolean;
  /** IMMED: answer before it is done. */
  readonly immediate?: boolean;
  /** NO_FLUSH: stop without writing cached data to the medium. */
  readonly noFlush?: boolean;
  /** POWER CONDITION: 0 as START says, 1 active, 2 idle, 3 standby… */
  readonly powerCondition?: number;
  readonly powerConditionModifier?: number;
}

export function startStopUnitCdb(fields: StartStopFields): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = ScsiOperation.startStopUnit;
  cdb[1] = fields.immediate ? 0x01 : 0;
  cdb[3] = fields.powerConditionModifier ?? 0;
  cdb[4] = ((fields.powerCondition ?? 0) << 4) | (fields.noFlush ? 0x04 : 0) | (fields.loadEject ? 0x02 : 0) | (fields.start ? 0x01 : 0);
  return cdb;
}

/** SPC-4 "SEND DIAGNOSTIC command". */
export interface SendDiagnosticFields {
  /** SELFTEST: the default self-test. */
  readonly selfTest?: boolean;
  /** SELF-TEST CODE: 1 background short, 2 background extended, 4 abort, 5 foreground short, 6 foreground extended. */
  readonly selfTestCode?: number;
  readonly deviceOffline?: boolean;
  readonly unitOffline?: boolean;
}

export function sendDiagnosticCdb(fields: SendDiagnosticFields, parameterListLength: number): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = ScsiOperation.sendDiagnostic;
  cdb[1] =
    ((fields.selfTestCode ?? 0) << 5) |
    (parameterListLength > 0 ? PAGE_FORMAT_BIT : 0) |
    (fields.selfTest ? 0x04 : 0) |
    (fields.deviceOffline ? 0x02 : 0) |
    (fields.unitOffline ? 0x01 : 0);
  cdb.writeUInt16BE(parameterListLength, 3);
  return cdb;
}

/** `pageCode` null: whatever the last SEND DIAGNOSTIC asked for. */
export function receiveDiagnosticResultsCdb(pageCode: number | null, allocationLength: number): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = ScsiOperation.receiveDiagnosticResults;
  cdb[1] = pageCode === null ? 0 : 1;
  cdb[2] = pageCode ?? 0;
  cdb.writeUInt16BE(allocationLength, 3);
  return cdb;
}

/** MODE of READ BUFFER and WRITE BUFFER, SPC-4 "READ BUFFER command". */
export const BufferMode = { combinedHeaderAndData: 0x00, vendorSpecific: 0x01, data: 0x02, descriptor: 0x03, echo: 0x0a, echoDescriptor: 0x0b } as const;

export interface BufferFields {
  /** A `BufferMode` value. */
  readonly mode: number;
  readonly bufferId?: number;
  readonly offset?: number;
}

export function readBufferCdb(fields: BufferFields, allocationLength: number): Buffer {
  return bufferCdb(ScsiOperation.readBuffer, fields, allocationLength);
}

export function writeBufferCdb(fields: BufferFields, parameterListLength: number): Buffer {
  return bufferCdb(ScsiOperation.writeBuffer, fields, parameterListLength);
}

function bufferCdb(operation: number, { mode, bufferId = 0, offset = 0 }: BufferFields, lengthBytes: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = operation;
  cdb[1] = mode;
  cdb[2] = bufferId;
  cdb.writeUIntBE(offset, 3, 3);
  cdb.writeUIntBE(lengthBytes, 6, 3);
  return cdb;
}

function maintenanceInCdb(action: number, allocationLength: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = ScsiOperation.maintenanceIn;
  cdb[1] = action;
  cdb.writeUInt32BE(allocationLength, 6);
  return cdb;
}

/** Which commands REPORT SUPPORTED OPERATION CODES is asked about; all of them when left out. */
export interface OperationCodeQuestion {
  readonly operationCode: number;
  /** Left out for commands without service actions. */
  readonly serviceAction?: number;
}

const RETURN_TIMEOUTS_BIT = 0x80;
const ReportingOptions = { all: 0, oneOperationCode: 1, oneServiceAction: 2 } as const;

export function reportSupportedOperationCodesCdb(question: OperationCodeQuestion | null, withTimeouts: boolean, allocationLength: number): Buffer {
  const cdb = maintenanceInCdb(MaintenanceInAction.reportSupportedOperationCodes, allocationLength);
  let options: number = ReportingOptions.all;
  if (question !== null) {
    options = question.serviceAction === undefined ? ReportingOptions.oneOperationCode : ReportingOptions.oneServiceAction;
    cdb[3] = question.operationCode;
    cdb.writeUInt16BE(question.serviceAction ?? 0, 4);
  }
  cdb[2] = (withTimeouts ? RETURN_TIMEOUTS_BIT : 0) | options;
  return cdb;
}

/** REPD: the long form of 16 bytes. */
const RETURN_EXTENDED_BIT = 0x80;

export function reportSupportedTaskManagementFunctionsCdb(allocationLength: number): Buffer {
  const cdb = maintenanceInCdb(MaintenanceInAction.reportSupportedTaskManagementFunctions, allocationLength);
  cdb[2] = RETURN_EXTENDED_BIT;
  return cdb;
}

export function reportTargetPortGroupsCdb(allocationLength: number): Buffer {
  return maintenanceInCdb(MaintenanceInAction.reportTargetPortGroups, allocationLength);
}
