import { assert } from '../errors.js';
import type { NegotiatedParameters } from '../login/negotiated-parameters.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { Task } from '../task/task.js';
import type { Admission } from './admission.js';
import { CommandWindow, serialDifference } from './command-window.js';
import type { Connection, HeldPdu } from './connection.js';
import { LostConnections } from './lost-connections.js';
import { OrderWaiters } from './order-waiters.js';
import { ResponseFence } from './response-fence.js';
import type { TargetNode } from './target-node.js';

/** Session states of the target, RFC 7143 §8.3. */
export const SessionState = { active: 'Q2: ACTIVE', loggedIn: 'Q3: LOGGED_IN', failed: 'Q4: FAILED', free: 'Q1: FREE' } as const;
export type SessionState = (typeof SessionState)[keyof typeof SessionState];

const transitions: Record<SessionState, readonly SessionState[]> = {
  [SessionState.active]: [SessionState.loggedIn, SessionState.free],
  [SessionState.loggedIn]: [SessionState.failed, SessionState.free],
  [SessionState.failed]: [SessionState.loggedIn, SessionState.free],
  [SessionState.free]: [],
};

/** Commands that need no more than this do not bound the window. */
const SMALL_COMMAND_BYTES = 8192;
/** What a command needed is forgotten by this share (a 64th) with each PDU sent. */
const COMMAND_BYTES_DECAY_SHIFT = 6;

export interface SessionOptions {
  readonly tsih: number;
  readonly isid: string;
  readonly initiatorName: string;
  /** As whom the initiator authenticated; null when nobody asked. */
  readonly user: string | null;
  /** Null for a discovery session. */
  readonly target: TargetNode | null;
  readonly nexus: ITNexus;
  readonly cmdSN: number;
  readonly admission: Admission;
  readonly parameters: NegotiatedParameters;
}

/** One session: an I_T nexus with its command window and its connections, of which each has its own StatSN. RFC 7143 §4.2.2. */
export class Session {
  readonly tsih: number;
  readonly isid: string;
  readonly initiatorName: string;
  readonly user: string | null;
  readonly target: TargetNode | null;
  readonly nexus: ITNexus;
  readonly window: CommandWindow<HeldPdu>;
  /** As the leading connection negotiated them: what is session-wide here holds for all connections. */
  readonly parameters: NegotiatedParameters;
  readonly #admission: Admission;
  #state: SessionState = SessionState.active;
  /** By CID, oldest first. */
  readonly connections = new Map<number, Connection>();
  /** Connections that are gone, whose tasks wait for another one. */
  readonly lost = new LostConnections();
  /** Cancels the end of a session that has no connection. */
  cancelExpiry: (() => void) | null = null;
  /** Tasks that have not been answered: they fill the window. */
  openTaskCount = 0;
  immediateTaskCount = 0;
  readonly orderWaiters = new OrderWaiters();
  readonly fence = new ResponseFence(this);
  /** Answers may have to wait for the fence; looked at with every answer. */
  isFenced = false;
  /** What a command of late needed of the arena at most; 0 while that is little. */
  commandBytes = 0;
  #isStarting = true;
  readonly #firstCmdSN: number;

  constructor(options: SessionOptions) {
    this.tsih = options.tsih;
    this.isid = options.isid;
    this.initiatorName = options.initiatorName;
    this.user = options.user;
    this.target = options.target;
    this.nexus = options.nexus;
    this.parameters = options.parameters;
    this.#admission = options.admission;
    this.window = new CommandWindow(options.cmdSN);
    this.#firstCmdSN = options.cmdSN;
    this.openWindow();
  }

  get state(): SessionState {
    return this.#state;
  }

  transition(next: SessionState): void {
    assert(transitions[this.#state].includes(next), `session cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }

  get isOver(): boolean {
    return this.#state === SessionState.free;
  }

  /** The oldest connection; null while the session waits for its initiator to come back. */
  get connection(): Connection | null {
    for (const connection of this.connections.values()) return connection;
    return null;
  }

  /** How long it outlives its last connection, and tasks a lost connection of theirs. RFC 7143 §13.15, §13.16. */
  get retainMs(): number {
    const { defaultTime2Wait, defaultTime2Retain } = this.parameters;
    return this.target === null || defaultTime2Retain === 0 ? 0 : (defaultTime2Wait + defaultTime2Retain) * 1000;
  }

  /** Tasks of a lost connection may be taken over by another. RFC 7143 §7.1.5 "Error Recovery Hierarchy". */
  get recoversConnections(): boolean {
    return this.parameters.errorRecoveryLevel >= 2 && this.retainMs > 0;
  }

  /** Tasks may belong to more than one connection. */
  get hasOtherConnections(): boolean {
    return this.connections.size > 1 || this.lost.count > 0;
  }

  /** The task of this tag on any connection that is open. */
  findTask(initiatorTaskTag: number): Task | undefined {
    for (const { tasks } of this.connections.values()) {
      const task = tasks.get(initiatorTaskTag);
      if (task !== undefined) return task;
    }
    return undefined;
  }

  /** A task tag is one of the whole session. RFC 7143 §11.2.1.8. */
  isTagInUse(initiatorTaskTag: number): boolean {
    return this.findTask(initiatorTaskTag) !== undefined || this.lost.hasTask(initiatorTaskTag);
  }

  /** A new command with a tag says that its last one is over, whether its answer was acknowledged or not. */
  onTagUsedAgain(initiatorTaskTag: number): void {
    this.lost.forgetAnswer(initiatorTaskTag);
    for (const { retransmission } of this.connections.values()) retransmission?.forgetTag(initiatorTaskTag);
  }

  /** MaxCmdSN for the next PDU: room for what is not outstanding, and for one command always. */
  openWindow(): number {
    const { windowCount } = this.#admission;
    const count = this.#isStarting || this.commandBytes > 0 ? this.#boundCount(windowCount) : windowCount;
    return this.window.open(Math.max(this.openTaskCount === 0 ? 1 : 0, count - this.openTaskCount));
  }

  /**
   * What the window once granted it cannot take back, and commands may bring data without being asked: so it begins small and
   * widens by one with each command, until it is known what memory they need. That is forgotten as others need less.
   */
  #boundCount(windowCount: number): number {
    let count = windowCount;
    if (this.#isStarting) {
      const startCount = this.#admission.windowStartCount + serialDifference(this.window.expCmdSN, this.#firstCmdSN);
      if (startCount >= this.#admission.windowCountMax) this.#isStarting = false;
      else if (startCount < count) count = startCount;
    }
    if (this.commandBytes === 0) return count;
    this.commandBytes = this.commandBytes < SMALL_COMMAND_BYTES ? 0 : this.commandBytes - (this.commandBytes >> COMMAND_BYTES_DECAY_SHIFT);
    return this.commandBytes === 0 ? count : Math.min(count, this.#admission.countFor(this.commandBytes));
  }

  /** Calls `run` when all commands before this CmdSN have come and gone to their task sets, perhaps at once. */
  whenReceived(cmdSN: number, run: () => void): void {
    if (this.window.missingBefore(cmdSN).length === 0) run();
    else this.orderWaiters.add(cmdSN, run);
  }

  /** Runs what had come early and whose turn it is now, each on the connection it came by. RFC 7143 §4.2.2.1. */
  runHeldPdus(): void {
    while (!this.isOver) {
      if (!this.orderWaiters.isEmpty) this.orderWaiters.runReady(this.window.expCmdSN);
      const held = this.window.takeNext();
      if (held === undefined) return;
      if (held === null) continue;
      const connection = held instanceof Task ? (held.owner as Connection) : held.connection;
      connection.runHeldPdu(held);
      if (this.connections.size > 1) this.#onProgress(connection.context.clock.nowMicros());
    }
  }

  /** A gap in the CmdSNs is owed by no connection in particular, so that none stalls as long as gaps close. */
  #onProgress(nowMicros: number): void {
    for (const { keepalive } of this.connections.values()) keepalive.progressMicros = nowMicros;
  }

  /** Something came before its turn: what it waits for may come by a connection that is not read for want of memory. */
  onHeldPdu(): void {
    if (this.connections.size === 1) return;
    for (const connection of this.connections.values()) {
      if (!connection.transport.isReceivePaused) continue;
      connection.context.admission.forget(connection);
      connection.resumeAfterShortage();
    }
  }
}
