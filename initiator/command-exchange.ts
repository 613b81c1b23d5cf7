import {
  BHS_CDB_LENGTH,
  BHS_LENGTH,
  BIDIRECTIONAL_AHS_LENGTH_BYTES,
  CDB_LENGTH_MAX,
  type DataInPdu,
  encodeBidirectionalReadLengthAhs,
  encodeExtendedCdbAhs,
  encodeLunHigh,
  encodeScsiCommand,
  extendedCdbAhsLengthBytes,
  LUN_MAX,
  RESERVED_TAG,
  type ReadyToTransferPdu,
  ResidualFlag,
  type ScsiResponsePdu,
  SENSE_LENGTH_BYTES,
  ServiceResponse,
  TaskAttribute,
} from '../engine/pdu/index.js';
import { DataInTransfer } from './data-in-transfer.js';
import { DataOutTransfer, planUnsolicited, sendDataOutSequence } from './data-out-transfer.js';
import { InitiatorError } from './errors.js';
import { Exchange, type SessionChannel } from './exchange.js';
import { initiatorLimits } from './limits.js';

export interface CommandOptions {
  readonly lun: number;
  /** Up to 260 bytes; what exceeds 16 travels in an AHS. */
  readonly cdb: Uint8Array;
  /** Data-Out; must stay unchanged until the command ends. */
  readonly dataOut?: Uint8Array;
  /** Bytes of Data-In to expect; with `dataOut` the command is bidirectional. */
  readonly dataInLength?: number;
  /** SIMPLE unless told. */
  readonly attribute?: TaskAttribute;
  readonly immediate?: boolean;
  readonly timeoutMs?: number;
  /** Send less immediate data than was negotiated. */
  readonly immediateDataLength?: number;
  /** False: no unsolicited Data-Out, though it was negotiated. */
  readonly unsolicitedDataOut?: boolean;
}

export interface CommandResult {
  /** A `ScsiStatus` value. */
  readonly status: number;
  /** Empty when there is none. */
  readonly sense: Buffer;
  /** The Data-In that arrived. */
  readonly dataIn: Buffer;
  /** `ResidualFlag` bits. */
  readonly residualFlags: number;
  readonly residualCount: number;
  readonly bidirectionalReadResidualCount: number;
}

/** A command that was submitted: what task management refers to. */
export interface PendingCommand {
  readonly initiatorTaskTag: number;
  readonly cmdSN: number;
  readonly isSent: boolean;
  readonly result: Promise<CommandResult>;
}

const noBytes = Buffer.alloc(0);
/** From the o and u bits to where O and U stand. RFC 7143 §11.4.1. */
const BIDIRECTIONAL_FLAG_SHIFT = 2;
const BOTH_FLAGS = ResidualFlag.overflow | ResidualFlag.underflow;
const BIDIRECTIONAL_FLAGS = ResidualFlag.bidirectionalReadOverflow | ResidualFlag.bidirectionalReadUnderflow;

/** One SCSI command from its CDB to its status. RFC 7143 §11.3, §11.4, §11.7, §11.8. */
export class CommandExchange extends Exchange<CommandResult> implements PendingCommand {
  readonly label = 'a SCSI command';
  readonly lun: number;
  readonly lunHigh: number;
  readonly dataIn: Buffer;
  readonly #options: CommandOptions;
  readonly #channel: SessionChannel;
  readonly #in: DataInTransfer | null;
  readonly #out: DataOutTransfer | null;

  constructor(options: CommandOptions, channel: SessionChannel) {
    super(options.immediate ?? false);
    checkArguments(options);
    const { dataOut, dataInLength = 0 } = options;
    this.#options = options;
    this.#channel = channel;
    this.lun = options.lun;
    this.lunHigh = encodeLunHigh(options.lun);
    this.dataIn = dataInLength === 0 ? noBytes : Buffer.alloc(dataInLength);
    this.#in = dataInLength === 0 ? null : new DataInTransfer(dataInLength, channel.negotiated, channel.checks);
    this.#out = dataOut === undefined || dataOut.length === 0 ? null : new DataOutTransfer(dataOut, channel.negotiated, channel.checks);
  }

  transmit(channel: SessionChannel): void {
    const { wire, numbers, negotiated } = channel;
    const cdb = this.#options.cdb;
    const out = this.#out;
    const isBidirectional = out !== null && this.#in !== null;
    const plan = out === null ? { immediateBytes: 0, dataOutBytes: 0 } : planUnsolicited(out.data.length, negotiated, this.#options);
    const ahsLengthBytes = extendedCdbAhsLengthBytes(cdb.length) + (isBidirectional ? BIDIRECTIONAL_AHS_LENGTH_BYTES : 0);
    this.cmdSN = numbers.takeCmdSN(this.immediate);
    const at = wire.beginPdu(BHS_LENGTH + ahsLengthBytes);
    const pdu = {
      immediate: this.immediate,
      final: plan.dataOutBytes === 0,
      read: this.#in !== null,
      write: out !== null,
      attribute: this.#options.attribute ?? TaskAttribute.simple,
      lunHigh: this.lunHigh,
      lunLow: 0,
      initiatorTaskTag: this.initiatorTaskTag,
      expectedDataTransferLength: out?.data.length ?? this.dataIn.length,
      cmdSN: this.cmdSN,
      expStatSN: numbers.expStatSN,
    };
    encodeScsiCommand(pdu, cdb, ahsLengthBytes, plan.immediateBytes, wire.view, at);
    let end = at + BHS_LENGTH;
    if (cdb.length > BHS_CDB_LENGTH) end = encodeExtendedCdbAhs(cdb, wire.view, end);
    if (isBidirectional) encodeBidirectionalReadLengthAhs(this.dataIn.length, wire.view, end);
    wire.endPdu(at, BHS_LENGTH + ahsLengthBytes, out?.data ?? null, 0, plan.immediateBytes);
    if (out === null) return;
    out.noteUnsolicited(plan);
    // LUN is reserved where there is no Target Transfer Tag (RFC 7143 §11.7.4).
    const tags = { lunHigh: 0, initiatorTaskTag: this.initiatorTaskTag, targetTransferTag: RESERVED_TAG, expStatSN: numbers.expStatSN };
    sendDataOutSequence(wire, tags, out.data, plan.immediateBytes, plan.immediateBytes + plan.dataOutBytes, negotiated.targetMaxRecvDataSegmentLength);
  }

  /** DataSN or R2TSN that comes next: a bidirectional command counts both together. RFC 7143 §11.7.5. */
  get #nextSN(): number {
    return (this.#in?.pduCount ?? 0) + (this.#out?.r2tCount ?? 0);
  }

  /** Checks a Data-In header before its data lands; false when the data is to be dropped. */
  takeDataInHeader(pdu: DataInPdu, lengthBytes: number): boolean {
    if (this.#in === null) {
      this.#channel.checks.violation('dataInUnexpected', 'Data-In came for a command that expects none');
      return false;
    }
    this.#in.takeHeader(pdu, lengthBytes, this.#nextSN, this.#out !== null);
    return true;
  }

  /** Answers whether the R2T is to be answered. */
  takeR2T(pdu: ReadyToTransferPdu): boolean {
    if (this.#out === null) {
      this.#channel.checks.violation('r2tUnexpected', 'an R2T came for a command that writes nothing');
      return false;
    }
    this.#out.takeR2T(pdu, this.lunHigh, this.#nextSN);
    return true;
  }

  answerR2T(targetTransferTag: number, offset: number, lengthBytes: number): void {
    const { wire, numbers } = this.#channel;
    const tags = { lunHigh: this.lunHigh, initiatorTaskTag: this.initiatorTaskTag, targetTransferTag, expStatSN: numbers.expStatSN };
    this.#out?.answer(wire, tags, offset, lengthBytes);
  }

  /** Status that came in a Data-In PDU. */
  takeDataInStatus(pdu: DataInPdu): void {
    this.#finish(pdu.status, noBytes, pdu.residualFlags, pdu.residualCount, 0);
  }

  /** Status that came in a SCSI Response; `data` is its data segment. */
  takeResponse(pdu: ScsiResponsePdu, data: Buffer): void {
    if (pdu.response !== ServiceResponse.commandCompleted) {
      this.fail(new InitiatorError('TARGET_FAILURE', `the target failed with iSCSI response 0x${pdu.response.toString(16)}`));
      return;
    }
    this.#checkExpDataSN(pdu.expDataSN);
    this.#finish(pdu.status, this.#senseOf(data), pdu.residualFlags, pdu.residualCount, pdu.bidirectionalReadResidualCount);
  }

  #checkExpDataSN(expDataSN: number): void {
    const sent = this.#nextSN;
    // "The number of R2T and Data-In PDUs", yet "must be 0 if the target sent no Data-In": with R2Ts alone both readings stand.
    const right = expDataSN === sent || (expDataSN === 0 && (this.#in?.pduCount ?? 0) === 0);
    if (!right) this.#channel.checks.violation('expDataSN', `ExpDataSN is ${expDataSN} after ${sent} Data-In and R2T PDUs`);
  }

  #senseOf(data: Buffer): Buffer {
    if (data.length === 0) return noBytes;
    const senseLength = data.length < SENSE_LENGTH_BYTES ? -1 : data.readUInt16BE(0);
    if (senseLength < 0 || SENSE_LENGTH_BYTES + senseLength > data.length) {
      this.#channel.checks.violation('senseLength', `SenseLength is ${senseLength} in a data segment of ${data.length} bytes`);
      return noBytes;
    }
    return data.subarray(SENSE_LENGTH_BYTES, SENSE_LENGTH_BYTES + senseLength);
  }

  #finish(status: number, sense: Buffer, residualFlags: number, residualCount: number, bidirectionalReadResidualCount: number): void {
    const isBidirectional = this.#in !== null && this.#out !== null;
    const readFlags = (residualFlags & BIDIRECTIONAL_FLAGS) >> BIDIRECTIONAL_FLAG_SHIFT;
    if ((residualFlags & BOTH_FLAGS) === BOTH_FLAGS || readFlags === BOTH_FLAGS) {
      this.#channel.checks.violation('residual', 'overflow and underflow are both told of one direction');
    }
    let dataInLength = 0;
    if (isBidirectional) {
      dataInLength = this.#in?.finish(status, readFlags, bidirectionalReadResidualCount) ?? 0;
    } else {
      if (readFlags !== 0) this.#channel.checks.violation('residual', 'a bidirectional residual came for another command');
      dataInLength = this.#in?.finish(status, residualFlags, residualCount) ?? 0;
    }
    this.#out?.finish(status, residualFlags, residualCount);
    this.complete({ status, sense, dataIn: this.dataIn.subarray(0, dataInLength), residualFlags, residualCount, bidirectionalReadResidualCount });
  }
}

function checkArguments(options: CommandOptions): void {
  const { lun, cdb, dataOut, dataInLength = 0 } = options;
  const invalid = (message: string): never => {
    throw new InitiatorError('ARGUMENT_INVALID', message);
  };
  if (!Number.isInteger(lun) || lun < 0 || lun > LUN_MAX) invalid(`LUN ${lun} is not from 0 to ${LUN_MAX}`);
  if (cdb.length === 0 || cdb.length > CDB_LENGTH_MAX) invalid(`a CDB has 1 to ${CDB_LENGTH_MAX} bytes, not ${cdb.length}`);
  const longest = Math.max(dataInLength, dataOut?.length ?? 0);
  if (!Number.isInteger(dataInLength) || dataInLength < 0 || longest > initiatorLimits.commandDataLengthBytesMax) {
    invalid(`data lengths are whole numbers up to ${initiatorLimits.commandDataLengthBytesMax} bytes`);
  }
}
