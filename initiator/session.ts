import { assert } from '../engine/errors.js';
import { type KeyValuePair, LogoutReason, type LogoutResponsePdu, TaskManagementFunction, TaskManagementResponse } from '../engine/pdu/index.js';
import type { CheckName } from './checks.js';
import { CommandExchange, type CommandOptions, type CommandResult, type PendingCommand } from './command-exchange.js';
import { PingExchange, TaskManagementExchange, type TaskManagementOptions, TextExchange } from './control-exchanges.js';
import { InitiatorError } from './errors.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import { initiatorLimits } from './limits.js';
import { connectAndLogin, type LoginOptions, type LoginResult } from './login.js';
import { type DiscoveredTarget, discoveredTargets } from './send-targets.js';
import type { SessionConnection } from './session-connection.js';
import { SessionCore } from './session-core.js';
import { logOut } from './session-logout.js';
import type { SessionOptions } from './session-options.js';
import { renegotiate } from './session-renegotiation.js';
import type { SnackCounts } from './snack-recovery.js';

export type { DiscoveredTarget } from './send-targets.js';
export type { SessionOptions } from './session-options.js';

export interface RequestOptions {
  readonly immediate?: boolean;
  readonly timeoutMs?: number;
  /** The connection to use; any of the session's unless told. */
  readonly cid?: number;
}

/** What may differ between the connections of one session. */
export type ConnectionOptions = Partial<
  Pick<LoginOptions, 'host' | 'port' | 'cid' | 'digests' | 'chap' | 'security' | 'offers' | 'loginMsMax' | 'connectMsMax'>
>;

/** One connection of a session, as a user sees it. */
export interface ConnectionInfo {
  readonly cid: number;
  readonly negotiated: NegotiatedKeys;
  readonly localPort: number;
  readonly expStatSN: number;
  /** Null at ErrorRecoveryLevel 0. */
  readonly snackCounts: SnackCounts | null;
}

export interface LogoutOptions {
  /** The connection that is meant by the reasons that mean one: the first unless told. */
  readonly cid?: number;
  /** The connection that the request is sent on: the one that is meant, or the first. */
  readonly over?: number;
}

const CID_MAX = 0xffff;

/**
 * An iSCSI session with a promise for every request: the initiator for tests and scripts. One connection or several, with
 * whatever recovery was negotiated. Every rule that the target must keep is checked; the first violation ends the session,
 * and everything that waits rejects with it.
 */
export class Session {
  readonly #core: SessionCore;
  #logout: Promise<LogoutResponsePdu> | null = null;

  private constructor(core: SessionCore) {
    this.#core = core;
  }

  /**
   * Connects and logs in; follows redirections. Rejects with `LoginError` when the target refuses, `TargetViolation` when it
   * breaks the protocol, `InitiatorError` (`CONNECT_FAILED`, `CONNECT_TIMEOUT`, `LOGIN_TIMEOUT`, `CONNECTION_CLOSED`,
   * `ARGUMENT_INVALID`, `AUTHENTICATION_FAILED`, `ADDRESS_INVALID`) otherwise.
   */
  static async login(options: SessionOptions): Promise<Session> {
    let core: SessionCore | null = null;
    await connectAndLogin(options, (wire, login, checks) => {
      core = new SessionCore(options, login, checks);
      return core.adopt(wire, login);
    });
    assert(core !== null, 'a login that succeeds has made its session');
    return new Session(core);
  }

  /** The login of the first connection; of the latest one when the session was made anew. */
  get login(): LoginResult {
    return this.#core.login;
  }

  get negotiated(): NegotiatedKeys {
    return this.#core.connections[0]?.negotiated ?? this.#core.login.negotiated;
  }

  get isClosed(): boolean {
    return this.#core.closeCause !== null;
  }

  /** Why the session is over, or null while it is not. */
  get closeCause(): InitiatorError | null {
    return this.#core.closeCause;
  }

  /** What the target did against the rules that `tolerate` names; the first message of each. */
  get toleratedViolations(): ReadonlyMap<CheckName, string> {
    return this.#core.checks.toleratedMessages;
  }

  /** Where the command window stands, and StatSN of the first connection. RFC 7143 §4.2.2.1. */
  get window(): { readonly cmdSN: number; readonly expCmdSN: number; readonly maxCmdSN: number; readonly expStatSN: number } {
    const { cmdSN, expCmdSN, maxCmdSN } = this.#core.window;
    return { cmdSN, expCmdSN, maxCmdSN, expStatSN: this.#core.connections[0]?.numbers.expStatSN ?? 0 };
  }

  /** Requests that wait for the command window or for a connection. */
  get waitingCount(): number {
    return this.#core.waitingCount;
  }

  // --- Connections -------------------------------------------------------------------------------------------------

  get connections(): ConnectionInfo[] {
    return this.#core.connections.map(({ cid, negotiated, wire, numbers, recovery }) => ({
      cid,
      negotiated,
      localPort: wire.localPort,
      expStatSN: numbers.expStatSN,
      snackCounts: recovery === null ? null : { ...recovery.counts },
    }));
  }

  /**
   * Adds a connection to the session and answers its CID. Requests are spread over all connections unless they name one.
   * Rejects as `login` does, and with `QUEUE_FULL` when the session has as many as were negotiated. RFC 7143 §6.3.3.
   */
  async addConnection(options: ConnectionOptions = {}): Promise<number> {
    const core = this.#core;
    this.#checkOpen();
    const countMax = Math.min(core.login.negotiated.maxConnections, initiatorLimits.connectionCountMax);
    if (core.connections.length >= countMax) throw new InitiatorError('QUEUE_FULL', `the session has the ${countMax} connections that were agreed on`);
    const { isid, tsih, lastingAddress, negotiated: sessionKeys } = core.login;
    const cid = options.cid ?? this.#freeCid();
    const { cmdSN } = core.window;
    const login = { ...core.options, ...lastingAddress, ...options, isid, tsih, cid, cmdSN, sessionKeys };
    await connectAndLogin(login, (wire, result) => core.adopt(wire, result), core.checks);
    core.pump();
    return cid;
  }

  #freeCid(): number {
    for (let cid = 0; cid <= CID_MAX; cid++) if (this.#core.find(cid) === null && !this.#core.recovery.isRecovering(cid)) return cid;
    throw new InitiatorError('QUEUE_FULL', 'every CID is taken');
  }

  /** Declares another MaxRecvDataSegmentLength for a connection, the first unless told. RFC 7143 §13.12. */
  async renegotiate(keys: { readonly maxRecvDataSegmentLength: number }, options: { readonly cid?: number } = {}): Promise<NegotiatedKeys> {
    return renegotiate(this.#core, this.#connection(options.cid), keys.maxRecvDataSegmentLength);
  }

  /** Throws `ARGUMENT_INVALID` when there is no such connection, `SESSION_CLOSED` when there is none at all. */
  #connection(cid: number | undefined): SessionConnection {
    this.#checkOpen();
    const connection = cid === undefined ? this.#core.connections[0] : this.#core.find(cid);
    if (connection === undefined || connection === null) throw new InitiatorError('ARGUMENT_INVALID', `the session has no connection ${cid ?? ''}`);
    return connection;
  }

  #checkOpen(): void {
    const { closeCause, isLoggedOut } = this.#core;
    if (closeCause !== null || isLoggedOut) throw new InitiatorError('SESSION_CLOSED', 'the session is closed', { cause: closeCause });
  }

  // --- Requests ----------------------------------------------------------------------------------------------------

  /**
   * Runs one SCSI command; any status is a result. Rejects with `InitiatorError` `COMMAND_TIMEOUT`, `COMMAND_ABORTED`,
   * `TARGET_FAILURE`, `PDU_REJECTED`, `TARGET_VIOLATION`, `DATA_LOST` or `SESSION_CLOSED`, and with `ConnectionLostError`
   * (`CONNECTION_CLOSED`), which tells whether making it again is safe.
   */
  async command(options: CommandOptions): Promise<CommandResult> {
    return this.submit(options).result;
  }

  /** As `command`, and answers at once with what task management can refer to. Throws `ARGUMENT_INVALID`, `QUEUE_FULL`, `SESSION_CLOSED`. */
  submit(options: CommandOptions): PendingCommand {
    this.#checkCid(options.cid);
    const command = new CommandExchange(options);
    this.#core.start(command, options.timeoutMs);
    return command;
  }

  #checkCid(cid: number | undefined): void {
    if (cid !== undefined && !this.isClosed && !this.#core.recovery.isRecovering(cid)) this.#connection(cid);
  }

  /** Answers the response code, a `TaskManagementResponse` value. Commands that the function ended reject with `COMMAND_ABORTED`. */
  async taskManagement(options: TaskManagementOptions): Promise<number> {
    const exchange = new TaskManagementExchange(options);
    return this.#startOn(options.cid, exchange, options.timeoutMs).result;
  }

  #startOn<E extends TaskManagementExchange | PingExchange | TextExchange>(cid: number | undefined, exchange: E, timeoutMs: number | undefined): E {
    this.#checkCid(cid);
    exchange.pinnedCid = cid ?? null;
    return this.#core.start(exchange, timeoutMs);
  }

  /** ABORT TASK. One that was not sent yet is just forgotten. */
  async abortTask(command: PendingCommand): Promise<number> {
    if (!command.isSent) {
      assert(command instanceof CommandExchange, 'a pending command comes from submit');
      this.#core.forget(command);
      command.fail(new InitiatorError('COMMAND_ABORTED', 'the command was aborted before it was sent'));
      return TaskManagementResponse.functionComplete;
    }
    return this.#onTask(TaskManagementFunction.abortTask, command);
  }

  /**
   * Ends a command that the target has said it does not have (`taskDoesNotExist`), as after a reset by somebody else: no answer comes any more. It rejects with
   * `COMMAND_ABORTED`; one that has ended stays as it is.
   */
  giveUp(command: PendingCommand): void {
    assert(command instanceof CommandExchange, 'a pending command comes from submit');
    this.#core.forget(command);
    if (!command.isSettled) command.fail(new InitiatorError('COMMAND_ABORTED', 'the target does not have the task any more'));
  }

  /** QUERY TASK: `functionSucceeded` when the target has the task, `functionComplete` when it has not. RFC 7144 §5.1. */
  async queryTask(command: PendingCommand): Promise<number> {
    return this.#onTask(TaskManagementFunction.queryTask, command);
  }

  /** A function about one task goes where the task went. RFC 7143 §11.5.1. */
  #onTask(code: number, command: PendingCommand): Promise<number> {
    assert(command instanceof CommandExchange, 'a pending command comes from submit');
    const { lun, initiatorTaskTag: referencedTaskTag, cmdSN: refCmdSN, cid } = command;
    const options = { function: code, lun, referencedTaskTag, refCmdSN };
    return this.taskManagement(cid === null ? options : { ...options, cid });
  }

  async abortTaskSet(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.abortTaskSet, lun });
  }

  async clearTaskSet(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.clearTaskSet, lun });
  }

  async clearAca(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.clearAca, lun });
  }

  async logicalUnitReset(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.logicalUnitReset, lun });
  }

  async targetWarmReset(): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.targetWarmReset });
  }

  /** The target closes every connection behind its answer. RFC 7143 §11.5.1. */
  async targetColdReset(): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.targetColdReset });
  }

  /** RFC 7144 §5.1; needs iSCSIProtocolLevel 2, as the other queries do. */
  async queryTaskSet(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.queryTaskSet, lun });
  }

  async itNexusReset(lun = 0): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.itNexusReset, lun });
  }

  async queryAsynchronousEvent(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.queryAsynchronousEvent, lun });
  }

  /** Sends a NOP-Out and answers the data that came back, which has been compared. */
  async ping(data: Uint8Array = Buffer.alloc(0), options: RequestOptions = {}): Promise<Buffer> {
    return this.#startOn(options.cid, new PingExchange(data, options.immediate ?? false), options.timeoutMs).result;
  }

  /** One text negotiation, however many PDUs it takes. RFC 7143 §11.10. */
  async text(pairs: Iterable<KeyValuePair>, options: RequestOptions = {}): Promise<KeyValuePair[]> {
    return this.#startOn(options.cid, new TextExchange(pairs, options.immediate ?? false), options.timeoutMs).result;
  }

  /** `All`, a target's name, or nothing for the target of this session: in a normal session a target may answer for itself only. RFC 7143 Appendix C. */
  async sendTargets(value = 'All'): Promise<DiscoveredTarget[]> {
    return discoveredTargets(await this.text([['SendTargets', value]]), this.#core.checks);
  }

  // --- The end -----------------------------------------------------------------------------------------------------

  /**
   * Logs out and waits until what was logged out is closed. `closeSession` ends the session, and what still runs rejects with
   * `SESSION_CLOSED`; so does the logout of its last connection. Answers the Logout Response. Rejects with `LOGOUT_REFUSED`.
   */
  async logout(reason: number = LogoutReason.closeSession, options: LogoutOptions = {}): Promise<void> {
    if (reason !== LogoutReason.closeSession) {
      await this.#logOut(reason, options);
      return;
    }
    // Asked for twice, by the target and by the user perhaps, it is still one.
    this.#logout ??= this.#logOut(reason, options);
    try {
      await this.#logout;
    } finally {
      if (!this.isClosed) this.#logout = null;
    }
  }

  async #logOut(reason: number, { cid = this.#core.connections[0]?.cid ?? 0, over }: LogoutOptions): Promise<LogoutResponsePdu> {
    const meant = reason === LogoutReason.removeConnectionForRecovery ? null : this.#core.find(cid);
    return logOut(this.#core, { reason, cid, over: this.#connection(over ?? meant?.cid) });
  }

  /** Closes without a logout: the sockets get a FIN. */
  destroy(): void {
    this.#core.end(new InitiatorError('SESSION_CLOSED', 'the session was destroyed from here'));
  }

  /** Closes without a logout and with TCP resets, as a crashed initiator looks. */
  reset(): void {
    for (const { wire } of this.#core.connections.slice()) wire.reset();
  }

  /** Breaks one connection, with a TCP reset, as a network does: to see what becomes of its tasks. */
  resetConnection(cid: number): void {
    this.#connection(cid).wire.reset();
  }

  /** Stops taking bytes from the sockets, to see how the target bears a reader that does not read. */
  pauseReading(): void {
    for (const { wire } of this.#core.connections) wire.pauseReading();
  }

  resumeReading(): void {
    for (const { wire } of this.#core.connections) wire.resumeReading();
  }
}
