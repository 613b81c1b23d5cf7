import { type Clock, systemClock } from '../engine/clock.js';
import { assert } from '../engine/errors.js';
import { type KeyValuePair, LogoutReason, TaskManagementFunction, TaskManagementResponse } from '../engine/pdu/index.js';
import type { CheckName } from './checks.js';
import { CommandExchange, type CommandOptions, type CommandResult, type PendingCommand } from './command-exchange.js';
import { LogoutExchange, PingExchange, TaskManagementExchange, type TaskManagementOptions, TextExchange } from './control-exchanges.js';
import { InitiatorError } from './errors.js';
import { type Exchange, ExchangeTable, type SessionChannel } from './exchange.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import { initiatorLimits } from './limits.js';
import { connectAndLogin, type LoginOptions, type LoginResult } from './login.js';
import { SessionNumbers } from './session-numbers.js';
import { type SessionEvents, SessionReceiver } from './session-receiver.js';
import type { Wire } from './wire.js';

export interface SessionOptions extends LoginOptions {
  /** Time for the answer to one request, waiting for the window included; the default of every command. */
  readonly commandMsMax?: number;
  readonly events?: SessionEvents;
}

/** One target of a SendTargets answer. RFC 7143 Appendix C. */
export interface DiscoveredTarget {
  readonly targetName: string;
  /** `host:port,portalGroupTag`, as the target wrote them. */
  readonly targetAddresses: readonly string[];
}

export interface RequestOptions {
  readonly immediate?: boolean;
  readonly timeoutMs?: number;
}

/**
 * An iSCSI session of one connection with a promise for every request: the initiator for tests and scripts. Every rule that
 * the target must keep is checked; the first violation ends the session, and everything that waits rejects with it.
 */
export class Session {
  readonly login: LoginResult;
  readonly #wire: Wire;
  readonly #channel: SessionChannel;
  readonly #receiver: SessionReceiver;
  readonly #exchanges = new ExchangeTable();
  /** Requests that wait for the command window, in the order in which they were made. */
  readonly #waiting: Exchange[] = [];
  readonly #clock: Clock;
  readonly #commandMsMax: number;
  readonly #events: SessionEvents;
  #closeCause: InitiatorError | null = null;
  #isLoggedOut = false;
  readonly #closeWaiters: (() => void)[] = [];

  private constructor(wire: Wire, login: LoginResult, options: SessionOptions, checks: SessionChannel['checks']) {
    this.login = login;
    this.#wire = wire;
    this.#clock = options.clock ?? systemClock;
    this.#commandMsMax = options.commandMsMax ?? initiatorLimits.commandMsMax;
    this.#events = options.events ?? {};
    this.#channel = {
      wire,
      checks,
      negotiated: login.negotiated,
      numbers: new SessionNumbers(login, checks),
      transmitWhenOpen: (exchange) => this.#enqueue(exchange),
    };
    this.#receiver = new SessionReceiver(this.#channel, this.#exchanges, this.#events, {
      onTurnEnd: () => this.#pump(),
      onClosed: (cause) => this.#onClosed(cause),
    });
  }

  /**
   * Connects and logs in. Rejects with `LoginError` when the target refuses, `TargetViolation` when it breaks the protocol,
   * `InitiatorError` (`CONNECT_FAILED`, `CONNECT_TIMEOUT`, `LOGIN_TIMEOUT`, `CONNECTION_CLOSED`, `ARGUMENT_INVALID`) otherwise.
   */
  static async login(options: SessionOptions): Promise<Session> {
    let session: Session | null = null;
    await connectAndLogin(options, (wire, result, checks) => {
      session = new Session(wire, result, options, checks);
      return session.#receiver;
    });
    assert(session !== null, 'a login that succeeds has made its session');
    return session;
  }

  get negotiated(): NegotiatedKeys {
    return this.#channel.negotiated;
  }

  get isClosed(): boolean {
    return this.#closeCause !== null;
  }

  /** Why the session is over, or null while it is not. */
  get closeCause(): InitiatorError | null {
    return this.#closeCause;
  }

  /** What the target did against the rules that `tolerate` names; the first message of each. */
  get toleratedViolations(): ReadonlyMap<CheckName, string> {
    return this.#channel.checks.toleratedMessages;
  }

  /** Where the command window stands. RFC 7143 §4.2.2.1. */
  get window(): { readonly cmdSN: number; readonly expCmdSN: number; readonly maxCmdSN: number; readonly expStatSN: number } {
    const { cmdSN, expCmdSN, maxCmdSN, expStatSN } = this.#channel.numbers;
    return { cmdSN, expCmdSN, maxCmdSN, expStatSN };
  }

  /** Requests that wait for the command window. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /**
   * Runs one SCSI command; any status is a result. Rejects with `InitiatorError` `COMMAND_TIMEOUT`, `COMMAND_ABORTED`,
   * `TARGET_FAILURE`, `PDU_REJECTED`, `TARGET_VIOLATION`, `CONNECTION_CLOSED` or `SESSION_CLOSED`.
   */
  async command(options: CommandOptions): Promise<CommandResult> {
    return this.submit(options).result;
  }

  /** As `command`, and answers at once with what task management can refer to. Throws `ARGUMENT_INVALID`, `QUEUE_FULL`, `SESSION_CLOSED`. */
  submit(options: CommandOptions): PendingCommand {
    const command = new CommandExchange(options, this.#channel);
    this.#start(command, options.timeoutMs);
    return command;
  }

  /** Answers the response code, a `TaskManagementResponse` value. Commands that the function ended reject with `COMMAND_ABORTED`. */
  async taskManagement(options: TaskManagementOptions): Promise<number> {
    return this.#start(new TaskManagementExchange(options), options.timeoutMs).result;
  }

  /** ABORT TASK. One that was not sent yet is just forgotten. */
  async abortTask(command: PendingCommand): Promise<number> {
    assert(command instanceof CommandExchange, 'a pending command comes from submit');
    if (!command.isSent) {
      this.#forget(command);
      command.fail(new InitiatorError('COMMAND_ABORTED', 'the command was aborted before it was sent'));
      return TaskManagementResponse.functionComplete;
    }
    const { lun, initiatorTaskTag: referencedTaskTag, cmdSN: refCmdSN } = command;
    return this.taskManagement({ function: TaskManagementFunction.abortTask, lun, referencedTaskTag, refCmdSN });
  }

  async logicalUnitReset(lun: number): Promise<number> {
    return this.taskManagement({ function: TaskManagementFunction.logicalUnitReset, lun });
  }

  /** Sends a NOP-Out and answers the data that came back, which has been compared. */
  async ping(data: Uint8Array = Buffer.alloc(0), options: RequestOptions = {}): Promise<Buffer> {
    return this.#start(new PingExchange(data, options.immediate ?? false), options.timeoutMs).result;
  }

  /** One text negotiation. RFC 7143 §11.10. */
  async text(pairs: Iterable<KeyValuePair>, options: RequestOptions = {}): Promise<KeyValuePair[]> {
    return this.#start(new TextExchange(pairs, options.immediate ?? false), options.timeoutMs).result;
  }

  /** RFC 7143 Appendix C. In a normal session a target may answer for itself only. */
  async sendTargets(value = 'All'): Promise<DiscoveredTarget[]> {
    const targets: { targetName: string; targetAddresses: string[] }[] = [];
    for (const [key, text] of await this.text([['SendTargets', value]])) {
      if (key === 'TargetName') {
        targets.push({ targetName: text, targetAddresses: [] });
      } else if (key === 'TargetAddress') {
        const target = targets[targets.length - 1];
        if (target === undefined) this.#channel.checks.violation('textFormat', 'SendTargets is answered with an address before any name');
        target?.targetAddresses.push(text);
      }
    }
    return targets;
  }

  /** Logs out and waits until the connection is closed. What still runs rejects with `SESSION_CLOSED`. */
  async logout(reason: number = LogoutReason.closeSession): Promise<void> {
    const exchange = this.#start(new LogoutExchange(reason, this.login.cid), initiatorLimits.logoutMsMax);
    await exchange.result;
    this.#isLoggedOut = true;
    this.#wire.end();
    await this.#waitForClose();
  }

  /** Closes without a logout: the socket gets a FIN. */
  destroy(): void {
    this.#wire.destroy(new InitiatorError('SESSION_CLOSED', 'the session was destroyed from here'));
  }

  /** Closes without a logout and with a TCP reset, as a crashed initiator looks. */
  reset(): void {
    this.#wire.reset();
  }

  /** Stops taking bytes from the socket, to see how the target bears a reader that does not read. */
  pauseReading(): void {
    this.#wire.pauseReading();
  }

  resumeReading(): void {
    this.#wire.resumeReading();
  }

  #start<E extends Exchange>(exchange: E, timeoutMs = this.#commandMsMax): E {
    if (this.#closeCause !== null || this.#isLoggedOut) {
      throw new InitiatorError('SESSION_CLOSED', 'the session is closed', { cause: this.#closeCause });
    }
    this.#exchanges.add(exchange);
    exchange.startTimer(this.#clock, timeoutMs, () => {
      if (!exchange.isSent) this.#forget(exchange);
    });
    this.#enqueue(exchange);
    return exchange;
  }

  #enqueue(exchange: Exchange): void {
    // Immediate requests stand outside the window (RFC 7143 §4.2.2.1).
    if (exchange.immediate) {
      this.#transmit(exchange);
      return;
    }
    this.#waiting.push(exchange);
    this.#pump();
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#channel.numbers.isWindowOpen) {
      const exchange = this.#waiting.shift();
      if (exchange !== undefined) this.#transmit(exchange);
    }
  }

  #transmit(exchange: Exchange): void {
    exchange.isSent = true;
    exchange.transmit(this.#channel);
  }

  #forget(exchange: Exchange): void {
    const index = this.#waiting.indexOf(exchange);
    if (index !== -1) this.#waiting.splice(index, 1);
    this.#exchanges.remove(exchange);
  }

  async #waitForClose(): Promise<void> {
    if (this.#closeCause !== null) return;
    const cancel = this.#clock.after(initiatorLimits.logoutMsMax, () => this.#wire.destroy());
    await new Promise<void>((resolve) => this.#closeWaiters.push(resolve));
    cancel();
  }

  #onClosed(cause: InitiatorError): void {
    this.#closeCause = this.#isLoggedOut ? new InitiatorError('SESSION_CLOSED', 'the session was logged out', { cause }) : cause;
    this.#waiting.length = 0;
    this.#exchanges.failAll(this.#closeCause);
    for (const resolve of this.#closeWaiters.splice(0)) resolve();
    this.#events.onClosed?.(this.#closeCause);
  }
}
