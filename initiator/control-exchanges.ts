import {
  BHS_LENGTH,
  encodeLogoutRequest,
  encodeLunHigh,
  encodeNopOut,
  encodeTaskManagementRequest,
  encodeTextData,
  encodeTextRequest,
  type KeyValuePair,
  LogoutReason,
  type LogoutResponsePdu,
  type NopInPdu,
  parseTextData,
  RESERVED_TAG,
  TaskManagementFunction,
  type TextResponsePdu,
} from '../engine/pdu/index.js';
import { InitiatorError } from './errors.js';
import { Exchange, type SessionChannel } from './exchange.js';
import { initiatorLimits } from './limits.js';
import type { Wire } from './wire.js';

/** Functions that end every task of one logical unit, and of the whole target. RFC 7143 §11.5.1. */
const unitWideFunctions: ReadonlySet<number> = new Set([
  TaskManagementFunction.abortTaskSet,
  TaskManagementFunction.clearTaskSet,
  TaskManagementFunction.logicalUnitReset,
]);
const targetWideFunctions: ReadonlySet<number> = new Set([
  TaskManagementFunction.targetWarmReset,
  TaskManagementFunction.targetColdReset,
  TaskManagementFunction.itNexusReset,
]);

export interface TaskManagementOptions {
  /** A `TaskManagementFunction` value. */
  readonly function: number;
  readonly lun?: number;
  readonly referencedTaskTag?: number;
  readonly refCmdSN?: number;
  /** Of TASK REASSIGN: the first DataSN or R2TSN that has not come. */
  readonly expDataSN?: number;
  /** The connection to use; any unless told. */
  readonly cid?: number;
  /** True unless told: task management that waits behind what it aborts is of little use. */
  readonly immediate?: boolean;
  readonly timeoutMs?: number;
}

/** RFC 7143 §11.5, §11.6. The result is the response code, a `TaskManagementResponse` value. */
export class TaskManagementExchange extends Exchange<number> {
  readonly label = 'a task management request';
  readonly #options: TaskManagementOptions;

  constructor(options: TaskManagementOptions) {
    super(options.immediate ?? true);
    this.#options = options;
  }

  transmit(channel: SessionChannel): void {
    const { wire, numbers } = channel;
    this.takeCmdSN(channel);
    const at = wire.beginPdu(BHS_LENGTH);
    const { lun, referencedTaskTag = RESERVED_TAG, refCmdSN = 0, expDataSN = 0 } = this.#options;
    encodeTaskManagementRequest(
      {
        immediate: this.immediate,
        function: this.#options.function,
        lunHigh: lun === undefined ? 0 : encodeLunHigh(lun),
        lunLow: 0,
        initiatorTaskTag: this.initiatorTaskTag,
        referencedTaskTag,
        cmdSN: this.cmdSN,
        expStatSN: numbers.expStatSN,
        refCmdSN,
        expDataSN,
      },
      wire.view,
      at,
    );
    wire.endPdu(at, BHS_LENGTH);
  }

  takeResponse(response: number): void {
    this.complete(response);
  }

  /** True for a command that is over, without a word of its own, once this function is complete. */
  ends(command: { readonly initiatorTaskTag: number; readonly lun: number }): boolean {
    const { function: code, lun, referencedTaskTag } = this.#options;
    if (code === TaskManagementFunction.abortTask) return command.initiatorTaskTag === referencedTaskTag;
    return targetWideFunctions.has(code) || (unitWideFunctions.has(code) && command.lun === lun);
  }
}

/** NOP-Out that wants an answer. RFC 7143 §11.18, §11.19. */
export class PingExchange extends Exchange<Buffer> {
  readonly label = 'a NOP-Out';
  readonly #data: Uint8Array;

  constructor(data: Uint8Array, immediate: boolean) {
    super(immediate);
    this.#data = data;
  }

  transmit(channel: SessionChannel): void {
    const { wire, numbers } = channel;
    this.takeCmdSN(channel);
    const at = wire.beginPdu(BHS_LENGTH);
    const pdu = {
      immediate: this.immediate,
      lunHigh: 0,
      lunLow: 0,
      initiatorTaskTag: this.initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      cmdSN: this.cmdSN,
      expStatSN: numbers.expStatSN,
    };
    encodeNopOut(pdu, this.#data.length, wire.view, at);
    wire.endPdu(at, BHS_LENGTH, this.#data);
  }

  takeResponse(data: Buffer, channel: SessionChannel): void {
    // What exceeds our MaxRecvDataSegmentLength the target cuts off (RFC 7143 §11.19).
    const due = this.#data.subarray(0, channel.negotiated.maxRecvDataSegmentLength);
    if (!data.equals(due)) channel.checks.violation('pingData', `a ping of ${this.#data.length} bytes came back as ${data.length} bytes that differ`);
    this.complete(data);
  }
}

/** Answers a NOP-In by which the target asks whether we live: its tag and LUN come back, no data. RFC 7143 §11.18. */
export function answerTargetPing(wire: Wire, numbers: { readonly cmdSN: number; readonly expStatSN: number }, ping: NopInPdu): void {
  const { lunHigh, lunLow, targetTransferTag } = ping;
  const { cmdSN, expStatSN } = numbers;
  const at = wire.beginPdu(BHS_LENGTH);
  encodeNopOut({ immediate: true, lunHigh, lunLow, initiatorTaskTag: RESERVED_TAG, targetTransferTag, cmdSN, expStatSN }, 0, wire.view, at);
  wire.endPdu(at, BHS_LENGTH);
}

/** RFC 7143 §11.10, §11.11. */
export class TextExchange extends Exchange<KeyValuePair[]> {
  readonly label = 'a Text Request';
  readonly #text: Buffer;
  #outgoing: Buffer;
  #targetTransferTag = RESERVED_TAG;
  #incoming: Buffer[] = [];
  #incomingLength = 0;
  #requestCount = 0;

  constructor(pairs: Iterable<KeyValuePair>, immediate: boolean) {
    super(immediate);
    this.#text = encodeTextData(pairs);
    this.#outgoing = this.#text;
  }

  override resend(channel: SessionChannel): void {
    this.#outgoing = this.#text;
    this.#requestCount = 0;
    super.resend(channel);
  }

  transmit(channel: SessionChannel): void {
    const { wire, numbers, negotiated } = channel;
    this.#requestCount++;
    const part = this.#outgoing.subarray(0, negotiated.targetMaxRecvDataSegmentLength);
    this.#outgoing = this.#outgoing.subarray(part.length);
    const more = this.#outgoing.length > 0;
    this.takeCmdSN(channel);
    const at = wire.beginPdu(BHS_LENGTH);
    const pdu = {
      immediate: this.immediate,
      final: !more,
      continue: more,
      lunHigh: 0,
      lunLow: 0,
      initiatorTaskTag: this.initiatorTaskTag,
      targetTransferTag: this.#targetTransferTag,
      cmdSN: this.cmdSN,
      expStatSN: numbers.expStatSN,
    };
    encodeTextRequest(pdu, part.length, wire.view, at);
    wire.endPdu(at, BHS_LENGTH, part);
  }

  /** Half a negotiation cannot be told again. */
  get isMultiRound(): boolean {
    return this.#requestCount > 1;
  }

  /** Answers true when the negotiation is over. */
  takeResponse(pdu: TextResponsePdu, data: Buffer, channel: SessionChannel): boolean {
    const { checks } = channel;
    if (pdu.final && pdu.continue) checks.violation('finalBit', 'a Text Response has both F and C set');
    if (pdu.final !== (pdu.targetTransferTag === RESERVED_TAG)) {
      checks.violation('targetTransferTag', 'a Text Response has a Target Transfer Tag and the F bit, or neither');
    }
    this.#incomingLength += data.length;
    if (this.#incomingLength > initiatorLimits.textBytesMax) checks.fatal('textFormat', `the text exceeds ${initiatorLimits.textBytesMax} bytes`);
    this.#incoming.push(data);
    if (!pdu.final) {
      if (this.#requestCount >= initiatorLimits.textRoundCountMax) checks.fatal('textFormat', 'the text negotiation does not end');
      this.#targetTransferTag = pdu.targetTransferTag;
      channel.transmitWhenOpen(this);
      return false;
    }
    const pairs = parseTextData(Buffer.concat(this.#incoming));
    if (pairs === null) checks.violation('textFormat', 'the text of a Text Response is malformed');
    this.complete(pairs ?? []);
    return true;
  }
}

/** RFC 7143 §11.14, §11.15. */
export class LogoutExchange extends Exchange<LogoutResponsePdu> {
  readonly label = 'a Logout Request';
  readonly #reason: number;
  readonly #cid: number;

  constructor(reason: number, cid: number) {
    super(true);
    this.#reason = reason;
    this.#cid = cid;
  }

  transmit(channel: SessionChannel): void {
    const { wire, numbers } = channel;
    this.takeCmdSN(channel);
    const at = wire.beginPdu(BHS_LENGTH);
    const cid = this.#reason === LogoutReason.closeSession ? 0 : this.#cid;
    const pdu = {
      immediate: true,
      reason: this.#reason,
      initiatorTaskTag: this.initiatorTaskTag,
      cid,
      cmdSN: this.cmdSN,
      expStatSN: numbers.expStatSN,
    };
    encodeLogoutRequest(pdu, wire.view, at);
    wire.endPdu(at, BHS_LENGTH);
  }

  takeResponse(pdu: LogoutResponsePdu): void {
    if (pdu.response === 0) this.complete(pdu);
    else this.fail(new InitiatorError('LOGOUT_REFUSED', `the target answered the logout with response ${pdu.response}`));
  }
}
