import {
  type AsyncMessagePdu,
  BHS_LENGTH,
  DATA_IN,
  type DataInPdu,
  decodeAsyncMessage,
  decodeDataIn,
  decodeLogoutResponse,
  decodeNopIn,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiResponse,
  decodeSnack,
  decodeTaskManagementResponse,
  decodeTextResponse,
  emptyDataIn,
  FINAL_BIT,
  OPCODE_MASK,
  Opcode,
  opcodeName,
  RESERVED_TAG,
  RejectReason,
  readInitiatorTaskTag,
  readTargetNumbers,
  SnackType,
  TaskManagementResponse,
} from '../engine/pdu/index.js';
import { CommandExchange } from './command-exchange.js';
import { answerTargetPing, LogoutExchange, PingExchange, TaskManagementExchange, TextExchange } from './control-exchanges.js';
import { InitiatorError, PduRejected } from './errors.js';
import type { Exchange, ExchangeTable, SessionChannel } from './exchange.js';
import type { LoginResult } from './login.js';
import { serialBefore } from './serial.js';
import type { Wire, WireReceiver } from './wire.js';

/** What a session tells its owner besides the answers. */
export interface SessionEvents {
  /** RFC 7143 §11.9; `data` is the sense data of event 0. */
  readonly onAsyncMessage?: (message: AsyncMessagePdu, data: Buffer) => void;
  readonly onReject?: (rejected: PduRejected) => void;
  /** The target asked whether we live; it has been answered. */
  readonly onPing?: () => void;
  /** A connection was lost; what follows depends on the session's options. */
  readonly onConnectionLost?: (cid: number, cause: InitiatorError) => void;
  /** At ErrorRecoveryLevel 2: its tasks go on, on the connection `heirCid`. */
  readonly onConnectionRecovered?: (cid: number, heirCid: number) => void;
  /** The session was made anew (`reconnect`): a new nexus for the target, on one connection. */
  readonly onReconnected?: (login: LoginResult) => void;
  /** The session is over; the cause has code `SESSION_CLOSED` when it was logged out in order. */
  readonly onClosed?: (cause: InitiatorError) => void;
}

/** PDUs whose F bit is always set. RFC 7143 §11.4, §11.6, §11.8, §11.9, §11.15, §11.17, §11.19. */
const alwaysFinal: ReadonlySet<number> = new Set([
  Opcode.scsiResponse,
  Opcode.taskManagementResponse,
  Opcode.readyToTransfer,
  Opcode.asyncMessage,
  Opcode.logoutResponse,
  Opcode.reject,
  Opcode.nopIn,
]);
/** PDUs that carry no data segment. */
const neverWithData: ReadonlySet<number> = new Set([Opcode.taskManagementResponse, Opcode.readyToTransfer, Opcode.logoutResponse]);
/** Responses that use up a StatSN; a NOP-In does when it answers, a Data-In with the S bit. RFC 7143 §4.2.2.2. */
const numbered: ReadonlySet<number> = new Set([
  Opcode.scsiResponse,
  Opcode.taskManagementResponse,
  Opcode.textResponse,
  Opcode.logoutResponse,
  Opcode.asyncMessage,
  Opcode.reject,
]);
/** A Reject of one of these leaves its task alive: the target ends it with a response of its own. RFC 7143 §11.17.1. */
const rejectedWithinTask: ReadonlySet<number> = new Set([Opcode.dataOut, Opcode.snackRequest]);

interface PendingR2T {
  readonly command: CommandExchange;
  readonly targetTransferTag: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Who is told what concerns the connection as a whole. */
export interface ReceiverOwner {
  onTurnEnd(): void;
  onClosed(cause: InitiatorError): void;
  onAsyncMessage(message: AsyncMessagePdu, data: Buffer): void;
}

/** Takes what the target says in the full-feature phase, checks it, and gives it to the exchange it belongs to. */
export class SessionReceiver implements WireReceiver {
  readonly #channel: SessionChannel;
  readonly #wire: Wire;
  readonly #exchanges: ExchangeTable;
  readonly #events: SessionEvents;
  readonly #owner: ReceiverOwner;
  #isHeld = false;
  /** The header being worked on: its data may come in a later chunk, when the original is gone. */
  readonly #header = Buffer.alloc(BHS_LENGTH);
  readonly #view = new DataView(this.#header.buffer, this.#header.byteOffset, BHS_LENGTH);
  readonly #dataIn: DataInPdu = emptyDataIn();
  #opcode = 0;
  readonly #pendingR2Ts: PendingR2T[] = [];
  readonly #handlers: ReadonlyMap<number, (data: Buffer) => void> = new Map([
    [Opcode.scsiResponse, (data) => this.#onScsiResponse(data)],
    [Opcode.readyToTransfer, () => this.#onReadyToTransfer()],
    [Opcode.nopIn, (data) => this.#onNopIn(data)],
    [Opcode.taskManagementResponse, () => this.#onTaskManagementResponse()],
    [Opcode.textResponse, (data) => this.#onTextResponse(data)],
    [Opcode.logoutResponse, () => this.#onLogoutResponse()],
    [Opcode.asyncMessage, (data) => this.#onAsyncMessage(data)],
    [Opcode.reject, (data) => this.#onReject(data)],
  ] as [number, (data: Buffer) => void][]);

  constructor(channel: SessionChannel, exchanges: ExchangeTable, events: SessionEvents, owner: ReceiverOwner) {
    this.#channel = channel;
    this.#wire = channel.wire;
    this.#exchanges = exchanges;
    this.#events = events;
    this.#owner = owner;
  }

  onHeader(bytes: Uint8Array, _view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
    const { checks } = this.#channel;
    this.#header.set(bytes.subarray(at, at + BHS_LENGTH));
    const first = this.#view.getUint8(0);
    const opcode = first & OPCODE_MASK;
    this.#opcode = opcode;
    const name = opcodeName(opcode);
    if (first !== opcode) checks.violation('reservedBits', `${name} has one of the two top bits of byte 0 set`);
    if (ahsLengthBytes > 0) checks.violation('unexpectedAhs', `${name} carries an AHS`);
    if (alwaysFinal.has(opcode) && (this.#view.getUint8(1) & FINAL_BIT) === 0) checks.violation('finalBit', `${name} has no F bit`);
    if (dataSegmentLengthBytes > 0 && neverWithData.has(opcode)) checks.violation('unexpectedData', `${name} carries data`);
    if (opcode === Opcode.dataIn) this.#takeDataInHeader(dataSegmentLengthBytes);
  }

  #takeDataInHeader(lengthBytes: number): void {
    const pdu = decodeDataIn(this.#view, 0, this.#dataIn);
    const command = this.#find(CommandExchange);
    if (command?.takeDataInHeader(pdu, lengthBytes)) this.#wire.landIn(command.dataIn, pdu.bufferOffset, lengthBytes);
    else this.#wire.discardData();
  }

  /** The exchange that the current header names, of the kind that its opcode answers. */
  #find<E extends Exchange>(kind: abstract new (...args: never[]) => E): E | null {
    const initiatorTaskTag = readInitiatorTaskTag(this.#view, 0);
    const exchange = this.#exchanges.get(initiatorTaskTag);
    const name = opcodeName(this.#opcode);
    // Allegiance: the answer comes where the request went (RFC 7143 §4.2.4.1).
    if (exchange === undefined || !exchange.isSent || exchange.channel !== this.#channel) {
      this.#channel.checks.violation('unknownTaskTag', `${name} names Initiator Task Tag 0x${initiatorTaskTag.toString(16)}, which is not in use`);
      return null;
    }
    if (exchange instanceof kind) return exchange;
    this.#channel.checks.violation('wrongAnswer', `${name} answers ${exchange.label}`);
    return null;
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    const opcode = this.#opcode;
    // Without error recovery there is no way to get the data again (RFC 7143 §7.8).
    if (!digestRight && this.#channel.recovery === null) this.#channel.checks.fatal('dataDigest', `the data digest of ${opcodeName(opcode)} is wrong`);
    if (opcode === Opcode.dataIn) {
      this.#onDataIn(lengthBytes, digestRight);
      return;
    }
    const handler = this.#handlers.get(opcode);
    if (handler === undefined) {
      this.#channel.checks.violation('unknownOpcode', `${opcodeName(opcode)} is nothing that a target sends now`);
      return;
    }
    const { statSN, expCmdSN, maxCmdSN } = readTargetNumbers(this.#view, 0);
    const { numbers } = this.#channel;
    const isNumbered = numbered.has(opcode) || (opcode === Opcode.nopIn && readInitiatorTaskTag(this.#view, 0) !== RESERVED_TAG);
    if (!digestRight) {
      if (isNumbered) numbers.lose(statSN);
      return;
    }
    if (!isNumbered) numbers.takeUnnumbered(statSN, expCmdSN, maxCmdSN);
    else if (numbers.takeStatus(statSN, expCmdSN, maxCmdSN) === 'again') return;
    this.#isHeld = false;
    handler(Buffer.from(bytes.subarray(at, at + lengthBytes)));
    if (isNumbered && !this.#isHeld) numbers.settle(statSN);
  }

  /** SCSI Data-In, RFC 7143 §11.7: its data has landed already. StatSN counts only with the S bit. */
  #onDataIn(lengthBytes: number, digestRight: boolean): void {
    const pdu = this.#dataIn;
    const { numbers } = this.#channel;
    const exchange = this.#exchanges.get(this.#view.getUint32(DATA_IN.initiatorTaskTag));
    const command = exchange instanceof CommandExchange && exchange.channel === this.#channel ? exchange : null;
    command?.takeDataInBody(pdu, lengthBytes, digestRight);
    if (!pdu.statusPresent) {
      numbers.takeWindow(pdu.expCmdSN, pdu.maxCmdSN);
    } else if (numbers.takeStatus(pdu.statSN, pdu.expCmdSN, pdu.maxCmdSN) === 'new' && command?.takeDataInStatus(pdu) !== false) {
      numbers.settle(pdu.statSN);
    }
    this.#removeIfOver(command);
  }

  #removeIfOver(command: CommandExchange | null): void {
    if (command?.isOver) this.#exchanges.remove(command);
  }

  /** SCSI Response, RFC 7143 §11.4. */
  #onScsiResponse(data: Buffer): void {
    const pdu = decodeScsiResponse(this.#view, 0);
    const command = this.#find(CommandExchange);
    if (command === null) return;
    this.#isHeld = !command.takeResponse(pdu, data);
    this.#removeIfOver(command);
  }

  /** R2T, RFC 7143 §11.8. Answered at the end of the turn, so that R2Ts which came together are seen as outstanding together. */
  #onReadyToTransfer(): void {
    const pdu = decodeReadyToTransfer(this.#view, 0);
    const command = this.#find(CommandExchange);
    if (command === null) return;
    const isToBeAnswered = command.takeR2T(pdu);
    this.#removeIfOver(command);
    if (!isToBeAnswered) return;
    const { targetTransferTag, bufferOffset: offset, desiredDataTransferLength: lengthBytes } = pdu;
    this.#pendingR2Ts.push({ command, targetTransferTag, offset, lengthBytes });
  }

  /** NOP-In, RFC 7143 §11.19: an answer to our ping, a ping of the target's, or neither. */
  #onNopIn(data: Buffer): void {
    const pdu = decodeNopIn(this.#view, 0);
    const { numbers } = this.#channel;
    if (pdu.initiatorTaskTag !== RESERVED_TAG) {
      if (pdu.targetTransferTag !== RESERVED_TAG) this.#channel.checks.violation('targetTransferTag', 'a NOP-In that answers has a Target Transfer Tag');
      const ping = this.#find(PingExchange);
      if (ping === null) return;
      this.#exchanges.remove(ping);
      ping.takeResponse(data, this.#channel);
      return;
    }
    if (data.length > 0) this.#channel.checks.violation('unexpectedData', 'a NOP-In that answers nothing carries data');
    if (pdu.targetTransferTag === RESERVED_TAG) return;
    answerTargetPing(this.#wire, numbers, pdu);
    this.#events.onPing?.();
  }

  /** RFC 7143 §11.6. What the function ended gets no response of its own any more (§4.2.3.3). */
  #onTaskManagementResponse(): void {
    const pdu = decodeTaskManagementResponse(this.#view, 0);
    const request = this.#find(TaskManagementExchange);
    if (request === null) return;
    this.#exchanges.remove(request);
    if (pdu.response === TaskManagementResponse.functionComplete) this.#endTasksOf(request);
    request.takeResponse(pdu.response);
  }

  #endTasksOf(request: TaskManagementExchange): void {
    for (const exchange of this.#exchanges.values()) {
      if (!(exchange instanceof CommandExchange) || !exchange.isSent || !request.ends(exchange)) continue;
      // Commands sent behind the request are not touched by it.
      if (((exchange.cmdSN - request.cmdSN) | 0) >= 0) continue;
      this.#exchanges.remove(exchange);
      exchange.fail(new InitiatorError('COMMAND_ABORTED', 'the command was ended by task management'));
    }
  }

  /** RFC 7143 §11.11. */
  #onTextResponse(data: Buffer): void {
    const pdu = decodeTextResponse(this.#view, 0);
    const text = this.#find(TextExchange);
    if (text?.takeResponse(pdu, data, this.#channel)) this.#exchanges.remove(text);
  }

  /** RFC 7143 §11.15. */
  #onLogoutResponse(): void {
    const pdu = decodeLogoutResponse(this.#view, 0);
    const logout = this.#find(LogoutExchange);
    if (logout === null) return;
    this.#exchanges.remove(logout);
    logout.takeResponse(pdu);
  }

  /** RFC 7143 §11.9. */
  #onAsyncMessage(data: Buffer): void {
    const pdu = decodeAsyncMessage(this.#view, 0);
    this.#events.onAsyncMessage?.(pdu, data);
    this.#owner.onAsyncMessage(pdu, data);
  }

  /** RFC 7143 §11.17. */
  #onReject(data: Buffer): void {
    const pdu = decodeReject(this.#view, 0);
    if (data.length < BHS_LENGTH) this.#channel.checks.violation('unexpectedData', `a Reject carries ${data.length} bytes instead of the rejected header`);
    const rejected = new PduRejected(pdu.reason, data);
    this.#events.onReject?.(rejected);
    if (data.length < BHS_LENGTH) return;
    const opcode = (data[0] ?? 0) & OPCODE_MASK;
    const exchange = this.#exchanges.get(data.readUInt32BE(DATA_IN.initiatorTaskTag));
    if (opcode === Opcode.snackRequest) this.#onSnackReject(data, exchange, rejected);
    if (exchange === undefined || rejectedWithinTask.has(opcode)) return;
    if (pdu.reason === RejectReason.dataDigestError && this.#repeat(exchange)) return;
    this.#exchanges.remove(exchange);
    exchange.fail(rejected);
  }

  /** What the target cannot send again. Without its responses the connection is of no use. RFC 7143 §11.17.1. */
  #onSnackReject(header: Buffer, exchange: Exchange | undefined, rejected: PduRejected): void {
    const { type } = decodeSnack(new DataView(header.buffer, header.byteOffset, BHS_LENGTH), 0);
    if (type === SnackType.status) throw new InitiatorError('RECOVERY_FAILED', 'the target cannot send a response again', { cause: rejected });
    if (type === SnackType.dataAck || !(exchange instanceof CommandExchange)) return;
    exchange.loseData();
    this.#removeIfOver(exchange);
  }

  /** A request that arrived damaged: sent again when the target did not take it; otherwise it asks for the data. RFC 7143 §7.8. */
  #repeat(exchange: Exchange): boolean {
    if (this.#channel.recovery === null || exchange.immediate) return false;
    if (!serialBefore(exchange.cmdSN, this.#channel.numbers.window.expCmdSN)) exchange.resend(this.#channel);
    return true;
  }

  onFramingFault(): void {}

  onTurnEnd(): void {
    for (const { command, targetTransferTag, offset, lengthBytes } of this.#pendingR2Ts) {
      if (this.#exchanges.has(command)) command.answerR2T(targetTransferTag, offset, lengthBytes);
    }
    this.#pendingR2Ts.length = 0;
    this.#owner.onTurnEnd();
  }

  onClosed(cause: InitiatorError): void {
    this.#owner.onClosed(cause);
  }
}
