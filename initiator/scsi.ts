import { decodeLun } from '../engine/pdu/index.js';
import { SenseKey } from '../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import {
  fitsCdb10,
  inquiryCdb,
  type ModeSenseFields,
  modeSenseCdb,
  readCapacity10Cdb,
  readCapacity16Cdb,
  readCdb,
  reportLunsCdb,
  synchronizeCacheCdb,
  testUnitReadyCdb,
  verifyCdb,
  writeCdb,
} from './cdb.js';
import type { CommandOptions, CommandResult } from './command-exchange.js';
import { InitiatorError, ScsiCommandError } from './errors.js';
import { parseSense } from './sense-data.js';
import type { Session } from './session.js';

/** Standard INQUIRY data, SPC-4 "Standard INQUIRY data". */
export interface StandardInquiry {
  readonly peripheralQualifier: number;
  readonly peripheralDeviceType: number;
  readonly removable: boolean;
  readonly version: number;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly bytes: Buffer;
}

export interface VitalProductDataPage {
  readonly pageCode: number;
  /** What follows the four bytes of the page's header. */
  readonly body: Buffer;
  readonly bytes: Buffer;
}

export interface Capacity {
  readonly lbaCount: bigint;
  readonly blockLengthBytes: number;
  /** READ CAPACITY (16) only; null after READ CAPACITY (10). */
  readonly thinProvisioned: boolean | null;
  readonly physicalBlockExponent: number | null;
  readonly bytes: Buffer;
}

export interface BlockCommandOptions {
  readonly fua?: boolean;
  /** 10 where it can say it, 16 otherwise, unless told. */
  readonly cdbLength?: 10 | 16;
}

export interface ModeSenseResult {
  readonly deviceSpecificParameter: number;
  readonly blockDescriptors: Buffer;
  /** The mode pages, one behind the other. */
  readonly pages: Buffer;
  readonly bytes: Buffer;
}

const STANDARD_INQUIRY_LENGTH_MAX = 255;
const VPD_LENGTH_MAX = 4096;
const CAPACITY_10_LENGTH = 8;
const CAPACITY_16_LENGTH = 32;
const LUN_LIST_LENGTH_MAX = 8 + 8 * 16_384;
const MODE_SENSE_6_LENGTH_MAX = 255;
const MODE_SENSE_10_LENGTH_MAX = 4096;
/** Unit attentions that one nexus may have to be told of, one a command, before it must be quiet. */
const UNIT_ATTENTION_COUNT_MAX = 32;
const CAPACITY_10_OVERFLOW = 0xffffffff;

/** One logical unit seen through a session: SCSI commands with typed results. Each throws `ScsiCommandError` on any status but GOOD. */
export class LogicalUnitClient {
  readonly session: Session;
  readonly lun: number;

  constructor(session: Session, lun: number) {
    this.session = session;
    this.lun = lun;
  }

  /** Runs a command of one's own; throws `ScsiCommandError` like the named ones. `label` is for its message. */
  async run(label: string, options: Omit<CommandOptions, 'lun'>): Promise<CommandResult> {
    const result = await this.session.command({ ...options, lun: this.lun });
    if (result.status === ScsiStatus.good || result.status === ScsiStatus.conditionMet) return result;
    throw new ScsiCommandError(label, result.status, parseSense(result.sense));
  }

  async testUnitReady(): Promise<void> {
    await this.run('TEST UNIT READY', { cdb: testUnitReadyCdb() });
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

  async inquiry(): Promise<StandardInquiry> {
    const { dataIn } = await this.#dataIn('INQUIRY', inquiryCdb(STANDARD_INQUIRY_LENGTH_MAX, null), STANDARD_INQUIRY_LENGTH_MAX, 36);
    return {
      peripheralQualifier: dataIn.readUInt8(0) >> 5,
      peripheralDeviceType: dataIn.readUInt8(0) & 0x1f,
      removable: (dataIn.readUInt8(1) & 0x80) !== 0,
      version: dataIn.readUInt8(2),
      vendor: ascii(dataIn, 8, 16),
      product: ascii(dataIn, 16, 32),
      revision: ascii(dataIn, 32, 36),
      bytes: dataIn,
    };
  }

  async vitalProductData(pageCode: number): Promise<VitalProductDataPage> {
    const { dataIn } = await this.#dataIn('INQUIRY', inquiryCdb(VPD_LENGTH_MAX, pageCode), VPD_LENGTH_MAX, 4);
    return { pageCode: dataIn.readUInt8(1), body: dataIn.subarray(4, 4 + dataIn.readUInt16BE(2)), bytes: dataIn };
  }

  /** READ CAPACITY (10), and (16) when the unit is too large for it. */
  async readCapacity(): Promise<Capacity> {
    const capacity = await this.readCapacity10();
    return capacity.lbaCount > BigInt(CAPACITY_10_OVERFLOW) ? this.readCapacity16() : capacity;
  }

  async readCapacity10(): Promise<Capacity> {
    const { dataIn } = await this.#dataIn('READ CAPACITY (10)', readCapacity10Cdb(), CAPACITY_10_LENGTH, CAPACITY_10_LENGTH);
    return {
      lbaCount: BigInt(dataIn.readUInt32BE(0)) + 1n,
      blockLengthBytes: dataIn.readUInt32BE(4),
      thinProvisioned: null,
      physicalBlockExponent: null,
      bytes: dataIn,
    };
  }

  async readCapacity16(): Promise<Capacity> {
    const { dataIn } = await this.#dataIn('READ CAPACITY (16)', readCapacity16Cdb(CAPACITY_16_LENGTH), CAPACITY_16_LENGTH, 12);
    const full = dataIn.length >= CAPACITY_16_LENGTH;
    return {
      lbaCount: dataIn.readBigUInt64BE(0) + 1n,
      blockLengthBytes: dataIn.readUInt32BE(8),
      thinProvisioned: full ? (dataIn.readUInt8(14) & 0x80) !== 0 : null,
      physicalBlockExponent: full ? dataIn.readUInt8(13) & 0x0f : null,
      bytes: dataIn,
    };
  }

  /** Reads `lbaCount` blocks of `blockLengthBytes`. */
  async read(lba: number | bigint, lbaCount: number, blockLengthBytes: number, options: BlockCommandOptions = {}): Promise<Buffer> {
    const form = options.cdbLength ?? (fitsCdb10(lba, lbaCount) ? 10 : 16);
    const dataInLength = lbaCount * blockLengthBytes;
    const { dataIn } = await this.run(`READ (${form})`, { cdb: readCdb(form, lba, lbaCount, options.fua), dataInLength });
    return dataIn;
  }

  /** Writes `data`, a multiple of `blockLengthBytes` long; it must stay unchanged until then. */
  async write(lba: number | bigint, data: Uint8Array, blockLengthBytes: number, options: BlockCommandOptions = {}): Promise<void> {
    const lbaCount = blocksOf(data, blockLengthBytes);
    const form = options.cdbLength ?? (fitsCdb10(lba, lbaCount) ? 10 : 16);
    await this.run(`WRITE (${form})`, { cdb: writeCdb(form, lba, lbaCount, options.fua), dataOut: data });
  }

  /** VERIFY of the medium, or against `data` when there is some. */
  async verify(lba: number | bigint, lbaCount: number, data?: Uint8Array, options: BlockCommandOptions = {}): Promise<void> {
    const form = options.cdbLength ?? (fitsCdb10(lba, lbaCount) ? 10 : 16);
    const cdb = verifyCdb(form, lba, lbaCount, data === undefined ? 0 : 1);
    await this.run(`VERIFY (${form})`, data === undefined ? { cdb } : { cdb, dataOut: data });
  }

  /** The whole unit unless told; `lbaCount` 0 means up to its end. */
  async synchronizeCache(lba: number | bigint = 0, lbaCount = 0, options: BlockCommandOptions = {}): Promise<void> {
    const form = options.cdbLength ?? (fitsCdb10(lba, lbaCount) ? 10 : 16);
    await this.run(`SYNCHRONIZE CACHE (${form})`, { cdb: synchronizeCacheCdb(form, lba, lbaCount) });
  }

  /** MODE SENSE in its 10-byte form unless told. */
  async modeSense(fields: ModeSenseFields, form: 6 | 10 = 10): Promise<ModeSenseResult> {
    const headerLength = form === 6 ? 4 : 8;
    const allocationLength = form === 6 ? MODE_SENSE_6_LENGTH_MAX : MODE_SENSE_10_LENGTH_MAX;
    const { dataIn } = await this.#dataIn(`MODE SENSE (${form})`, modeSenseCdb(form, fields, allocationLength), allocationLength, headerLength);
    const modeDataLength = form === 6 ? dataIn.readUInt8(0) + 1 : dataIn.readUInt16BE(0) + 2;
    const descriptorsLength = form === 6 ? dataIn.readUInt8(3) : dataIn.readUInt16BE(6);
    const pagesAt = headerLength + descriptorsLength;
    return {
      deviceSpecificParameter: dataIn.readUInt8(form === 6 ? 2 : 3),
      blockDescriptors: dataIn.subarray(headerLength, pagesAt),
      pages: dataIn.subarray(pagesAt, modeDataLength),
      bytes: dataIn,
    };
  }

  /** The LUNs that `selectReport` asks for, as numbers; -1 for forms that single-level addressing does not have. */
  async reportLuns(selectReport = 0): Promise<number[]> {
    const { dataIn } = await this.#dataIn('REPORT LUNS', reportLunsCdb(LUN_LIST_LENGTH_MAX, selectReport), LUN_LIST_LENGTH_MAX, 8);
    const luns: number[] = [];
    const end = Math.min(dataIn.length, 8 + dataIn.readUInt32BE(0));
    for (let at = 8; at + 8 <= end; at += 8) luns.push(decodeLun(dataIn.readUInt32BE(at), dataIn.readUInt32BE(at + 4)));
    return luns;
  }

  async #dataIn(label: string, cdb: Buffer, dataInLength: number, lengthMin: number): Promise<CommandResult> {
    const result = await this.run(label, { cdb, dataInLength });
    if (result.dataIn.length < lengthMin)
      throw new InitiatorError('TARGET_FAILURE', `${label} returned ${result.dataIn.length} bytes, fewer than ${lengthMin}`);
    return result;
  }
}

function blocksOf(data: Uint8Array, blockLengthBytes: number): number {
  const lbaCount = data.length / blockLengthBytes;
  if (!Number.isInteger(lbaCount)) throw new InitiatorError('ARGUMENT_INVALID', `${data.length} bytes are no whole blocks of ${blockLengthBytes}`);
  return lbaCount;
}

function ascii(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, to).trimEnd();
}
