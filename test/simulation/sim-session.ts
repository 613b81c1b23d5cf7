import {
  ACKNOWLEDGE_BIT,
  AsyncEvent,
  BHS_LENGTH,
  DATA_IN,
  decodeDataIn,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiResponse,
  emptyScsiCommand,
  encodeNopOut,
  encodeScsiCommand,
  type LoginResponsePdu,
  LoginStatus,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  readOpcode,
} from '../../engine/pdu/index.js';
import { serialDifference } from '../../engine/session/command-window.js';
import type { SeededRandom } from '../support/random.js';
import { WriteOutcome } from './block-history.js';
import type { SessionParameters } from './scenario.js';
import type { SimClock } from './sim-clock.js';
import { CommandEnd, type CommandPlan, SimCommand } from './sim-command.js';
import { newHeader, type SimConnection } from './sim-connection.js';
import { SimFunctions } from './sim-functions.js';
import type { SimInitiator } from './sim-initiator.js';
import { SimLogouts } from './sim-logouts.js';
import { SimRecovery } from './sim-recovery.js';
import { ahsOf, cdbOf, checkStatus } from './sim-scsi.js';
import type { Trace } from './trace.js';
import { must } from './violation.js';
import { SessionWatch } from './wire-checker.js';

const RETRY_AFTER_MS = 120;
const CLOSE_MS_MAX = 2000;

/** A PDU that has a place in the order of CmdSN: it is sent again, by the same connection, until the target has it. RFC 7143 §7.2.1. */
export interface Numbered {
  readonly cmdSN: number;
  connection: SimConnection;
  sentMicros: number;
  readonly command: SimCommand | null;
  transmit: (connection: SimConnection) => void;
}

/** A session of a simulated initiator, from its leading login until it is closed or given up. */
export class SimSession {
  readonly initiator: SimInitiator;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly parameters: SessionParameters;
  readonly watch: SessionWatch;
  readonly connections = new Map<number, SimConnection>();
  readonly commands = new Map<number, SimCommand>();
  readonly #ended = new Map<number, SimCommand>();
  readonly numbered = new Map<number, Numbered>();
  readonly functions: SimFunctions;
  readonly recovery: SimRecovery;
  readonly logouts: SimLogouts;
  state: 'starting' | 'open' | 'over' = 'starting';
  tsih = 0;
  cmdSN: number;
  #expCmdSN: number;
  #maxCmdSN: number;

  constructor(initiator: SimInitiator) {
    this.initiator = initiator;
    const { clock, random, trace, scenario } = initiator.world;
    this.clock = clock;
    this.random = random;
    this.trace = trace;
    this.parameters = scenario.parameters;
    this.watch = new SessionWatch(scenario.parameters, initiator.world.target.limits.commandWindowCountMax);
    this.cmdSN = random.boolean() ? 1 : 0xfffffff0;
    this.#expCmdSN = this.cmdSN;
    this.#maxCmdSN = (this.cmdSN - 1) >>> 0;
    this.functions = new SimFunctions(this);
    this.recovery = new SimRecovery(this);
    this.logouts = new SimLogouts(this);
    this.connect(0);
    if (this.level > 0) this.#retryRegularly();
  }

  get level(): number {
    return this.parameters.errorRecoveryLevel;
  }

  get isid(): string {
    return this.initiator.isid;
  }

  get openConnections(): SimConnection[] {
    return [...this.connections.values()].filter((connection) => connection.state === 'open');
  }

  get hasRoom(): boolean {
    return serialDifference(this.cmdSN, this.#maxCmdSN) <= 0;
  }

  /** The target has not got what bears this CmdSN. */
  isUnreceived(cmdSN: number): boolean {
    return serialDifference(cmdSN, this.#expCmdSN) >= 0;
  }

  /** What is under way, in a few words. */
  describe(): string {
    const open = [...this.commands.values()].map(({ initiatorTaskTag, cmdSN }) => `${initiatorTaskTag.toString(16)} (cmdSN ${cmdSN})`);
    const names = [...this.connections.values()].map((connection) => `${connection.name} ${connection.state}`);
    const busy = Object.entries({ functions: this.functions, recovery: this.recovery, logouts: this.logouts }).filter(([, part]) => !part.isIdle);
    const waiting = busy.map(([name]) => name).join(' ');
    const numbers = [...this.numbered.keys()].join(', ');
    return `session ${this.state}, connections [${names.join(', ')}], open [${open.join(', ')}], numbered [${numbers}], ${waiting}`;
  }

  /** Nothing is under way. */
  get isQuiet(): boolean {
    return this.commands.size === 0 && this.functions.isIdle && this.recovery.isIdle && this.numbered.size === 0 && this.logouts.isIdle;
  }

  takeTag(): number {
    return this.initiator.takeTag();
  }

  loginKeys(connection: SimConnection): string[] {
    const { parameters } = this;
    const yes = (value: boolean) => (value ? 'Yes' : 'No');
    const digest = (isUsed: boolean) => (isUsed ? 'CRC32C' : 'None');
    const own = [
      `HeaderDigest=${digest(parameters.digests.header)}`,
      `DataDigest=${digest(parameters.digests.data)}`,
      `MaxRecvDataSegmentLength=${parameters.maxRecvDataSegmentLength}`,
    ];
    const names = [`InitiatorName=${this.initiator.name}`, 'SessionType=Normal', `TargetName=${this.initiator.world.targetName}`];
    if (connection.cid !== 0 || this.tsih !== 0) return [...names, ...own];
    return [
      ...names,
      ...own,
      `ErrorRecoveryLevel=${parameters.errorRecoveryLevel}`,
      `MaxConnections=${parameters.maxConnections}`,
      `InitialR2T=${yes(parameters.initialR2T)}`,
      `ImmediateData=${yes(parameters.immediateData)}`,
      `MaxBurstLength=${parameters.maxBurstLength}`,
      `FirstBurstLength=${parameters.firstBurstLength}`,
      `MaxOutstandingR2T=${parameters.maxOutstandingR2T}`,
      `DataPDUInOrder=${yes(parameters.dataPDUInOrder)}`,
      `DataSequenceInOrder=${yes(parameters.dataSequenceInOrder)}`,
      `TaskReporting=${parameters.taskReporting}`,
    ];
  }

  connect(cid: number): void {
    if (this.state === 'over' || this.logouts.isClosing || this.connections.has(cid)) return;
    const connection = this.initiator.world.connect(this, cid);
    this.connections.set(cid, connection);
    connection.login();
  }

  onLoggedIn(connection: SimConnection, { tsih, expCmdSN, maxCmdSN }: LoginResponsePdu): void {
    this.noteWindow(expCmdSN, maxCmdSN);
    if (this.tsih !== 0) {
      must(tsih === this.tsih, () => `${connection.name}: a connection of session ${this.tsih} was told that it is ${tsih}`);
      this.recovery.onReconnected(connection);
      return;
    }
    this.tsih = tsih;
    this.state = 'open';
    this.initiator.onSessionOpen();
    for (let cid = 1; cid < this.parameters.maxConnections; cid++) this.clock.after(this.random.below(50), () => this.connect(cid));
  }

  onLoginRefused(connection: SimConnection, status: number): void {
    this.connections.delete(connection.cid);
    if (this.state === 'over') return;
    must(this.tsih !== 0, () => `${connection.name}: the login was refused with status ${status.toString(16)}`);
    if (status === LoginStatus.sessionDoesNotExist) {
      must(
        this.level < 2 || this.recovery.mayHaveExpired || this.logouts.mayHaveClosed,
        () => `${connection.name}: the session is gone, though it is to be retained`,
      );
      this.fail('the target has given it up');
    } else {
      must(status === LoginStatus.tooManyConnections, () => `${connection.name}: the login was refused with status ${status.toString(16)}`);
      this.clock.after(100, () => this.connect(connection.cid));
    }
  }

  onConnectionLost(connection: SimConnection, wasLogin: boolean): void {
    if (this.state === 'over') return;
    if (this.logouts.isClosing && this.connections.size > 0) {
      // The target closes them one by one; or the logout was lost with this one.
      this.clock.after(CLOSE_MS_MAX, () => this.fail('the logout was lost'));
      return;
    }
    if (wasLogin && this.tsih !== 0) {
      if (this.recovery.isLost(connection.cid)) this.recovery.retry(connection.cid);
      else this.clock.after(50, () => this.connect(connection.cid));
    } else if (this.level < 2 || this.tsih === 0) this.fail('a connection was lost');
    else this.recovery.onLost(connection);
  }

  /** Session recovery: all connections end, and with them all that was under way. RFC 7143 §7.1.4.1. */
  fail(reason: string): void {
    if (this.state === 'over') return;
    this.trace.add(() => `${this.initiator.name} gives the session up: ${reason}`);
    this.state = 'over';
    for (const connection of Array.from(this.connections.values())) {
      if (this.random.boolean()) connection.link.reset();
      connection.finish();
    }
    for (const command of Array.from(this.commands.values())) this.endCommand(command, CommandEnd.lost);
    this.functions.abandon();
    this.initiator.onSessionOver();
  }

  /** All connections are closed by a logout. */
  finish(): void {
    this.state = 'over';
    for (const connection of Array.from(this.connections.values())) connection.finish();
    this.initiator.onSessionOver();
  }

  noteWindow(expCmdSN: number, maxCmdSN: number): void {
    if (serialDifference(maxCmdSN, (expCmdSN - 1) >>> 0) < 0) return;
    if (serialDifference(maxCmdSN, this.#maxCmdSN) > 0) this.#maxCmdSN = maxCmdSN;
    must(serialDifference(expCmdSN, this.cmdSN) <= 0, () => `ExpCmdSN ${expCmdSN} acknowledges what was never sent: CmdSN ${this.cmdSN} comes next`);
    if (serialDifference(expCmdSN, this.#expCmdSN) <= 0) return;
    this.#expCmdSN = expCmdSN;
    for (const cmdSN of this.numbered.keys()) if (!this.isUnreceived(cmdSN)) this.numbered.delete(cmdSN);
  }

  /** Gives a PDU its place in the order and sends it; later again if need be. */
  sendNumbered(connection: SimConnection, command: SimCommand | null, transmit: (connection: SimConnection, cmdSN: number) => void): number {
    const { cmdSN } = this;
    this.cmdSN = (cmdSN + 1) >>> 0;
    const numbered = { cmdSN, connection, command, sentMicros: this.clock.nowMicros(), transmit: (by: SimConnection) => transmit(by, cmdSN) };
    this.numbered.set(cmdSN, numbered);
    if (command === null) transmit(connection, cmdSN);
    return cmdSN;
  }

  #retryRegularly(): void {
    this.clock.after(RETRY_AFTER_MS / 2, () => {
      if (this.state === 'over') return;
      for (const numbered of Array.from(this.numbered.values())) this.#retry(numbered);
      this.#retryRegularly();
    });
  }

  #retry(numbered: Numbered): void {
    const now = this.clock.nowMicros();
    if (now - numbered.sentMicros < RETRY_AFTER_MS * 1000 || numbered.command?.isReassigning === true) return;
    if (!numbered.connection.isOpen) {
      // A command waits for its reassignment; nobody else minds which connection it comes by.
      const other = this.openConnections[0];
      if (numbered.command !== null || other === undefined || !this.recovery.isIdle) return;
      numbered.connection = other;
    }
    numbered.sentMicros = now;
    numbered.transmit(numbered.connection);
  }

  startCommand(plan: CommandPlan): void {
    const { random } = this;
    const connections = this.openConnections;
    const connection = connections[random.below(connections.length)];
    if (connection === undefined) return;
    // On several connections they have no order, neither among each other nor with task management.
    const immediate = this.level === 0 && this.parameters.maxConnections === 1 && random.below(16) === 0;
    const tag = this.takeTag();
    const history = this.initiator.world.histories[plan.lun] as (typeof this.initiator.world.histories)[number];
    const command = new SimCommand(plan, tag, this.cmdSN, immediate, history, connection);
    const { immediateData, firstBurstLength, targetMaxRecvDataSegmentLength } = this.parameters;
    const immediateMax = immediateData ? Math.min(command.data.length, firstBurstLength, targetMaxRecvDataSegmentLength) : 0;
    command.immediateLength = random.boolean() ? immediateMax : random.below(immediateMax + 1);
    command.sendsUnsolicited = !this.parameters.initialR2T && random.below(4) > 0;
    this.commands.set(tag, command);
    const { initiators } = this.initiator.world;
    if (initiators.some((other) => other !== this.initiator && other.threatensOthers)) command.putAtRisk(this.clock.nowMicros());
    if (!immediate) this.sendNumbered(connection, command, (by) => this.transmitCommand(command, by));
    this.transmitCommand(command, connection);
  }

  transmitCommand(command: SimCommand, connection: SimConnection): void {
    const { plan, immediateLength, data } = command;
    const ahs = ahsOf(plan, command.expectedLength);
    const header = new Uint8Array(BHS_LENGTH + ahs.length);
    header.set(ahs, BHS_LENGTH);
    const view = new DataView(header.buffer);
    const unsolicitedEnd = command.sendsUnsolicited ? Math.min(data.length, this.parameters.firstBurstLength) : 0;
    const pdu = emptyScsiCommand();
    pdu.immediate = command.immediate;
    pdu.final = unsolicitedEnd <= immediateLength;
    pdu.read = command.reads;
    pdu.write = command.write !== null;
    pdu.attribute = plan.attribute;
    pdu.lunHigh = plan.lun << 16;
    pdu.initiatorTaskTag = command.initiatorTaskTag;
    pdu.expectedDataTransferLength = command.expectedLength;
    pdu.cmdSN = command.cmdSN;
    encodeScsiCommand(pdu, cdbOf(plan), ahs.length, immediateLength, view, 0);
    connection.send(header, data.subarray(0, immediateLength));
    connection.oweNothing(command, RESERVED_TAG);
    if (!pdu.final) connection.owe(command, RESERVED_TAG, immediateLength, unsolicitedEnd);
  }

  /** A ping in the order of commands. */
  startPing(connection: SimConnection, lengthBytes: number): void {
    const initiatorTaskTag = this.takeTag();
    const data = this.random.bytes(lengthBytes);
    this.sendNumbered(connection, null, (by, cmdSN) => {
      const { header, view } = newHeader();
      encodeNopOut({ immediate: false, lunHigh: 0, lunLow: 0, initiatorTaskTag, targetTransferTag: RESERVED_TAG, cmdSN, expStatSN: 0 }, data.length, view, 0);
      by.send(header, data);
    });
  }

  /** Something without effect that bears this CmdSN. */
  fillPlace(connection: SimConnection, cmdSN: number): void {
    const { header, view } = newHeader();
    const tags = { initiatorTaskTag: this.takeTag(), targetTransferTag: RESERVED_TAG };
    encodeNopOut({ immediate: false, lunHigh: 0, lunLow: 0, ...tags, cmdSN, expStatSN: 0 }, 0, view, 0);
    connection.send(header);
  }

  onDataIn(connection: SimConnection, header: DataView, data: Uint8Array): void {
    const command = this.#commandOf(header, connection);
    if (command === null || command.connection !== connection) return;
    const { dataSN, bufferOffset, targetTransferTag } = decodeDataIn(header, 0);
    if (!command.takeData(dataSN, bufferOffset, data)) return;
    if ((header.getUint8(DATA_IN.flags) & ACKNOWLEDGE_BIT) !== 0) command.acksOwed.set(dataSN, targetTransferTag);
    const ack = command.takeAck();
    if (ack !== null) connection.sendDataAck(command, ack.targetTransferTag, ack.begRun);
    if (command.isComplete) {
      this.#conclude(command);
      connection.advance();
    }
  }

  onR2T(connection: SimConnection, header: DataView): void {
    const command = this.#commandOf(header, connection);
    if (command === null || command.connection !== connection) return;
    const { r2tSN, targetTransferTag, bufferOffset, desiredDataTransferLength } = decodeReadyToTransfer(header, 0);
    if (command.r2tBase === Number.POSITIVE_INFINITY) command.r2tBase = r2tSN;
    if (command.receivedR2TSNs.has(r2tSN)) return;
    command.receivedR2TSNs.add(r2tSN);
    must(bufferOffset + desiredDataTransferLength <= command.data.length, () => `${connection.name}: an R2T beyond the data`);
    connection.owe(command, targetTransferTag, bufferOffset, bufferOffset + desiredDataTransferLength);
    if (command.missingR2T !== null) {
      must(this.level > 0, () => `${connection.name}: R2TSN ${r2tSN} came while an older one is missing, and nothing is ever lost`);
      connection.recoverCommand();
    }
  }

  /** A PDU with a StatSN that has not come before. */
  onNumbered(connection: SimConnection, header: DataView, data: Uint8Array, statSN: number): void {
    const opcode = readOpcode(header, 0);
    const tag = header.getUint32(16);
    if (opcode === Opcode.dataIn) {
      const { status, dataSN } = decodeDataIn(header, 0);
      this.#onStatus(connection, header, statSN, status, dataSN + 1, data);
    } else if (opcode === Opcode.scsiResponse) {
      const { status, expDataSN } = decodeScsiResponse(header, 0);
      this.#onStatus(connection, header, statSN, status, expDataSN, data);
    } else if (opcode === Opcode.taskManagementResponse) this.functions.onResponse(connection, header);
    else if (opcode === Opcode.logoutResponse) this.logouts.onResponse(connection, header);
    else if (opcode === Opcode.reject) this.#onReject(connection, header, data);
    else if (opcode === Opcode.asyncMessage) must(header.getUint8(36) === AsyncEvent.fastAbort, () => `${connection.name}: an Asynchronous Message of no use`);
    else must(opcode === Opcode.nopIn, () => `${connection.name}: nobody asked for opcode ${opcode.toString(16)} of ${tag.toString(16)}`);
  }

  #onStatus(connection: SimConnection, header: DataView, statSN: number, status: number, dataCount: number, data: Uint8Array): void {
    const command = this.#commandOf(header, connection);
    if (command === null || command.connection !== connection) return;
    command.status = status;
    command.statSN = statSN;
    command.dataCount = dataCount;
    checkStatus(status, data, readOpcode(header, 0) === Opcode.scsiResponse, this.level > 0);
    if (command.isComplete) {
      this.#conclude(command);
      return;
    }
    must(this.level > 0, () => `${connection.name}: command ${command.initiatorTaskTag.toString(16)} was answered before its data had come`);
    connection.holdBack(statSN, command);
    connection.recoverCommand();
  }

  /** The command that a PDU is for; null when it has ended, and that may be. */
  #commandOf(header: DataView, connection: SimConnection): SimCommand | null {
    const tag = header.getUint32(16);
    const command = this.commands.get(tag);
    if (command !== undefined) return command;
    const ended = this.#ended.get(tag);
    must(ended !== undefined, () => `${connection.name}: something came for command ${tag.toString(16)}, which was never sent`);
    // What was under way by another connection, or is sent once more, may come late.
    const { maxConnections, taskReporting } = this.parameters;
    // A connection that the target closes for a wrong digest still brings what was answered before.
    const isFenced = maxConnections === 1 || (taskReporting !== 'RFC3720' && !this.initiator.world.hasCorrupted);
    const mayBeLate = this.level > 0 || (ended.end === CommandEnd.aborted && !isFenced);
    must(mayBeLate, () => `${connection.name}: command ${tag.toString(16)} has ended (${ended.end}), and something came for it`);
    return null;
  }

  #conclude(command: SimCommand): void {
    const { plan, history, write } = command;
    if (command.reads && command.status === 0) history.endRead(plan.lba, command.joinData(), command.startPlace);
    if (write !== null) history.endWrite(write, command.status === 0 ? WriteOutcome.done : WriteOutcome.refused);
    this.endCommand(command, CommandEnd.answered);
  }

  endCommand(command: SimCommand, end: CommandEnd): void {
    must(command.end === null, () => `command ${command.initiatorTaskTag.toString(16)} ended twice: ${command.end}, then ${end}`);
    command.end = end;
    this.commands.delete(command.initiatorTaskTag);
    this.#ended.set(command.initiatorTaskTag, command);
    this.recovery.forget(command);
    command.connection.oweNothing(command);
    if (end === CommandEnd.aborted && command.write !== null) command.history.endWrite(command.write, WriteOutcome.unknown);
    if (end === CommandEnd.lost && command.write !== null) this.initiator.leaveInLimbo(command);
    this.initiator.onCommandEnded(command);
  }

  #onReject(connection: SimConnection, header: DataView, rejected: Uint8Array): void {
    const { reason } = decodeReject(header, 0);
    const rejectedView = new DataView(rejected.buffer, rejected.byteOffset, rejected.byteLength);
    const opcode = readOpcode(rejectedView, 0);
    if (reason === RejectReason.dataDigestError) {
      must(this.parameters.digests.data && this.initiator.world.hasCorrupted, () => `${connection.name}: a data digest was found wrong that was right`);
      const numbered = [...this.numbered.values()].find((each) => each.cmdSN === rejectedView.getUint32(24) && each.connection === connection);
      if (numbered !== undefined && opcode !== Opcode.dataOut && this.random.boolean()) numbered.sentMicros = 0;
      return;
    }
    if (reason === RejectReason.snackReject && this.initiator.world.scenario.isRetentionSmall) {
      // RFC 7143 §7.9 "Sequence Errors": what cannot be recovered within the connection ends it.
      connection.drop();
      return;
    }
    // An R2T that was asked for again may have been given up meanwhile.
    const tag = rejected.length === 0 ? 0 : rejectedView.getUint32(16);
    const isLateSnack = opcode === Opcode.snackRequest && (rejectedView.getUint8(1) & 0x0f) === 0 && this.#isWriting(tag);
    this.commands.get(tag)?.waiveR2Ts();
    must(isLateSnack, () => `${connection.name}: opcode ${opcode.toString(16)} was rejected for reason ${reason}`);
  }

  #isWriting(tag: number): boolean {
    const command = this.commands.get(tag) ?? this.#ended.get(tag);
    return command !== undefined && command.write !== null;
  }
}
