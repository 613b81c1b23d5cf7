import { assert } from '../errors.js';
import type { TextNegotiation } from '../login/index.js';
import type { NegotiatedParameters } from '../login/negotiated-parameters.js';
import type { TargetPortal } from '../login/target-address.js';
import {
  BHS_LENGTH,
  emptyAhs,
  emptyDataOut,
  emptyScsiCommand,
  encodeReject,
  type FramingFault,
  Opcode,
  type PduReceiver,
  RejectReason,
  readInitiatorNumbers,
  readOpcode,
  type TargetNumbers,
} from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { answerTask } from '../task/data-in-transfer.js';
import type { PduOutput } from '../task/pdu-output.js';
import { solicit } from '../task/solicitation.js';
import { type PduTaskOwner, Task, TaskState } from '../task/task.js';
import { AbortedTransfers } from './aborted-transfers.js';
import { CommandTurn } from './command-window.js';
import { ConnectionEnd, ConnectionState, connectionTransitions, PduFinish } from './connection-state.js';
import { onDataOutDamaged } from './data-out-recovery.js';
import type { EngineContext } from './engine-context.js';
import { type HeldControlPdu, handleControlPdu, isControlOpcode, runControlPdu } from './handlers/control.js';
import { finishDataOut, handleDataOutHeader } from './handlers/data-out.js';
import { finishScsiCommand, handleScsiCommandHeader } from './handlers/scsi-command.js';
import { tellTasksCleared } from './implicit-termination.js';
import { Keepalive } from './keepalive.js';
import { LoginPhase } from './login-phase.js';
import { Retransmission } from './retransmission.js';
import type { Session } from './session.js';
import { DEFAULT_PORTAL_GROUP_TAG } from './target-node.js';
import type { ConnectionTransport } from './transport.js';

/** What came before its turn by CmdSN: a task, another PDU with a copy of its bytes, or the gap a stopped task left. */
export type HeldPdu = Task | HeldControlPdu | null;

/** Header bytes that a Reject sends back: the BHS. RFC 7143 §11.17. */
const REJECTED_HEADER_LENGTH = BHS_LENGTH;

/**
 * One connection of the target, from login to its end: cuts nothing and sends nothing itself, decides everything.
 * One object serves as the receiver of PDUs and as the owner of the tasks that came by it.
 */
export class Connection implements PduReceiver, PduTaskOwner {
  readonly context: EngineContext;
  readonly transport: ConnectionTransport;
  /** Where PDUs are written: the transport's, or what keeps a copy of them until they are acknowledged. */
  output: PduOutput;
  /** What may have to be sent again; null at ErrorRecoveryLevel 0. */
  retransmission: Retransmission | null = null;
  readonly keepalive: Keepalive;
  readonly tasks = new Map<number, Task>();
  /** Tags of commands that ended while the initiator owed them Data-Out, until they are used again. */
  readonly stoppedTags = new Set<number>();
  readonly abortedTransfers = new AbortedTransfers();
  #state: ConnectionState = ConnectionState.inLogin;
  #login: LoginPhase | null;
  session!: Session;
  parameters!: NegotiatedParameters;
  textNegotiation: TextNegotiation | null = null;
  /** The portal that it came in by, as the initiator knows it; set by whoever accepted the connection. */
  portal: TargetPortal;
  cid = 0;
  statSN = 0;
  arenaBytesHeld = 0;
  /** Task management functions whose tasks have not all stopped yet. */
  waitingTaskManagementCount = 0;
  /** When the chunk being handled arrived; microseconds. */
  receivedAtMicros = 0;
  #nextTargetTransferTag = 1;

  // The PDU being received. Records are made once, so that the data path allocates nothing.
  finish: PduFinish = PduFinish.drop;
  readonly scsiCommand = emptyScsiCommand();
  readonly dataOutPdu = emptyDataOut();
  readonly ahs = emptyAhs();
  readonly header = new Uint8Array(REJECTED_HEADER_LENGTH);
  readonly headerView = new DataView(this.header.buffer);
  #rejectReason: number = RejectReason.protocolError;
  /** The task whose data is landing now. */
  landingTask: Task | null = null;
  /** Where the current command stands by its CmdSN. */
  turn: CommandTurn = CommandTurn.now;

  constructor(context: EngineContext, transport: ConnectionTransport) {
    this.context = context;
    this.transport = transport;
    this.output = transport.output;
    this.portal = { address: transport.localAddress, port: transport.localPort, portalGroupTag: DEFAULT_PORTAL_GROUP_TAG };
    this.keepalive = new Keepalive(this);
    this.#login = new LoginPhase(this);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  transition(next: ConnectionState): void {
    assert(connectionTransitions[this.#state].includes(next), `connection cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }

  get nexus(): ITNexus {
    return this.session.nexus;
  }

  get isInLogin(): boolean {
    return this.#login !== null;
  }

  get isOpen(): boolean {
    return this.#state !== ConnectionState.free;
  }

  get expCmdSN(): number {
    return this.session.window.expCmdSN;
  }

  get maxCmdSN(): number {
    return this.session.openWindow();
  }

  get isFenced(): boolean {
    return this.session.isFenced;
  }

  holdAnswer(task: Task): boolean {
    return this.session.fence.holds(task);
  }

  get commandBytes(): number {
    return this.session.commandBytes;
  }

  set commandBytes(lengthBytes: number) {
    this.session.commandBytes = lengthBytes;
  }

  get earlyTasks(): Task[] {
    return Array.from(this.session.window.heldValues).filter((held) => held instanceof Task);
  }

  takeStatSN(): number {
    const statSN = this.statSN;
    this.statSN = (statSN + 1) >>> 0;
    return statSN;
  }

  /** The numbers of a PDU that uses up a StatSN. */
  takeNumbers(): TargetNumbers {
    return { statSN: this.takeStatSN(), expCmdSN: this.expCmdSN, maxCmdSN: this.maxCmdSN };
  }

  takeTargetTransferTag(): number {
    const tag = this.#nextTargetTransferTag;
    // 0xffffffff is reserved.
    this.#nextTargetTransferTag = tag === 0xfffffffe ? 1 : tag + 1;
    return tag;
  }

  /** Login is through: PDUs of the full-feature phase may come. */
  becomeLoggedIn(session: Session, parameters: NegotiatedParameters): void {
    this.session = session;
    this.parameters = joinedParameters(session.parameters, parameters);
    if (this.parameters.errorRecoveryLevel > 0) {
      this.retransmission = new Retransmission(this, this.transport.output);
      this.output = this.retransmission.output;
    }
    this.#login = null;
    this.keepalive.progressMicros = this.receivedAtMicros;
    this.transition(ConnectionState.loggedIn);
  }

  onHeader(bytes: Uint8Array, view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
    const opcode = readOpcode(view, at);
    this.landingTask = null;
    if (this.#login !== null) {
      this.#keepHeader(bytes, at);
      this.finish = PduFinish.login;
      return;
    }
    if (this.retransmission !== null) this.retransmission.acknowledge(readInitiatorNumbers(view, at).expStatSN);
    if (this.session.isFenced) this.session.fence.onExpStatSN(this, readInitiatorNumbers(view, at).expStatSN);
    // A Reject for a wrong data digest sends the header back; of commands and data it is kept for nothing else.
    if (this.parameters.dataDigest) this.#keepHeader(bytes, at);
    if (this.#state === ConnectionState.inLogout) this.dropPdu();
    else if (opcode === Opcode.scsiCommand) handleScsiCommandHeader(this, bytes, view, at, ahsLengthBytes, dataSegmentLengthBytes);
    else if (opcode === Opcode.dataOut) handleDataOutHeader(this, bytes, view, at, dataSegmentLengthBytes);
    else if (isControlOpcode(opcode)) {
      this.#keepHeader(bytes, at);
      this.finish = PduFinish.control;
    } else this.rejectPdu(opcode === Opcode.loginRequest ? RejectReason.protocolError : RejectReason.commandNotSupported, bytes, at);
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    if (!digestRight) {
      this.#onDataDigestError();
      return;
    }
    switch (this.finish) {
      case PduFinish.scsiCommand:
        finishScsiCommand(this, bytes, at);
        break;
      case PduFinish.dataOut:
        finishDataOut(this, lengthBytes);
        break;
      case PduFinish.control:
        handleControlPdu(this, this.headerView, lengthBytes === 0 ? noData : bytes.subarray(at, at + lengthBytes));
        break;
      case PduFinish.reject:
        this.sendReject(this.#rejectReason);
        break;
      case PduFinish.login:
        this.#login?.receive(this.headerView, bytes.subarray(at, at + lengthBytes));
        break;
      default:
        break;
    }
    this.landingTask = null;
    // A connection that still owes us PDUs must be read on, or nothing it holds would ever be freed; one that holds nothing
    // has no part in the shortage.
    if (this.#login === null && this.isOpen && this.context.admission.isLow && !this.#isEmpty && !this.owesPdus) this.#pauseForShortage();
  }

  /** RFC 7143 §7.8 "Digest Errors": behind a header that cannot be trusted no other is found, so that the connection ends at every level. */
  onFramingFault(fault: FramingFault, bytes: Uint8Array, at: number): void {
    if (fault === 'data-segment-too-long' && this.#login === null) {
      this.#keepHeader(bytes, at);
      this.sendReject(RejectReason.invalidPduField);
      this.close();
      return;
    }
    this.transport.destroy();
  }

  /** Ignores the PDU whose header is being handled. */
  dropPdu(): void {
    this.finish = PduFinish.drop;
    this.transport.discardData();
  }

  /** Answers the PDU whose header is being handled with a Reject, once its data has passed. */
  rejectPdu(reason: RejectReason, bytes: Uint8Array, at: number): void {
    this.#keepHeader(bytes, at);
    this.#rejectReason = reason;
    this.finish = PduFinish.reject;
    this.transport.discardData();
  }

  /** Sends a Reject with the header kept last. */
  sendReject(reason: number): void {
    const { output } = this;
    const offset = output.begin();
    encodeReject({ reason, dataSN: 0, ...this.takeNumbers() }, REJECTED_HEADER_LENGTH, output.view, offset);
    output.endWithCopy(this.header, 0, REJECTED_HEADER_LENGTH);
  }

  /** Runs what had come early and whose turn it is now, on all connections of the session. */
  runHeldPdus(): void {
    this.session.runHeldPdus();
  }

  /** Runs one that came by this connection; control PDUs go with their connection. */
  runHeldPdu(held: Task | HeldControlPdu): void {
    this.keepalive.progressMicros = this.receivedAtMicros;
    if (held instanceof Task) this.context.runner.deliver(held);
    else if (this.isOpen) {
      // A Reject of it sends back its own header. The data of another PDU may be on its way, when this turn came by another connection.
      const current = this.header.slice();
      this.#keepHeader(new Uint8Array(held.headerView.buffer), held.headerView.byteOffset);
      runControlPdu(this, this.headerView, held.data);
      this.header.set(current);
    }
  }

  solicit(task: Task): void {
    solicit(task, this);
  }

  sendAnswer(task: Task): void {
    answerTask(task, this);
  }

  releaseAfterAnswer(task: Task): void {
    this.output.releaseAfterFlush(task);
  }

  onTaskAnswered(task: Task): void {
    this.session.window.replaceHeld(task.cmdSN, task, null);
    this.tasks.delete(task.initiatorTaskTag);
    // What was asked for again may have come before the rest of the sequence that was given up.
    if (this.retransmission !== null && task.dataOut.givenUpCount > 0) this.expectStrays(task.initiatorTaskTag);
    this.session.openTaskCount--;
    if (task.immediate) this.session.immediateTaskCount--;
  }

  onTaskEnded(task: Task): void {
    if (this.landingTask === task) {
      // Its memory is about to serve another: what still arrives for it must not land there.
      this.landingTask = null;
      this.dropPdu();
    }
    if (task.aborted) {
      if (this.session.isFenced) this.session.fence.forget(task);
      if (task.dataOut.isExpecting) this.expectStrays(task.initiatorTaskTag);
      this.onTaskAnswered(task);
    }
    if (this.#isEmpty) this.context.admission.onEmptied(this);
  }

  onDataOutUnwanted(task: Task): void {
    if (this.landingTask === task) this.transport.discardData();
  }

  /** Data-Out of a command that was stopped, or found no slot, may still be on its way. RFC 7143 §4.2.3.3. */
  expectStrays(initiatorTaskTag: number): void {
    this.stoppedTags.delete(initiatorTaskTag);
    this.stoppedTags.add(initiatorTaskTag);
    if (this.stoppedTags.size <= this.context.limits.commandWindowCountMax) return;
    for (const oldest of this.stoppedTags) {
      this.stoppedTags.delete(oldest);
      return;
    }
  }

  resumeAfterShortage(): void {
    if (this.isOpen) this.transport.resumeReceive();
  }

  /** Sends what is queued, then closes. */
  close(end: ConnectionEnd = ConnectionEnd.failed): void {
    if (!this.isOpen) return;
    this.transition(ConnectionState.free);
    this.#abandon(end);
    this.transport.closeAfterFlush();
  }

  /** The transport is gone. */
  onTransportClosed(): void {
    if (this.isOpen) this.transition(ConnectionState.free);
    this.#abandon(ConnectionEnd.failed);
  }

  #abandon(end: ConnectionEnd): void {
    this.context.admission.forget(this);
    this.keepalive.stop();
    this.#login?.stop();
    this.abortedTransfers.abandon();
    if (this.session === undefined) return;
    this.context.directory.onConnectionEnded(this, end);
    this.session.fence.onConnectionEnded(this);
  }

  /** Ends all tasks without an answer, and forgets what was kept of those that were answered. */
  endTasks(): void {
    tellTasksCleared(this);
    for (const task of Array.from(this.tasks.values())) this.context.runner.abort(task, ignore);
    this.retransmission?.forgetAll();
  }

  /** The connection is lost, but its tasks may go on by another: what they answer until then is kept, and sent nowhere. */
  suspendTasks(): void {
    const { landingTask, finish } = this;
    this.landingTask = null;
    // Its command has not been received whole, so it has not been received at all.
    if (landingTask !== null && finish === PduFinish.scsiCommand) this.context.runner.abort(landingTask, ignore);
    // ExpCmdSN has not acknowledged what came early, so that it comes again, by another connection. RFC 7143 §7.2.1.
    const withdrawn = this.session.window.withdrawHeld((held) => (held instanceof Task ? held.owner === this : held?.connection === this));
    for (const held of withdrawn) if (held instanceof Task) this.context.runner.abort(held, ignore);
    this.retransmission?.disconnect();
  }

  #keepHeader(bytes: Uint8Array, at: number): void {
    for (let i = 0; i < BHS_LENGTH; i++) this.header[i] = bytes[at + i] as number;
  }

  /**
   * RFC 7143 §7.8: the PDU is discarded and its header sent back. A command has not been received then, and is sent again by the
   * initiator; data is asked for again.
   */
  #onDataDigestError(): void {
    if (this.retransmission === null) {
      this.#endForDataDigestError();
      return;
    }
    const task = this.landingTask;
    this.landingTask = null;
    this.sendReject(RejectReason.dataDigestError);
    if (task === null) return;
    if (this.finish === PduFinish.dataOut) onDataOutDamaged(this, task, this.dataOutPdu);
    else this.context.runner.abort(task, ignore);
  }

  /** At ErrorRecoveryLevel 0 nothing can be sent again, so the answer is followed by the end of the connection. */
  #endForDataDigestError(): void {
    if (this.#login !== null) {
      this.transport.destroy();
      return;
    }
    if (this.landingTask !== null) {
      const task = this.landingTask;
      this.landingTask = null;
      if (task.state !== TaskState.ended) this.context.runner.abort(task, ignore);
    }
    this.sendReject(RejectReason.dataDigestError);
    this.close();
  }

  /**
   * True while tasks wait for Data-Out, or PDUs for an older CmdSN, which may come by this connection as by any other.
   */
  get owesPdus(): boolean {
    if (this.session.window.hasHeld || !this.session.orderWaiters.isEmpty || this.session.isFenced) return true;
    for (const task of this.tasks.values()) if (task.dataOut.isExpecting) return true;
    return false;
  }

  get #isEmpty(): boolean {
    return this.tasks.size === 0 && this.arenaBytesHeld === 0;
  }

  #pauseForShortage(): void {
    this.transport.pauseReceive();
    this.context.admission.pause(this);
  }
}

/** Session-wide parameters are those of the leading connection; digests and lengths of data segments are each connection's own. */
function joinedParameters(session: NegotiatedParameters, own: NegotiatedParameters): NegotiatedParameters {
  if (session === own) return own;
  const { headerDigest, dataDigest, maxRecvDataSegmentLength, targetMaxRecvDataSegmentLength } = own;
  return { ...session, headerDigest, dataDigest, maxRecvDataSegmentLength, targetMaxRecvDataSegmentLength };
}

const noData = new Uint8Array(0);
function ignore(): void {}
