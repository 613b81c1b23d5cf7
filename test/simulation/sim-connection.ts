import { ReceiveCursor } from '../../engine/net/receive-cursor.js';
import {
  BHS_LENGTH,
  crc32c,
  decodeDataIn,
  decodeLoginResponse,
  emptyDataOut,
  encodeDataOut,
  encodeLoginRequest,
  encodeNopOut,
  encodeSnack,
  LoginStage,
  Opcode,
  type PduReceiver,
  paddedLength,
  RESERVED_TAG,
  readOpcode,
  readTargetNumbers,
  SnackType,
  writeDigest,
} from '../../engine/pdu/index.js';
import { serialDifference } from '../../engine/session/command-window.js';
import type { SimCommand } from './sim-command.js';
import type { LinkClient, SimLink } from './sim-link.js';
import type { SimSession } from './sim-session.js';
import { must } from './violation.js';

const EXP_STAT_SN_AT = 28;
const DATA_LENGTH_MAX = 64 * 1024;
const LOGIN_TAG = 1;
const RECOVER_MS = 40;
const PING_AFTER_MS = 150;
const GIVE_UP_AFTER_MS = 4000;

/** Data-Out that is to be sent: unsolicited, or the answer to an R2T. */
interface OwedSequence {
  readonly command: SimCommand;
  readonly targetTransferTag: number;
  /** What is to be sent, in this order. */
  readonly pieces: { readonly from: number; readonly to: number }[];
  dataSN: number;
}

/** One connection of a simulated initiator: login, numbers, and what has to be asked for again. */
export class SimConnection implements PduReceiver, LinkClient {
  readonly session: SimSession;
  readonly cid: number;
  readonly name: string;
  state: 'login' | 'open' | 'draining' | 'closed' = 'login';
  link!: SimLink;
  expStatSN: number;
  readonly #cursor: ReceiveCursor;
  readonly #header = new Uint8Array(BHS_LENGTH);
  /** StatSNs that have come while older ones are missing, or data of their commands. */
  readonly #cameEarly = new Set<number>();
  /** Commands whose status came before all of their data, by its StatSN. */
  readonly #lacking = new Map<number, SimCommand>();
  /** One more than the latest StatSN that is known to have been sent. */
  #nextStatSN: number;
  #owed: OwedSequence[] = [];
  #isPumping = false;
  #isRecovering = false;
  #heardMicros: number;
  #pingedMicros = 0;

  constructor(session: SimSession, cid: number, name: string) {
    this.session = session;
    this.cid = cid;
    this.name = name;
    this.expStatSN = session.random.boolean() ? 1 : 0xfffffff8;
    this.#nextStatSN = this.expStatSN;
    this.#cursor = new ReceiveCursor(this, DATA_LENGTH_MAX);
    this.#heardMicros = session.clock.nowMicros();
  }

  get isOpen(): boolean {
    return this.state === 'open' || this.state === 'draining';
  }

  /** All that was sent to us has come. */
  get isSettled(): boolean {
    return this.#nextStatSN === this.expStatSN;
  }

  login(): void {
    const { session } = this;
    const text = Buffer.from(
      session
        .loginKeys(this)
        .map((key) => `${key}\0`)
        .join(''),
    );
    const { header, view } = newHeader();
    const stages = { transit: true, continue: false, currentStage: LoginStage.loginOperationalNegotiation, nextStage: LoginStage.fullFeaturePhase };
    const names = { isid: session.isid, tsih: session.tsih, initiatorTaskTag: LOGIN_TAG, cid: this.cid, versionMax: 0, versionMin: 0 };
    encodeLoginRequest({ ...stages, ...names, cmdSN: session.cmdSN, expStatSN: this.expStatSN }, text.length, view, 0);
    this.send(header, text);
    this.#watchSilence();
  }

  /** Sends a PDU with the digests that hold, and the ExpStatSN of now. */
  send(header: Uint8Array, data: Uint8Array = new Uint8Array(0)): void {
    if (this.state === 'closed') return;
    const view = new DataView(header.buffer, header.byteOffset);
    if (this.state !== 'login') view.setUint32(EXP_STAT_SN_AT, this.expStatSN);
    const digests = this.state === 'login' ? { header: false, data: false } : this.session.parameters.digests;
    const parts: Uint8Array[] = [header];
    if (digests.header) parts.push(digestOf(header));
    const dataAt = header.length + (digests.header ? 4 : 0);
    if (data.length > 0) {
      const padded = Buffer.concat([data, Buffer.alloc(paddedLength(data.length) - data.length)]);
      parts.push(padded);
      if (digests.data) parts.push(digestOf(padded));
    }
    this.link.send({ bytes: new Uint8Array(Buffer.concat(parts)), header: new DataView(header.slice().buffer), data, dataAt });
  }

  onBytes(bytes: Uint8Array): void {
    if (this.state === 'closed') return;
    this.#heardMicros = this.session.clock.nowMicros();
    this.#cursor.push(bytes);
  }

  onHeader(bytes: Uint8Array, _view: DataView, at: number): void {
    this.#header.set(bytes.subarray(at, at + BHS_LENGTH));
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    if (this.state === 'closed') return;
    const header = new DataView(this.#header.slice().buffer);
    const data = bytes.slice(at, at + lengthBytes);
    if (this.state === 'login') this.#onLoginResponse(header);
    else if (digestRight) this.#onPdu(header, data);
    else this.#onDamaged(header);
  }

  /** RFC 7143 §7.8: a header that cannot be trusted ends the connection. */
  onFramingFault(): void {
    this.session.trace.add(() => `${this.name} closes: wrong header digest`);
    this.drop();
  }

  onClosed(): void {
    if (this.state === 'closed') return;
    const wasLogin = this.state === 'login';
    this.#close();
    this.session.onConnectionLost(this, wasLogin);
  }

  /** Closes without a word, as when the initiator finds something wrong. */
  drop(): void {
    this.link.close();
    this.onClosed();
  }

  /** Closes because all is said. */
  finish(): void {
    this.link.close();
    this.#close();
  }

  #close(): void {
    this.state = 'closed';
    this.#cursor.stop();
    this.#owed = [];
    this.session.connections.delete(this.cid);
  }

  #onLoginResponse(header: DataView): void {
    must(readOpcode(header, 0) === Opcode.loginResponse, () => `${this.name}: a login was answered with something else`);
    const response = decodeLoginResponse(header, 0);
    if (response.status !== 0) {
      this.#close();
      this.link.close();
      this.session.onLoginRefused(this, response.status);
      return;
    }
    must(response.statSN === this.expStatSN, () => `${this.name}: StatSN ${response.statSN} in the Login Response`);
    this.expStatSN = (response.statSN + 1) >>> 0;
    this.#nextStatSN = this.expStatSN;
    this.state = 'open';
    const { digests } = this.session.parameters;
    this.#cursor.headerDigest = digests.header;
    this.#cursor.dataDigest = digests.data;
    this.session.onLoggedIn(this, response);
  }

  #onDamaged(header: DataView): void {
    const { session } = this;
    session.trace.add(() => `${this.name} sees a wrong data digest`);
    if (session.parameters.errorRecoveryLevel === 0) this.drop();
    else {
      if (bearsStatSN(header)) this.#noteSent((readTargetNumbers(header, 0).statSN + 1) >>> 0);
      this.#recoverSoon();
    }
  }

  #onPdu(header: DataView, data: Uint8Array): void {
    const { session } = this;
    const { statSN, expCmdSN, maxCmdSN } = readTargetNumbers(header, 0);
    session.noteWindow(expCmdSN, maxCmdSN);
    const opcode = readOpcode(header, 0);
    if (opcode === Opcode.dataIn) session.onDataIn(this, header, data);
    if (!bearsStatSN(header)) {
      if (opcode !== Opcode.dataIn) this.#noteSent(statSN);
      if (opcode === Opcode.nopIn) this.#answerPing(header);
      if (opcode === Opcode.readyToTransfer) session.onR2T(this, header);
      return;
    }
    this.#noteSent((statSN + 1) >>> 0);
    const isDuplicate = serialDifference(statSN, this.expStatSN) < 0 || this.#cameEarly.has(statSN);
    const level = session.parameters.errorRecoveryLevel;
    must(level > 0 || statSN === this.expStatSN, () => `${this.name}: StatSN ${statSN} arrived where ${this.expStatSN} was due, and nothing is ever lost`);
    if (isDuplicate) return;
    this.#cameEarly.add(statSN);
    session.onNumbered(this, header, data, statSN);
    this.advance();
  }

  /** A target that shows this StatSN has sent all before it. */
  #noteSent(nextStatSN: number): void {
    if (serialDifference(nextStatSN, this.#nextStatSN) > 0) this.#nextStatSN = nextStatSN;
    if (!this.isSettled) this.#recoverSoon();
  }

  /** The status of the command is here, its data is not: it must not be acknowledged. RFC 7143 §7.8. */
  holdBack(statSN: number, command: SimCommand): void {
    this.#lacking.set(statSN, command);
  }

  /** Acknowledges all that has come without a gap. */
  advance(): void {
    while (this.#cameEarly.has(this.expStatSN)) {
      const command = this.#lacking.get(this.expStatSN);
      if (command !== undefined && command.end === null && command.connection === this && !command.isComplete) break;
      this.#lacking.delete(this.expStatSN);
      this.#cameEarly.delete(this.expStatSN);
      this.expStatSN = (this.expStatSN + 1) >>> 0;
    }
  }

  #answerPing(header: DataView): void {
    const targetTransferTag = header.getUint32(20);
    if (targetTransferTag === RESERVED_TAG) return;
    this.#sendNop(RESERVED_TAG, targetTransferTag);
  }

  #sendNop(initiatorTaskTag: number, targetTransferTag: number): void {
    const { header, view } = newHeader();
    const numbers = { cmdSN: this.session.cmdSN, expStatSN: this.expStatSN };
    encodeNopOut({ immediate: true, lunHigh: 0, lunLow: 0, initiatorTaskTag, targetTransferTag, ...numbers }, 0, view, 0);
    this.send(header);
  }

  ping(): void {
    this.#sendNop(this.session.takeTag(), RESERVED_TAG);
  }

  /** Pings while something is awaited and nothing comes; gives the connection up when nothing comes at all. */
  #watchSilence(): void {
    const { clock } = this.session;
    clock.after(PING_AFTER_MS / 2, () => {
      if (this.state === 'closed') return;
      const now = clock.nowMicros();
      const silentMs = (now - this.#heardMicros) / 1000;
      if (silentMs > GIVE_UP_AFTER_MS) {
        this.session.trace.add(() => `${this.name} gives up: nothing comes`);
        this.drop();
        return;
      }
      if (this.isOpen && silentMs > PING_AFTER_MS && now - this.#pingedMicros > PING_AFTER_MS * 1000) {
        this.#pingedMicros = now;
        this.ping();
      }
      this.#watchSilence();
    });
  }

  #recoverSoon(): void {
    if (this.#isRecovering || this.session.parameters.errorRecoveryLevel === 0) return;
    this.#isRecovering = true;
    const { clock, random } = this.session;
    clock.after(random.below(RECOVER_MS * 1000) / 1000, () => {
      this.#isRecovering = false;
      if (this.isOpen && this.#askAgain()) this.#recoverSoon();
    });
  }

  /** Asks for what is known to be missing; false when nothing is. RFC 7143 §11.16. */
  #askAgain(): boolean {
    let isMissing = false;
    for (const command of this.session.commands.values()) {
      if (command.connection !== this || command.isReassigning) continue;
      const data = command.status === null ? null : command.missingData;
      const run = data ?? command.missingR2T;
      if (run === null) continue;
      isMissing = true;
      this.#sendSnack(SnackType.dataOrR2T, command.initiatorTaskTag, RESERVED_TAG, run.begRun, run.runLength);
    }
    if (this.isSettled) return isMissing;
    let begRun = this.expStatSN;
    while (this.#cameEarly.has(begRun)) begRun = (begRun + 1) >>> 0;
    if (begRun === this.#nextStatSN) return isMissing;
    let runLength = 1;
    while (!this.#cameEarly.has((begRun + runLength) >>> 0) && (begRun + runLength) >>> 0 !== this.#nextStatSN) runLength++;
    // All that is not acknowledged, or just what is missing.
    if (this.session.random.below(4) === 0 && begRun === this.expStatSN) this.#sendSnack(SnackType.status, RESERVED_TAG, RESERVED_TAG, 0, 0);
    else this.#sendSnack(SnackType.status, RESERVED_TAG, RESERVED_TAG, begRun, runLength);
    return true;
  }

  /** Something of a command on this connection is missing. */
  recoverCommand(): void {
    this.#recoverSoon();
  }

  sendDataAck(command: SimCommand, targetTransferTag: number, begRun: number): void {
    this.#sendSnack(SnackType.dataAck, RESERVED_TAG, targetTransferTag, begRun, 0, command.plan.lun);
  }

  #sendSnack(type: number, initiatorTaskTag: number, targetTransferTag: number, begRun: number, runLength: number, lun = 0): void {
    const { header, view } = newHeader();
    encodeSnack({ type, lunHigh: lun << 16, lunLow: 0, initiatorTaskTag, targetTransferTag, expStatSN: this.expStatSN, begRun, runLength }, view, 0);
    this.send(header);
  }

  /** Sends these bytes of a command's data, in pieces of any size and, where that was agreed, in any order. */
  owe(command: SimCommand, targetTransferTag: number, from: number, to: number): void {
    const { random, parameters } = this.session;
    const pieces: { from: number; to: number }[] = [];
    for (let at = from; at < to; ) {
      const longest = Math.min(to - at, parameters.targetMaxRecvDataSegmentLength);
      const length = random.below(4) === 0 ? 1 + random.below(longest) : longest;
      pieces.push({ from: at, to: at + length });
      at += length;
    }
    if (!parameters.dataPDUInOrder) shuffle(pieces, (count) => random.below(count));
    this.#owed.push({ command, targetTransferTag, pieces, dataSN: 0 });
    this.#pumpSoon();
  }

  /** What was begun for the command is not gone on with. */
  oweNothing(command: SimCommand, onlyTag: number | null = null): void {
    this.#owed = this.#owed.filter((each) => each.command !== command || (onlyTag !== null && each.targetTransferTag !== onlyTag));
  }

  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { clock, random } = this.session;
    clock.after(random.below(1000) / 1000, () => {
      this.#isPumping = false;
      if (this.state === 'closed' || this.#owed.length === 0) return;
      this.#sendPiece(this.#chooseSequence());
      this.#pumpSoon();
    });
  }

  /** Unsolicited data in the order of its commands; R2Ts of a command in theirs unless it was agreed otherwise. RFC 7143 §4.2.5.2. */
  #chooseSequence(): OwedSequence {
    const chosen = this.#owed[this.session.random.below(this.#owed.length)] as OwedSequence;
    const isSolicited = chosen.targetTransferTag !== RESERVED_TAG;
    if (isSolicited && !this.session.parameters.dataSequenceInOrder) return chosen;
    const isAhead = (each: OwedSequence) => (isSolicited ? each.command === chosen.command : each.targetTransferTag === RESERVED_TAG);
    return this.#owed.find(isAhead) ?? chosen;
  }

  #sendPiece(sequence: OwedSequence): void {
    const { command, targetTransferTag, pieces } = sequence;
    const { from, to } = pieces.shift() as { from: number; to: number };
    const { header, view } = newHeader();
    const pdu = emptyDataOut();
    pdu.initiatorTaskTag = command.initiatorTaskTag;
    pdu.targetTransferTag = targetTransferTag;
    pdu.lunHigh = targetTransferTag === RESERVED_TAG ? 0 : command.plan.lun << 16;
    pdu.dataSN = sequence.dataSN++;
    pdu.bufferOffset = from;
    pdu.final = pieces.length === 0;
    encodeDataOut(pdu, to - from, view, 0);
    if (pieces.length === 0) this.#owed = this.#owed.filter((each) => each !== sequence);
    this.send(header, command.data.subarray(from, to));
  }
}

export function newHeader(): { header: Uint8Array; view: DataView } {
  const header = new Uint8Array(BHS_LENGTH);
  return { header, view: new DataView(header.buffer) };
}

function bearsStatSN(header: DataView): boolean {
  const opcode = readOpcode(header, 0);
  if (opcode === Opcode.dataIn) return decodeDataIn(header, 0).statusPresent;
  if (opcode === Opcode.nopIn) return header.getUint32(16) !== RESERVED_TAG;
  return opcode !== Opcode.readyToTransfer;
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(4);
  writeDigest(crc32c(bytes, 0, bytes.length), new DataView(digest.buffer), 0);
  return digest;
}

function shuffle<T>(items: T[], below: (count: number) => number): void {
  for (let at = items.length - 1; at > 0; at--) {
    const other = below(at + 1);
    const item = items[at] as T;
    items[at] = items[other] as T;
    items[other] = item;
  }
}
