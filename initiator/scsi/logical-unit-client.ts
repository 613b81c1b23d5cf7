import { decodeLun } from '../../engine/pdu/index.js';
import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import type { CommandOptions, CommandResult } from '../command-exchange.js';
import { InitiatorError } from '../errors.js';
import { type ParsedSense, parseSense } from '../sense-data.js';
import type { Session } from '../session.js';
import { BlockCommands } from './block-commands.js';
import { parseStandardInquiry, STANDARD_INQUIRY_LENGTH_MIN, type StandardInquiry } from './inquiry-data.js';
import { PersistentReservations } from './persistent-reservations.js';
import * as cdbs from './primary-cdbs.js';
import * as reports from './reports.js';
import { RetryBudget, type RetryOptions } from './retry.js';
import { runForData } from './run-command.js';
import { ScsiCommandError, scsiErrorOf } from './scsi-errors.js';
import { VpdPageCode, type VpdPageName, type VpdPages, vpdParsers } from './vpd-pages.js';

/** A vital product data page as it came. */
export interface VitalProductDataPage {
  readonly pageCode: number;
  /** What follows the four bytes of the page's header. */
  readonly body: Buffer;
  readonly bytes: Buffer;
}

export interface ModeSenseResult {
  readonly deviceSpecificParameter: number;
  /** WP of a disk. */
  readonly writeProtected: boolean;
  readonly blockDescriptors: Buffer;
  /** The mode pages, one behind the other; `parseModePages` takes them apart. */
  readonly pages: Buffer;
  readonly bytes: Buffer;
}

/** `pages` as `encodeModePage` makes them. */
export interface ModeSelectOptions {
  readonly savePages?: boolean;
  /** None unless told. */
  readonly blockDescriptors?: Uint8Array;
}

const STANDARD_INQUIRY_LENGTH_MAX = 255;
const VPD_LENGTH_MAX = 4096;
const LUN_LIST_LENGTH_MAX = 8 + 8 * 16_384;
const MODE_SENSE_6_LENGTH_MAX = 255;
const MODE_SENSE_10_LENGTH_MAX = 4096;
const SENSE_LENGTH_MAX = 252;
const LOG_PAGE_LENGTH_MAX = 0xffff;
const REPORT_LENGTH_MAX = 64 * 1024;
const TASK_MANAGEMENT_LENGTH = 16;
/** Unit attentions that one nexus may have to be told of, one a command, before it must be quiet. */
const UNIT_ATTENTION_COUNT_MAX = 32;

/**
 * One logical unit seen through a session: each method is one SCSI command with a typed result. `BlockDevice` has reads and
 * writes of any length. Each throws `ScsiCommandError` (`ScsiError` for CHECK CONDITION, `ReservationConflictError`,
 * `BusyError`, …) on any status but GOOD and CONDITION MET, and `InitiatorError` as `Session.command`.
 */
export class LogicalUnitClient extends BlockCommands {
  readonly session: Session;
  readonly lun: number;
  readonly persistentReservations: PersistentReservations;
  readonly #retry: RetryOptions;

  constructor(session: Session, lun: number, retry: RetryOptions = {}) {
    super();
    this.session = session;
    this.lun = lun;
    this.#retry = retry;
    this.persistentReservations = new PersistentReservations(this);
  }

  /** Runs a command of one's own; throws `ScsiCommandError` like the named ones. `label` is for its message. */
  async run(label: string, options: Omit<CommandOptions, 'lun'>): Promise<CommandResult> {
    let budget: RetryBudget | null = null;
    for (;;) {
      const result = await this.session.command({ ...options, lun: this.lun });
      if (result.status === ScsiStatus.good || result.status === ScsiStatus.conditionMet) return result;
      budget ??= new RetryBudget(this.#retry);
      await budget.wait(scsiErrorOf(label, result));
    }
  }

  async testUnitReady(): Promise<void> {
    await this.run('TEST UNIT READY', { cdb: cdbs.testUnitReadyCdb() });
  }

  /** Takes the unit attentions that wait for this nexus; answers their ASC and ASCQ, oldest first. */
  async clearUnitAttentions(): Promise<number[]> {
    const cleared: number[] = [];
    while (cleared.length < UNIT_ATTENTION_COUNT_MAX) {
      try {
        await this.testUnitReady();
        return cleared;
      } catch (error) {
        if (!(error instanceof ScsiCommandError) || error.sense?.key !== SenseKey.unitAttention) throw error;
        cleared.push(error.sense.ascAscq);
      }
    }
    throw new InitiatorError('TARGET_FAILURE', `LUN ${this.lun} does not run out of unit attentions`);
  }

  /** The sense data that the unit holds for us; null when it answers none. */
  async requestSense(descriptorFormat = false): Promise<ParsedSense | null> {
    return parseSense(await this.#dataIn('REQUEST SENSE', cdbs.requestSenseCdb(SENSE_LENGTH_MAX, descriptorFormat), SENSE_LENGTH_MAX, 0));
  }

  async inquiry(): Promise<StandardInquiry> {
    const cdb = cdbs.inquiryCdb(STANDARD_INQUIRY_LENGTH_MAX, null);
    return parseStandardInquiry(await this.#dataIn('INQUIRY', cdb, STANDARD_INQUIRY_LENGTH_MAX, STANDARD_INQUIRY_LENGTH_MIN));
  }

  async vitalProductData(pageCode: number): Promise<VitalProductDataPage> {
    const bytes = await this.#dataIn('INQUIRY', cdbs.inquiryCdb(VPD_LENGTH_MAX, pageCode), VPD_LENGTH_MAX, 4);
    return { pageCode: bytes.readUInt8(1), body: bytes.subarray(4, 4 + bytes.readUInt16BE(2)), bytes };
  }

  /** A page by its name, parsed. A unit that lacks it throws `ScsiError` with INVALID FIELD IN CDB. */
  async vpd<K extends VpdPageName>(name: K): Promise<VpdPages[K]> {
    const { pageCode, body } = await this.vitalProductData(VpdPageCode[name]);
    // A device that knows no VPD answers with standard data, in which this byte is something else.
    if (pageCode !== VpdPageCode[name]) throw new InitiatorError('TARGET_FAILURE', `LUN ${this.lun} answers VPD page 0x${pageCode.toString(16)} for ${name}`);
    return vpdParsers[name](body);
  }

  /** The LUNs that `selectReport` asks for, as numbers; -1 for forms that single-level addressing does not have. */
  async reportLuns(selectReport = 0): Promise<number[]> {
    const data = await this.#dataIn('REPORT LUNS', cdbs.reportLunsCdb(LUN_LIST_LENGTH_MAX, selectReport), LUN_LIST_LENGTH_MAX, 8);
    const luns: number[] = [];
    const end = Math.min(data.length, 8 + data.readUInt32BE(0));
    for (let at = 8; at + 8 <= end; at += 8) luns.push(decodeLun(data.readUInt32BE(at), data.readUInt32BE(at + 4)));
    return luns;
  }

  /** MODE SENSE in its 10-byte form unless told. */
  async modeSense(fields: cdbs.ModeSenseFields, form: 6 | 10 = 10): Promise<ModeSenseResult> {
    const headerLength = form === 6 ? 4 : 8;
    const allocationLength = form === 6 ? MODE_SENSE_6_LENGTH_MAX : MODE_SENSE_10_LENGTH_MAX;
    const data = await this.#dataIn(`MODE SENSE (${form})`, cdbs.modeSenseCdb(form, fields, allocationLength), allocationLength, headerLength);
    const modeDataLength = form === 6 ? data.readUInt8(0) + 1 : data.readUInt16BE(0) + 2;
    const descriptorsLength = form === 6 ? data.readUInt8(3) : data.readUInt16BE(6);
    const pagesAt = headerLength + descriptorsLength;
    const deviceSpecificParameter = data.readUInt8(form === 6 ? 2 : 3);
    return {
      deviceSpecificParameter,
      writeProtected: (deviceSpecificParameter & WRITE_PROTECT_BIT) !== 0,
      blockDescriptors: data.subarray(headerLength, pagesAt),
      pages: data.subarray(pagesAt, modeDataLength),
      bytes: data,
    };
  }

  /** MODE SELECT in its 10-byte form unless told. */
  async modeSelect(pages: Uint8Array, options: ModeSelectOptions = {}, form: 6 | 10 = 10): Promise<void> {
    const descriptors = options.blockDescriptors ?? new Uint8Array(0);
    const header = Buffer.alloc(form === 6 ? 4 : 8);
    if (form === 6) header.writeUInt8(descriptors.length, 3);
    else header.writeUInt16BE(descriptors.length, 6);
    const dataOut = Buffer.concat([header, descriptors, pages]);
    await this.run(`MODE SELECT (${form})`, { cdb: cdbs.modeSelectCdb(form, dataOut.length, options.savePages ?? false), dataOut });
  }

  async logSense(fields: cdbs.LogSenseFields): Promise<reports.LogPage> {
    return reports.parseLogPage(await this.#dataIn('LOG SENSE', cdbs.logSenseCdb(fields, LOG_PAGE_LENGTH_MAX), LOG_PAGE_LENGTH_MAX, 4));
  }

  /** RESERVE of SPC-2. */
  async reserve(form: 6 | 10 = 6): Promise<void> {
    await this.run(`RESERVE (${form})`, { cdb: cdbs.reserveCdb(form) });
  }

  /** RELEASE of SPC-2. */
  async release(form: 6 | 10 = 6): Promise<void> {
    await this.run(`RELEASE (${form})`, { cdb: cdbs.releaseCdb(form) });
  }

  async startStopUnit(fields: cdbs.StartStopFields): Promise<void> {
    await this.run('START STOP UNIT', { cdb: cdbs.startStopUnitCdb(fields) });
  }

  async sendDiagnostic(fields: cdbs.SendDiagnosticFields, pages: Uint8Array = new Uint8Array(0)): Promise<void> {
    const cdb = cdbs.sendDiagnosticCdb(fields, pages.length);
    await this.run('SEND DIAGNOSTIC', pages.length === 0 ? { cdb } : { cdb, dataOut: pages });
  }

  async receiveDiagnosticResults(pageCode: number | null = null): Promise<Buffer> {
    return this.#dataIn('RECEIVE DIAGNOSTIC RESULTS', cdbs.receiveDiagnosticResultsCdb(pageCode, LOG_PAGE_LENGTH_MAX), LOG_PAGE_LENGTH_MAX, 0);
  }

  async readBuffer(fields: cdbs.BufferFields, lengthBytes: number): Promise<Buffer> {
    return this.#dataIn('READ BUFFER', cdbs.readBufferCdb(fields, lengthBytes), lengthBytes, 0);
  }

  async writeBuffer(fields: cdbs.BufferFields, data: Uint8Array): Promise<void> {
    await this.run('WRITE BUFFER', { cdb: cdbs.writeBufferCdb(fields, data.length), dataOut: data });
  }

  /** Every command that the device server knows. */
  async reportSupportedOperationCodes(): Promise<reports.SupportedCommand[]> {
    const cdb = cdbs.reportSupportedOperationCodesCdb(null, false, REPORT_LENGTH_MAX);
    return reports.parseSupportedCommands(await this.#dataIn('REPORT SUPPORTED OPERATION CODES', cdb, REPORT_LENGTH_MAX, 4));
  }

  /** What it says of one command. */
  async reportSupportedOperationCode(question: cdbs.OperationCodeQuestion): Promise<reports.CommandSupport> {
    const cdb = cdbs.reportSupportedOperationCodesCdb(question, false, REPORT_LENGTH_MAX);
    return reports.parseCommandSupport(await this.#dataIn('REPORT SUPPORTED OPERATION CODES', cdb, REPORT_LENGTH_MAX, 4));
  }

  async reportSupportedTaskManagementFunctions(): Promise<reports.SupportedTaskManagement> {
    const cdb = cdbs.reportSupportedTaskManagementFunctionsCdb(TASK_MANAGEMENT_LENGTH);
    return reports.parseSupportedTaskManagement(await this.#dataIn('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', cdb, TASK_MANAGEMENT_LENGTH, 4));
  }

  async reportTargetPortGroups(): Promise<reports.TargetPortGroup[]> {
    const cdb = cdbs.reportTargetPortGroupsCdb(REPORT_LENGTH_MAX);
    return reports.parseTargetPortGroups(await this.#dataIn('REPORT TARGET PORT GROUPS', cdb, REPORT_LENGTH_MAX, 4));
  }

  #dataIn(label: string, cdb: Buffer, dataInLength: number, lengthMin: number): Promise<Buffer> {
    return runForData(this, label, cdb, dataInLength, lengthMin);
  }
}

/** DEVICE-SPECIFIC PARAMETER of a disk, SBC-3 "Mode parameters for direct access block devices". */
const WRITE_PROTECT_BIT = 0x80;
