import { assert } from '../engine/errors.js';
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
  isWellKnownLun,
  LUN_MAX,
  RESERVED_TAG,
  type ReadyToTransferPdu,
  ResidualFlag,
  type ScsiResponsePdu,
  SENSE_LENGTH_BYTES,
  ServiceResponse,
  TaskAttribute,
} from '../engine/pdu/index.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import type { ConformanceChecks } from './checks.js';
import type { SerialRun } from './connection-numbers.js';
import { DataInTransfer } from './data-in-transfer.js';
import { DataOutTransfer, planUnsolicited, sendDataOutSequence } from './data-out-transfer.js';
import { InitiatorError } from './errors.js';
import { Exchange, type SessionChannel } from './exchange.js';
import { initiatorLimits } from './limits.js';
import { NumberTracker } from './number-tracker.js';

export interface CommandOptions {
  readonly lun: number;
  /** Up to 260 bytes; what exceeds 16 travels in an AHS. */
  readonly cdb: Uint8Array;
  /** Data-Out; must stay unchanged until the command ends. */
  readonly dataOut?: Uint8Array;
  /** Bytes of Data-In to expect; with `dataOut` the command is bidirectional. */
  readonly dataInLength?: number;
  /**
   * The caller's own memory for Data-In, shared memory too; all of it is expected, and `dataInLength` is left out. It is written to until the command has
   * ended at the target or with its connection: `COMMAND_TIMEOUT` alone does not end it there, so that such a command should have no time limit.
   */
  readonly dataInto?: Uint8Array;
  /** Say that the command reads or writes although no data is expected: the target tells how much it would have moved. */
  readonly direction?: 'in' | 'out' | 'both';
  /** SIMPLE unless told. */
  readonly attribute?: TaskAttribute;
  readonly immediate?: boolean;
  /** That of the session unless told; 0 for none. */
  readonly timeoutMs?: number;
  /** Send less immediate data than was negotiated. */
  readonly immediateDataLength?: number;
  /** False: no unsolicited Data-Out, though it was negotiated. */
  readonly unsolicitedDataOut?: boolean;
  /** The connection to use, by its CID; any of the session's unless told. */
  readonly cid?: number;
  /** Executing it twice does no harm: when its connection is lost, making it again is called safe. */
  readonly idempotent?: boolean;
  /** Make it again by itself in the new session when the connection is lost (`reconnect` of the session): only for what bears it. */
  readonly retry?: boolean;
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
  /** The connection that it runs on; null before it is sent. */
  readonly cid: number | null;
  readonly isSent: boolean;
  readonly result: Promise<CommandResult>;
}

const noBytes = Buffer.alloc(0);
/** From the o and u bits to where O and U stand. RFC 7143 §11.4.1. */
const BIDIRECTIONAL_FLAG_SHIFT = 2;
const BOTH_FLAGS = ResidualFlag.overflow | ResidualFlag.underflow;
const BIDIRECTIONAL_FLAGS = ResidualFlag.bidirectionalReadOverflow | ResidualFlag.bidirectionalReadUnderflow;

/** Status that arrived before all that belongs to it. */
interface HeldStatus {
  readonly statSN: number;
  conclude(): void;
}

/** One SCSI command from its CDB to its status. RFC 7143 §11.3, §11.4, §11.7, §11.8. */
export class CommandExchange extends Exchange<CommandResult> implements PendingCommand {
  readonly label = 'a SCSI command';
  readonly lun: number;
  readonly lunHigh: number;
  readonly dataIn: Buffer;
  /** To be made again after the session was lost. */
  readonly isRetried: boolean;
  override readonly isIdempotent: boolean;
  readonly #options: CommandOptions;
  #channel: SessionChannel | null = null;
  #in: DataInTransfer | null = null;
  #out: DataOutTransfer | null = null;
  /** Which DataSN and R2TSN have come, above ErrorRecoveryLevel 0 only. */
  #tracker: NumberTracker | null = null;
  #held: HeldStatus | null = null;
  /** The target cannot send again what is missing. */
  #isDataLost = false;
  /** Its status came and all that belongs to it: the tag is free. */
  isOver = false;
  /** Of the R-Data SNACK that was sent: only a response with this tag counts; 0 when none was. */
  #snackTag = 0;
  /** Of the status that was told before our R-Data SNACK was: the one that counts may bear it again, or another. */
  #supersededStatSN: number | null = null;
  /** What the A bit asked for and holes put off. */
  #pendingAck: { readonly lunHigh: number; readonly lunLow: number; readonly targetTransferTag: number } | null = null;
  /** Longest data segment that we took when the command was sent. */
  #segmentLengthMax = 0;

  constructor(options: CommandOptions) {
    super(options.immediate ?? false);
    checkArguments(options);
    const { dataInto, dataInLength = 0 } = options;
    this.#options = options;
    this.pinnedCid = options.cid ?? null;
    this.isRetried = options.retry ?? false;
    this.isIdempotent = (options.idempotent ?? false) || this.isRetried;
    this.lun = options.lun;
    this.lunHigh = encodeLunHigh(options.lun);
    if (dataInto !== undefined) this.dataIn = Buffer.from(dataInto.buffer as ArrayBuffer, dataInto.byteOffset, dataInto.length);
    else this.dataIn = dataInLength === 0 ? noBytes : Buffer.alloc(dataInLength);
  }

  get cid(): number | null {
    return this.#channel?.cid ?? null;
  }

  #begin(channel: SessionChannel): void {
    const { dataOut } = this.#options;
    const { negotiated, checks } = channel;
    this.#channel = channel;
    this.#in = this.dataIn.length === 0 ? null : new DataInTransfer(this.dataIn.length, negotiated, checks);
    this.#out = dataOut === undefined || dataOut.length === 0 ? null : new DataOutTransfer(dataOut, negotiated, checks);
    this.#tracker = channel.recovery === null ? null : new NumberTracker(checks);
    this.#segmentLengthMax = negotiated.maxRecvDataSegmentLength;
    this.#held = null;
    this.#isDataLost = false;
    this.#snackTag = 0;
    this.#supersededStatSN = null;
    this.#pendingAck = null;
  }

  transmit(channel: SessionChannel): void {
    this.#begin(channel);
    const { wire, numbers, negotiated } = channel;
    const { cdb, direction } = this.#options;
    const out = this.#out;
    const isBidirectional = direction === 'both' || (out !== null && this.#in !== null);
    const plan = out === null ? { immediateBytes: 0, dataOutBytes: 0 } : planUnsolicited(out.data.length, negotiated, this.#options);
    const ahsLengthBytes = extendedCdbAhsLengthBytes(cdb.length) + (isBidirectional ? BIDIRECTIONAL_AHS_LENGTH_BYTES : 0);
    this.takeCmdSN(channel);
    const at = wire.beginPdu(BHS_LENGTH + ahsLengthBytes);
    const pdu = {
      immediate: this.immediate,
      final: plan.dataOutBytes === 0,
      read: this.#in !== null || direction === 'in' || direction === 'both',
      write: out !== null || direction === 'out' || direction === 'both',
      attribute: this.#options.attribute ?? TaskAttribute.simple,
      lunHigh: this.lunHigh,
      lunLow: 0,
      initiatorTaskTag: this.initiatorTaskTag,
      expectedDataTransferLength: direction === 'both' ? (out?.data.length ?? 0) : (out?.data.length ?? this.dataIn.length),
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

  // --- Data-In and R2T ---------------------------------------------------------------------------------------------

  /** DataSN or R2TSN that comes next: a bidirectional command counts both together. RFC 7143 §11.7.5. */
  get #nextSN(): number {
    return (this.#in?.pduCount ?? 0) + (this.#out?.r2tCount ?? 0);
  }

  /** Checks a Data-In header before its data lands; false when the data is to be dropped. */
  takeDataInHeader(pdu: DataInPdu, lengthBytes: number): boolean {
    if (this.#in === null) {
      this.#checks.violation('dataInUnexpected', 'Data-In came for a command that expects none');
      return false;
    }
    if (this.#tracker === null) {
      this.#in.takeHeader(pdu, lengthBytes, this.#nextSN, this.#out !== null);
      return true;
    }
    this.#in.checkBounds(pdu, lengthBytes);
    return !this.#tracker.has(pdu.dataSN);
  }

  /** The data of a Data-In PDU has landed, rightly or not: above ErrorRecoveryLevel 0 only. RFC 7143 §7.8. */
  takeDataInBody(pdu: DataInPdu, lengthBytes: number, digestRight: boolean): void {
    const tracker = this.#tracker;
    if (tracker === null || this.#in === null || tracker.has(pdu.dataSN)) return;
    if (!digestRight) {
      this.#request(tracker.noteSent(pdu.dataSN + 1));
      return;
    }
    const isNext = tracker.isInOrder && tracker.next === pdu.dataSN;
    if (isNext) this.#in.takeHeader(pdu, lengthBytes, pdu.dataSN, this.#out !== null);
    else this.#in.takeLate(pdu, lengthBytes);
    this.#request(tracker.note(pdu.dataSN));
    if (pdu.acknowledge) this.#pendingAck = { lunHigh: pdu.lunHigh, lunLow: pdu.lunLow, targetTransferTag: pdu.targetTransferTag };
    this.#settleHoles(tracker);
  }

  /** Answers whether the R2T is to be answered. */
  takeR2T(pdu: ReadyToTransferPdu): boolean {
    const tracker = this.#tracker;
    if (this.#out === null) {
      this.#checks.violation('r2tUnexpected', 'an R2T came for a command that writes nothing');
      return false;
    }
    if (tracker === null) {
      this.#out.takeR2T(pdu, this.lunHigh, this.#nextSN);
      return true;
    }
    if (tracker.has(pdu.r2tSN)) return false;
    this.#out.takeR2T(pdu, this.lunHigh, pdu.r2tSN, true);
    this.#request(tracker.note(pdu.r2tSN));
    this.#settleHoles(tracker);
    return true;
  }

  answerR2T(targetTransferTag: number, offset: number, lengthBytes: number): void {
    const channel = this.#channel;
    if (channel === null) return;
    const tags = { lunHigh: this.lunHigh, initiatorTaskTag: this.initiatorTaskTag, targetTransferTag, expStatSN: channel.numbers.expStatSN };
    this.#out?.answer(channel.wire, tags, offset, lengthBytes);
  }

  // --- Recovery ----------------------------------------------------------------------------------------------------

  /** What was sent and has not come, as DataSN or R2TSN. */
  missing(): SerialRun[] {
    return this.#isDataLost ? [] : (this.#tracker?.missing() ?? []);
  }

  /** Asks for what is missing; after segments became longer or shorter, for everything, cut anew. RFC 7143 §11.16.3. */
  #request(run: SerialRun | null): void {
    const channel = this.#channel;
    const recovery = channel?.recovery;
    if (run === null || channel === null || recovery === null || recovery === undefined || this.#isDataLost) return;
    if (channel.negotiated.maxRecvDataSegmentLength === this.#segmentLengthMax || this.#out !== null) {
      recovery.requestData(this, run);
      return;
    }
    this.#segmentLengthMax = channel.negotiated.maxRecvDataSegmentLength;
    this.#tracker?.restart();
    this.#in?.restart();
    this.#held = null;
    this.#snackTag = recovery.requestResegmented(this);
  }

  /** Whatever waited for the holes to be filled goes on once they are. */
  #settleHoles(tracker: NumberTracker): void {
    if (tracker.missing().length > 0) return;
    const channel = this.#channel;
    const ack = this.#pendingAck;
    this.#pendingAck = null;
    if (ack !== null) {
      channel?.recovery?.acknowledgeData(ack, ack.targetTransferTag, tracker.next);
      tracker.acknowledge();
      this.#in?.acknowledge();
    }
    if (this.#snackTag === 0) channel?.recovery?.forget(this);
    this.#held?.conclude();
  }

  /** The target refuses to send again what is missing. It is to end the task itself; a status of GOOD will not be believed. */
  loseData(): void {
    // An R2T that does not come again was made up for by another: whether all was asked for, the status tells.
    if (this.#in === null) this.#tracker?.forgive();
    else this.#isDataLost = true;
    this.#channel?.recovery?.forget(this);
    this.#held?.conclude();
  }

  /** The task moves to another connection, where TASK REASSIGN has told of it. Answers the ExpDataSN to tell there. RFC 7143 §11.5.6. */
  moveTo(channel: SessionChannel): number {
    this.channel = channel;
    this.#channel = channel;
    this.#held = null;
    this.#snackTag = 0;
    this.#supersededStatSN = null;
    this.#pendingAck = null;
    const tracker = this.#tracker;
    if (tracker === null) return 0;
    if (this.#in === null) tracker.rebase();
    else this.#in.beginSequence();
    if (this.#out !== null) this.#out.outstandingCount = 0;
    return this.#in === null ? 0 : tracker.next;
  }

  /** As if it had never been sent. */
  rewind(): void {
    this.isSent = false;
    this.channel = null;
    this.#channel = null;
    this.#held = null;
    this.pinnedCid = this.#options.cid ?? null;
  }

  // --- Status ------------------------------------------------------------------------------------------------------

  /** Status that came in a Data-In PDU. Answers false when it is held back until the data is complete. */
  takeDataInStatus(pdu: DataInPdu): boolean {
    const { status, residualFlags, residualCount } = pdu;
    if (this.#snackTag !== 0) return this.#supersede(pdu.statSN);
    return this.#takeStatus(pdu.statSN, pdu.dataSN + 1, status, () => this.#finish(status, noBytes, residualFlags, residualCount, 0));
  }

  /** Status that came in a SCSI Response; `data` is its data segment. Answers false when it is held back until the data is complete. */
  takeResponse(pdu: ScsiResponsePdu, data: Buffer): boolean {
    if (this.#snackTag !== 0 && pdu.snackTag !== this.#snackTag) return this.#supersede(pdu.statSN);
    if (pdu.response !== ServiceResponse.commandCompleted) {
      this.isOver = true;
      this.fail(new InitiatorError('TARGET_FAILURE', `the target failed with iSCSI response 0x${pdu.response.toString(16)}`));
      return true;
    }
    if (this.#tracker === null) this.#checkExpDataSN(pdu.expDataSN);
    const { statSN, status, residualFlags, residualCount, bidirectionalReadResidualCount } = pdu;
    const sentCount = this.#in === null ? 0 : pdu.expDataSN;
    return this.#takeStatus(statSN, sentCount, status, () =>
      this.#finish(status, this.#senseOf(data), residualFlags, residualCount, bidirectionalReadResidualCount),
    );
  }

  /** This status was told before our R-Data SNACK was: the one that counts will come. RFC 7143 §11.16.3. */
  #supersede(statSN: number): false {
    this.#supersededStatSN = statSN;
    return false;
  }

  /** `sentCount` PDUs with a DataSN or R2TSN were sent by now. */
  #takeStatus(statSN: number, sentCount: number, status: number, finish: () => void): boolean {
    const tracker = this.#tracker;
    const conclude = (): void => {
      this.#held = null;
      this.isOver = true;
      if (this.#isDataLost && status === ScsiStatus.good && tracker !== null && tracker.missing().length > 0) {
        this.fail(new InitiatorError('DATA_LOST', 'the command succeeded, but the target cannot send again what was lost of its data'));
      } else {
        finish();
      }
    };
    // A write that has its status needs no R2T any more.
    if (tracker !== null && this.#in !== null && !this.#isDataLost) {
      const snackTag = this.#snackTag;
      this.#request(tracker.noteSent(sentCount));
      if (this.#snackTag !== snackTag) return this.#supersede(statSN);
      if (tracker.missing().length > 0) {
        const numbers = this.#channel?.numbers;
        this.#held = {
          statSN,
          conclude: () => {
            conclude();
            numbers?.settle(statSN);
          },
        };
        return false;
      }
    }
    conclude();
    return true;
  }

  override fail(error: InitiatorError): void {
    super.fail(error);
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#channel?.numbers.settle(held.statSN);
  }

  protected override onSettled(): void {
    const superseded = this.#supersededStatSN;
    this.#supersededStatSN = null;
    if (superseded !== null) this.#channel?.numbers.settle(superseded);
    this.#channel?.recovery?.forget(this);
  }

  get #checks(): ConformanceChecks {
    const channel = this.#channel;
    assert(channel !== null, 'only what was sent is answered');
    return channel.checks;
  }

  #checkExpDataSN(expDataSN: number): void {
    const sent = this.#nextSN;
    // "The number of R2T and Data-In PDUs", yet "must be 0 if the target sent no Data-In": with R2Ts alone both readings stand.
    const right = expDataSN === sent || (expDataSN === 0 && (this.#in?.pduCount ?? 0) === 0);
    if (!right) this.#checks.violation('expDataSN', `ExpDataSN is ${expDataSN} after ${sent} Data-In and R2T PDUs`);
  }

  #senseOf(data: Buffer): Buffer {
    if (data.length === 0) return noBytes;
    const senseLength = data.length < SENSE_LENGTH_BYTES ? -1 : data.readUInt16BE(0);
    if (senseLength < 0 || SENSE_LENGTH_BYTES + senseLength > data.length) {
      this.#checks.violation('senseLength', `SenseLength is ${senseLength} in a data segment of ${data.length} bytes`);
      return noBytes;
    }
    return data.subarray(SENSE_LENGTH_BYTES, SENSE_LENGTH_BYTES + senseLength);
  }

  #finish(status: number, sense: Buffer, residualFlags: number, residualCount: number, bidirectionalReadResidualCount: number): void {
    const isBidirectional = this.#options.direction === 'both' || (this.#in !== null && this.#out !== null);
    const readFlags = (residualFlags & BIDIRECTIONAL_FLAGS) >> BIDIRECTIONAL_FLAG_SHIFT;
    if ((residualFlags & BOTH_FLAGS) === BOTH_FLAGS || readFlags === BOTH_FLAGS) {
      this.#checks.violation('residual', 'overflow and underflow are both told of one direction');
    }
    let dataInLength = 0;
    if (isBidirectional) {
      dataInLength = this.#in?.finish(status, readFlags, bidirectionalReadResidualCount) ?? 0;
    } else {
      if (readFlags !== 0) this.#checks.violation('residual', 'a bidirectional residual came for another command');
      dataInLength = this.#in?.finish(status, residualFlags, residualCount) ?? 0;
    }
    this.#out?.finish(status, residualFlags, residualCount);
    this.complete({ status, sense, dataIn: this.dataIn.subarray(0, dataInLength), residualFlags, residualCount, bidirectionalReadResidualCount });
  }
}

function checkArguments(options: CommandOptions): void {
  const { lun, cdb, dataOut, dataInto, dataInLength = dataInto?.length ?? 0 } = options;
  const invalid = (message: string): never => {
    throw new InitiatorError('ARGUMENT_INVALID', message);
  };
  if (!Number.isInteger(lun) || lun < 0 || (lun > LUN_MAX && !isWellKnownLun(lun))) invalid(`LUN ${lun} is not from 0 to ${LUN_MAX}`);
  if (cdb.length === 0 || cdb.length > CDB_LENGTH_MAX) invalid(`a CDB has 1 to ${CDB_LENGTH_MAX} bytes, not ${cdb.length}`);
  const longest = Math.max(dataInLength, dataOut?.length ?? 0);
  if (!Number.isInteger(dataInLength) || dataInLength < 0 || longest > initiatorLimits.commandDataLengthBytesMax) {
    invalid(`data lengths are whole numbers up to ${initiatorLimits.commandDataLengthBytesMax} bytes`);
  }
  if (dataInto !== undefined && dataInto.length !== dataInLength) invalid('Data-In is given memory or a length, not both');
}
