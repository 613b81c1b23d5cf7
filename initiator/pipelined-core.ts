import { type Clock, systemClock } from '../engine/clock.js';
import { assert } from '../engine/errors.js';
import {
  BHS_LENGTH,
  DATA_IN,
  type DataInPdu,
  decodeDataIn,
  decodeNopIn,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiResponse,
  emptyDataIn,
  emptyReadyToTransfer,
  emptyScsiResponse,
  encodeLogoutRequest,
  LogoutReason,
  OPCODE_MASK,
  Opcode,
  opcodeName,
  RESERVED_TAG,
  type ReadyToTransferPdu,
  ResidualFlag,
  readTargetNumbers,
  SCSI_COMMAND,
  type ScsiResponsePdu,
  SENSE_LENGTH_BYTES,
  ServiceResponse,
} from '../engine/pdu/index.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import type { ConformanceChecks } from './checks.js';
import { answerTargetPing } from './control-exchanges.js';
import { type CoreCommand, type CoreCommandOptions, prepareCommand } from './core-command.js';
import { sendDataOutSequence } from './data-out-transfer.js';
import { InitiatorError, PduRejected } from './errors.js';
import { initiatorLimits } from './limits.js';
import { connectAndLogin, type LoginOptions, type LoginResult } from './login.js';
import { SessionNumbers } from './session-numbers.js';
import type { Wire, WireReceiver } from './wire.js';

export interface PipelinedCoreOptions extends LoginOptions {
  /** Commands that may be on their way at once. */
  readonly taskCount: number;
  /**
   * A command ended: its task index, a `ScsiStatus` value, and the bytes it moved. The index is free again, so a new command
   * may be submitted from here; all of one turn leave in one write.
   */
  readonly onComplete: (taskIndex: number, status: number, bytes: number) => void;
  /** The connection broke or the target broke the protocol: nothing completes any more. Not called after `close`. */
  readonly onFailure?: (cause: InitiatorError) => void;
  /** `submit` was refused and would now be accepted. */
  readonly onWindowOpen?: () => void;
  /** No completion for this long while commands are on their way is a failure, `STALLED`. */
  readonly stallMsMax?: number;
}

const LOGOUT_TAG = RESERVED_TAG - 1;
const LBA_HIGH_FACTOR = 0x1_0000_0000;
const FREE = 0;
const RUNNING = 1;
const noBytes = Buffer.alloc(0);

/**
 * The initiator for load: tables made beforehand, the tag is the index into them, one callback for all completions, no
 * promise, closure or allocation a command. Same login, framing and numbering as `Session`, with the checks that cost
 * a comparison.
 */
export class PipelinedCore implements WireReceiver {
  readonly login: LoginResult;
  readonly taskCount: number;
  /** Sense data of the command that `onComplete` is being called for. */
  senseData: Buffer = noBytes;
  completedCount = 0;

  readonly #wire: Wire;
  readonly #checks: ConformanceChecks;
  readonly #numbers: SessionNumbers;
  readonly #options: PipelinedCoreOptions;
  readonly #onComplete: (taskIndex: number, status: number, bytes: number) => void;
  readonly #clock: Clock;
  readonly #inOrder: boolean;

  readonly #commands: CoreCommand[] = [];
  readonly #states: Uint8Array;
  readonly #commandOf: (CoreCommand | null)[];
  readonly #buffers: (Uint8Array | null)[];
  readonly #bufferOffsets: Float64Array;
  /** Data-In bytes received by each task. */
  readonly #movedBytes: Uint32Array;
  /** DataSN or R2TSN that each task expects next. */
  readonly #nextSNs: Uint32Array;
  readonly #free: Int32Array;
  #freeCount: number;
  #refused = false;

  readonly #header = Buffer.alloc(BHS_LENGTH);
  readonly #headerView = new DataView(this.#header.buffer, this.#header.byteOffset, BHS_LENGTH);
  readonly #dataIn: DataInPdu = emptyDataIn();
  readonly #response: ScsiResponsePdu = emptyScsiResponse();
  readonly #readyToTransfer: ReadyToTransferPdu = emptyReadyToTransfer();
  #opcode = 0;

  #closeCause: InitiatorError | null = null;
  #isClosing = false;
  #waiters: (() => void)[] = [];
  #stallCompletedCount = -1;
  #cancelStallTimer: () => void = () => {};

  private constructor(wire: Wire, login: LoginResult, options: PipelinedCoreOptions, checks: ConformanceChecks) {
    const { taskCount } = options;
    this.login = login;
    this.taskCount = taskCount;
    this.#wire = wire;
    this.#checks = checks;
    this.#numbers = new SessionNumbers(login, checks);
    this.#options = options;
    this.#onComplete = options.onComplete;
    this.#clock = options.clock ?? systemClock;
    this.#inOrder = login.negotiated.dataPDUInOrder && login.negotiated.dataSequenceInOrder;
    this.#states = new Uint8Array(taskCount);
    this.#commandOf = new Array<CoreCommand | null>(taskCount).fill(null);
    this.#buffers = new Array<Uint8Array | null>(taskCount).fill(null);
    this.#bufferOffsets = new Float64Array(taskCount);
    this.#movedBytes = new Uint32Array(taskCount);
    this.#nextSNs = new Uint32Array(taskCount);
    this.#free = Int32Array.from({ length: taskCount }, (_, index) => taskCount - 1 - index);
    this.#freeCount = taskCount;
    this.#watchForStall();
  }

  /** Connects and logs in; rejects as `Session.login`, and with `ARGUMENT_INVALID` for a task count out of range. */
  static async connect(options: PipelinedCoreOptions): Promise<PipelinedCore> {
    const { taskCount } = options;
    if (!Number.isInteger(taskCount) || taskCount < 1 || taskCount > initiatorLimits.coreTaskCountMax) {
      throw new InitiatorError('ARGUMENT_INVALID', `a core has 1 to ${initiatorLimits.coreTaskCountMax} tasks, not ${taskCount}`);
    }
    let core: PipelinedCore | null = null;
    await connectAndLogin(options, (wire, result, checks) => {
      core = new PipelinedCore(wire, result, options, checks);
      return core;
    });
    assert(core !== null, 'a login that succeeds has made its core');
    return core;
  }

  /** Prepares a kind of command and answers its index for `submit`. Throws `ARGUMENT_INVALID`. */
  defineCommand(options: CoreCommandOptions): number {
    return this.#commands.push(prepareCommand(options, this.login.negotiated)) - 1;
  }

  get inFlightCount(): number {
    return this.taskCount - this.#freeCount;
  }

  /** True when `submit` would take a command now: a task is free and the command window is open. */
  get canSubmit(): boolean {
    return this.#freeCount > 0 && this.#closeCause === null && this.#numbers.isWindowOpen;
  }

  /**
   * Sends one command; answers its task index, or -1 when no task is free or the window is closed (`onWindowOpen` will tell).
   * Data-In lands in `buffer` from `bufferOffset`, or is dropped when it is null; Data-Out is taken from there and must stay
   * unchanged until the command completes. It leaves at the end of the turn.
   */
  submit(commandIndex: number, lba: number, buffer: Uint8Array | null = null, bufferOffset = 0): number {
    if (!this.canSubmit) {
      this.#refused = true;
      return -1;
    }
    const command = this.#commands[commandIndex];
    assert(command !== undefined, 'the command was defined');
    assert(buffer === null ? !command.writes : bufferOffset + command.lengthBytes <= buffer.length, 'the buffer holds the data of the command');
    const task = this.#free[--this.#freeCount] as number;
    this.#states[task] = RUNNING;
    this.#commandOf[task] = command;
    this.#buffers[task] = buffer;
    this.#bufferOffsets[task] = bufferOffset;
    this.#movedBytes[task] = 0;
    this.#nextSNs[task] = 0;
    this.#send(task, command, lba, buffer, bufferOffset);
    return task;
  }

  #send(task: number, command: CoreCommand, lba: number, buffer: Uint8Array | null, bufferOffset: number): void {
    const wire = this.#wire;
    const at = wire.beginPdu(BHS_LENGTH);
    const view = wire.view;
    wire.bytes.set(command.header, at);
    view.setUint32(at + SCSI_COMMAND.initiatorTaskTag, task);
    view.setUint32(at + SCSI_COMMAND.cmdSN, this.#numbers.takeCmdSN(false));
    view.setUint32(at + SCSI_COMMAND.expStatSN, this.#numbers.expStatSN);
    if (command.lbaAt !== -1) {
      if (command.isLbaWide) {
        view.setUint32(at + command.lbaAt, Math.floor(lba / LBA_HIGH_FACTOR));
        view.setUint32(at + command.lbaAt + 4, lba >>> 0);
      } else {
        view.setUint32(at + command.lbaAt, lba);
      }
    }
    wire.endPdu(at, BHS_LENGTH, buffer, bufferOffset, bufferOffset + command.immediateBytes);
    if (command.dataOutBytes > 0) this.#sendDataOut(task, 0, RESERVED_TAG, command.immediateBytes, command.dataOutBytes);
  }

  #sendDataOut(task: number, lunHigh: number, targetTransferTag: number, from: number, lengthBytes: number): void {
    const buffer = this.#buffers[task];
    assert(buffer !== null && buffer !== undefined, 'a write has its data');
    const tags = { lunHigh, initiatorTaskTag: task, targetTransferTag, expStatSN: this.#numbers.expStatSN };
    const segmentLengthMax = this.login.negotiated.targetMaxRecvDataSegmentLength;
    sendDataOutSequence(this.#wire, tags, buffer, from, from + lengthBytes, segmentLengthMax, this.#bufferOffsets[task]);
  }

  /** Sends what was submitted without waiting for the end of the turn. */
  flush(): void {
    this.#wire.flush();
  }

  // --- Receiving ---------------------------------------------------------------------------------------------------

  onHeader(bytes: Uint8Array, view: DataView, at: number, _ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
    const opcode = (bytes[at] as number) & OPCODE_MASK;
    this.#opcode = opcode;
    if (opcode === Opcode.scsiResponse) decodeScsiResponse(view, at, this.#response);
    else if (opcode === Opcode.dataIn) this.#takeDataInHeader(decodeDataIn(view, at, this.#dataIn), dataSegmentLengthBytes);
    else if (opcode === Opcode.readyToTransfer) decodeReadyToTransfer(view, at, this.#readyToTransfer);
    else this.#header.set(bytes.subarray(at, at + BHS_LENGTH));
  }

  /** The command of a task that is on its way; anything else is a violation that ends the core. */
  #running(task: number): CoreCommand {
    const command = this.#states[task] === RUNNING ? this.#commandOf[task] : null;
    return command ?? this.#checks.fatal('unknownTaskTag', `${opcodeName(this.#opcode)} names Initiator Task Tag 0x${task.toString(16)}, which is not in use`);
  }

  /** RFC 7143 §11.7. */
  #takeDataInHeader(pdu: DataInPdu, lengthBytes: number): void {
    const task = pdu.initiatorTaskTag;
    const command = this.#running(task);
    if (!command.reads) this.#checks.fatal('dataInUnexpected', 'Data-In came for a command that expects none');
    const expectedSN = this.#nextSNs[task] as number;
    const moved = this.#movedBytes[task] as number;
    if (pdu.dataSN !== expectedSN) this.#checks.fatal('dataSN', `DataSN is ${pdu.dataSN}, not ${expectedSN}`);
    if (this.#inOrder && pdu.bufferOffset !== moved) this.#checks.fatal('dataInOffset', `Buffer Offset is ${pdu.bufferOffset}, not ${moved}`);
    if (pdu.bufferOffset + lengthBytes > command.lengthBytes) {
      this.#checks.fatal('dataInLength', `${lengthBytes} bytes at ${pdu.bufferOffset} exceed the ${command.lengthBytes} expected`);
    }
    this.#nextSNs[task] = expectedSN + 1;
    this.#movedBytes[task] = moved + lengthBytes;
    const buffer = this.#buffers[task] ?? null;
    if (buffer === null) this.#wire.discardData();
    else this.#wire.landIn(buffer, (this.#bufferOffsets[task] as number) + pdu.bufferOffset, lengthBytes);
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    if (!digestRight) this.#checks.fatal('dataDigest', `the data digest of ${opcodeName(this.#opcode)} is wrong`);
    if (this.#opcode === Opcode.dataIn) this.#onDataIn();
    else if (this.#opcode === Opcode.scsiResponse) this.#onScsiResponse(bytes, at, lengthBytes);
    else if (this.#opcode === Opcode.readyToTransfer) this.#onReadyToTransfer();
    else this.#onOther(bytes, at, lengthBytes);
  }

  #onDataIn(): void {
    const pdu = this.#dataIn;
    if (!pdu.statusPresent) {
      this.#numbers.takeWindow(pdu.expCmdSN, pdu.maxCmdSN);
      return;
    }
    this.#numbers.takeStatus(pdu.statSN, pdu.expCmdSN, pdu.maxCmdSN);
    this.#complete(pdu.initiatorTaskTag, pdu.status, pdu.residualFlags, pdu.residualCount);
  }

  /** RFC 7143 §11.4. */
  #onScsiResponse(bytes: Uint8Array, at: number, lengthBytes: number): void {
    const pdu = this.#response;
    this.#numbers.takeStatus(pdu.statSN, pdu.expCmdSN, pdu.maxCmdSN);
    this.#running(pdu.initiatorTaskTag);
    if (pdu.response !== ServiceResponse.commandCompleted) {
      throw new InitiatorError('TARGET_FAILURE', `the target failed with iSCSI response 0x${pdu.response.toString(16)}`);
    }
    if (lengthBytes > SENSE_LENGTH_BYTES) this.senseData = Buffer.from(bytes.subarray(at + SENSE_LENGTH_BYTES, at + lengthBytes));
    this.#complete(pdu.initiatorTaskTag, pdu.status, pdu.residualFlags, pdu.residualCount);
    this.senseData = noBytes;
  }

  #complete(task: number, status: number, residualFlags: number, residualCount: number): void {
    const command = this.#running(task);
    const due = command.lengthBytes - ((residualFlags & ResidualFlag.underflow) !== 0 ? residualCount : 0);
    const moved = command.reads ? (this.#movedBytes[task] as number) : due;
    if (status === ScsiStatus.good && moved !== due) this.#checks.violation('residual', `${moved} bytes came where ${due} are due`);
    this.#states[task] = FREE;
    this.#commandOf[task] = null;
    this.#buffers[task] = null;
    this.#free[this.#freeCount++] = task;
    this.completedCount++;
    this.#onComplete(task, status, moved);
    if (this.#freeCount === this.taskCount && this.#waiters.length > 0) this.#wake();
  }

  /** RFC 7143 §11.8. */
  #onReadyToTransfer(): void {
    const pdu = this.#readyToTransfer;
    this.#numbers.takeUnnumbered(pdu.statSN, pdu.expCmdSN, pdu.maxCmdSN);
    const task = pdu.initiatorTaskTag;
    const command = this.#running(task);
    if (!command.writes) this.#checks.fatal('r2tUnexpected', 'an R2T came for a command that writes nothing');
    const expectedSN = this.#nextSNs[task] as number;
    if (pdu.r2tSN !== expectedSN) this.#checks.fatal('r2tSN', `R2TSN is ${pdu.r2tSN}, not ${expectedSN}`);
    if (pdu.bufferOffset + pdu.desiredDataTransferLength > command.lengthBytes) {
      this.#checks.fatal('r2tOffset', `an R2T asks for ${pdu.desiredDataTransferLength} bytes at ${pdu.bufferOffset} of ${command.lengthBytes}`);
    }
    this.#nextSNs[task] = expectedSN + 1;
    this.#sendDataOut(task, command.lunHigh, pdu.targetTransferTag, pdu.bufferOffset, pdu.desiredDataTransferLength);
  }

  /** What is rare: pings, messages, the end. */
  #onOther(bytes: Uint8Array, at: number, lengthBytes: number): void {
    const view = this.#headerView;
    const { statSN, expCmdSN, maxCmdSN } = readTargetNumbers(view, 0);
    if (this.#opcode === Opcode.nopIn) {
      const ping = decodeNopIn(view, 0);
      this.#numbers.takeUnnumbered(statSN, expCmdSN, maxCmdSN);
      if (ping.targetTransferTag !== RESERVED_TAG) answerTargetPing(this.#wire, this.#numbers, ping);
      return;
    }
    this.#numbers.takeStatus(statSN, expCmdSN, maxCmdSN);
    if (this.#opcode === Opcode.asyncMessage) return;
    if (this.#opcode === Opcode.reject) throw new PduRejected(decodeReject(view, 0).reason, Buffer.from(bytes.subarray(at, at + lengthBytes)));
    if (this.#opcode !== Opcode.logoutResponse || view.getUint32(DATA_IN.initiatorTaskTag) !== LOGOUT_TAG) {
      this.#checks.fatal('wrongAnswer', `${opcodeName(this.#opcode)} answers nothing that was asked`);
    }
    this.#wire.end();
  }

  onFramingFault(): void {}

  onTurnEnd(): void {
    if (!this.#refused || !this.canSubmit) return;
    this.#refused = false;
    this.#options.onWindowOpen?.();
  }

  // --- The end -----------------------------------------------------------------------------------------------------

  /** Waits until nothing is on its way. Rejects with `COMMAND_TIMEOUT` or with why the connection broke. */
  async drain(timeoutMs: number = initiatorLimits.commandMsMax): Promise<void> {
    await this.#waitUntil(() => this.inFlightCount === 0, timeoutMs, 'commands are still on their way');
  }

  /** Logs out and waits for the close; commands that are still on their way are lost. */
  async close(): Promise<void> {
    if (this.#closeCause !== null) return;
    this.#isClosing = true;
    const wire = this.#wire;
    const at = wire.beginPdu(BHS_LENGTH);
    const { cmdSN, expStatSN } = this.#numbers;
    encodeLogoutRequest({ immediate: true, reason: LogoutReason.closeSession, initiatorTaskTag: LOGOUT_TAG, cid: 0, cmdSN, expStatSN }, wire.view, at);
    wire.endPdu(at, BHS_LENGTH);
    try {
      await this.#waitUntil(() => this.#closeCause !== null, initiatorLimits.logoutMsMax, 'the logout is not answered');
    } finally {
      wire.destroy();
    }
  }

  /** Closes at once, without a logout. */
  destroy(): void {
    this.#isClosing = true;
    this.#wire.destroy();
  }

  get isClosed(): boolean {
    return this.#closeCause !== null;
  }

  async #waitUntil(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    let timedOut = false;
    const cancel = this.#clock.after(timeoutMs, () => {
      timedOut = true;
      this.#wake();
    });
    try {
      while (!condition()) {
        if (this.#closeCause !== null) throw this.#closeCause;
        if (timedOut) throw new InitiatorError('COMMAND_TIMEOUT', `${what} after ${timeoutMs} ms`);
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    } finally {
      cancel();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #watchForStall(): void {
    const stallMsMax = this.#options.stallMsMax ?? initiatorLimits.commandMsMax;
    this.#cancelStallTimer = this.#clock.after(stallMsMax, () => {
      if (this.inFlightCount > 0 && this.completedCount === this.#stallCompletedCount) {
        this.#wire.destroy(new InitiatorError('STALLED', `nothing completed for ${stallMsMax} ms with ${this.inFlightCount} commands on their way`));
        return;
      }
      this.#stallCompletedCount = this.inFlightCount > 0 ? this.completedCount : -1;
      this.#watchForStall();
    });
  }

  onClosed(cause: InitiatorError): void {
    this.#closeCause = cause;
    this.#cancelStallTimer();
    this.#wake();
    if (!this.#isClosing) this.#options.onFailure?.(cause);
  }
}
