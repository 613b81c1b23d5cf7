import { type Clock, systemClock } from '../engine/clock.js';
import type { AsyncMessagePdu } from '../engine/pdu/index.js';
import { AsyncMessageActions } from './async-message-actions.js';
import type { ConformanceChecks } from './checks.js';
import { CommandRetry } from './command-retry.js';
import { InitiatorError } from './errors.js';
import { type Exchange, ExchangeTable } from './exchange.js';
import { initiatorLimits } from './limits.js';
import type { LoginResult } from './login.js';
import { type ConnectionOwner, SessionConnection } from './session-connection.js';
import { CommandWindow } from './session-numbers.js';
import type { SessionOptions } from './session-options.js';
import type { SessionEvents } from './session-receiver.js';
import { SessionRecovery } from './session-recovery.js';
import type { Wire, WireReceiver } from './wire.js';

/**
 * The part of a session that its owner does not see: its connections, the command window and tags that they share, what
 * waits for the window, and what becomes of it all when a connection goes away. RFC 7143 §4.2.4, §7.
 */
export class SessionCore implements ConnectionOwner {
  readonly options: SessionOptions;
  readonly checks: ConformanceChecks;
  readonly events: SessionEvents;
  readonly clock: Clock;
  readonly exchanges = new ExchangeTable();
  readonly recovery: SessionRecovery;
  readonly #asyncActions: AsyncMessageActions;
  readonly #retry: CommandRetry;
  /** Those in the full-feature phase, the oldest first. */
  readonly connections: SessionConnection[] = [];
  /** Of the login that made the session, or that made it anew. */
  login: LoginResult;
  window: CommandWindow;
  closeCause: InitiatorError | null = null;
  isLoggedOut = false;
  /** Requests that wait for the command window or a connection, in the order in which they were made. */
  readonly #waiting: Exchange[] = [];
  readonly #closeWaiters: (() => void)[] = [];
  #turn = 0;

  constructor(options: SessionOptions, login: LoginResult, checks: ConformanceChecks) {
    this.options = options;
    this.login = login;
    this.checks = checks;
    this.clock = options.clock ?? systemClock;
    this.events = options.events ?? {};
    this.window = new CommandWindow(login, checks);
    this.recovery = new SessionRecovery(this);
    this.#asyncActions = new AsyncMessageActions(this);
    this.#retry = new CommandRetry(this);
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  // --- Connections -------------------------------------------------------------------------------------------------

  /** Takes in a connection that has just logged in; answers who gets what comes on it. Throws `SESSION_CLOSED`. */
  adopt(wire: Wire, login: LoginResult): WireReceiver {
    if (this.closeCause !== null) throw this.closeCause;
    const connection = new SessionConnection(wire, login, this);
    this.connections.push(connection);
    if (this.connections.length > 1 || login.negotiated.errorRecoveryLevel > 0) this.window.mayRegress = true;
    this.window.takeWindow(login.expCmdSN, login.maxCmdSN);
    return connection.receiver;
  }

  /** The session begins anew: its numbers and what it agreed on come from this login. */
  restart(login: LoginResult): void {
    this.login = login;
    this.window = new CommandWindow(login, this.checks);
  }

  find(cid: number): SessionConnection | null {
    return this.connections.find((connection) => connection.cid === cid) ?? null;
  }

  /** Which connection takes the request: the one it is bound to, or each in turn; null when there is none just now. */
  #pick(exchange: Exchange): SessionConnection | null {
    const { connections } = this;
    if (exchange.pinnedCid !== null) {
      const pinned = this.find(exchange.pinnedCid);
      return pinned !== null && !pinned.isLeaving && !pinned.wire.isClosed ? pinned : null;
    }
    for (let i = 0; i < connections.length; i++) {
      this.#turn = (this.#turn + 1) % connections.length;
      const connection = connections[this.#turn];
      if (connection?.isUsable) return connection;
    }
    return null;
  }

  // --- Requests ----------------------------------------------------------------------------------------------------

  /** Gives the request a tag and sends it as soon as the window lets it. Throws `SESSION_CLOSED`, `QUEUE_FULL`. */
  start<E extends Exchange>(exchange: E, timeoutMs = this.options.commandMsMax ?? initiatorLimits.commandMsMax): E {
    if (this.closeCause !== null || this.isLoggedOut) throw new InitiatorError('SESSION_CLOSED', 'the session is closed', { cause: this.closeCause });
    this.exchanges.add(exchange);
    if (timeoutMs > 0) {
      exchange.startTimer(this.clock, timeoutMs, () => {
        if (!exchange.isSent) this.forget(exchange);
      });
    }
    this.enqueue(exchange);
    return exchange;
  }

  enqueue(exchange: Exchange): void {
    // Immediate requests stand outside the window (RFC 7143 §4.2.2.1).
    const connection = exchange.immediate ? this.#pick(exchange) : null;
    if (connection !== null) {
      exchange.send(connection);
      return;
    }
    this.#waiting.push(exchange);
    this.pump();
  }

  /** Puts requests before all that wait, in this order. */
  enqueueFirst(exchanges: readonly Exchange[]): void {
    this.#waiting.unshift(...exchanges);
  }

  pump(): void {
    while (this.#waiting.length > 0) {
      const exchange = this.#waiting[0] as Exchange;
      if (!exchange.immediate && !this.window.isWindowOpen) return;
      const connection = this.#pick(exchange);
      if (connection === null) {
        const { pinnedCid } = exchange;
        if (pinnedCid === null || this.recovery.isRecovering(pinnedCid)) return;
        this.#fail(exchange, new InitiatorError('CONNECTION_CLOSED', `connection ${pinnedCid} is gone`));
        continue;
      }
      this.#waiting.shift();
      exchange.send(connection);
      if (connection.recovery !== null) this.#retry.watch();
    }
  }

  #fail(exchange: Exchange, cause: InitiatorError): void {
    this.forget(exchange);
    exchange.fail(exchange.lostWith(cause));
  }

  forget(exchange: Exchange): void {
    const index = this.#waiting.indexOf(exchange);
    if (index !== -1) this.#waiting.splice(index, 1);
    this.exchanges.remove(exchange);
  }

  // --- What happens to connections ---------------------------------------------------------------------------------

  onAsyncMessage(connection: SessionConnection, message: AsyncMessagePdu): void {
    this.#asyncActions.take(connection, message);
  }

  onConnectionClosed(connection: SessionConnection, cause: InitiatorError): void {
    const index = this.connections.indexOf(connection);
    if (index !== -1) this.connections.splice(index, 1);
    if (this.closeCause !== null) return;
    if (!connection.isLeaving && !this.isLoggedOut) {
      this.recovery.onConnectionLost(connection, cause);
      return;
    }
    for (const exchange of connection.outstanding()) this.#fail(exchange, new InitiatorError('SESSION_CLOSED', 'its connection was logged out', { cause }));
    if (this.connections.length === 0 && !this.recovery.isBusy) this.end(cause);
    else this.pump();
  }

  /** The session is over, for good. */
  end(cause: InitiatorError): void {
    if (this.closeCause !== null) return;
    this.closeCause = this.isLoggedOut ? new InitiatorError('SESSION_CLOSED', 'the session was logged out', { cause }) : cause;
    this.recovery.stop();
    this.#asyncActions.stop();
    this.#retry.stop();
    for (const connection of this.connections.slice()) connection.leave(this.closeCause);
    this.#waiting.length = 0;
    this.exchanges.failAll(this.closeCause);
    for (const resolve of this.#closeWaiters.splice(0)) resolve();
    this.events.onClosed?.(this.closeCause);
  }

  async waitForClose(): Promise<void> {
    if (this.closeCause !== null) return;
    const cancel = this.clock.after(initiatorLimits.logoutMsMax, () => {
      for (const connection of this.connections.slice()) connection.wire.destroy();
    });
    await new Promise<void>((resolve) => this.#closeWaiters.push(resolve));
    cancel();
  }
}
