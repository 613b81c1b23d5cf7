import type { Clock } from '../engine/clock.js';
import type { AsyncMessagePdu } from '../engine/pdu/index.js';
import type { ConformanceChecks } from './checks.js';
import { ConnectionNumbers } from './connection-numbers.js';
import type { InitiatorError } from './errors.js';
import type { Exchange, ExchangeTable, SessionChannel } from './exchange.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import type { LoginResult } from './login.js';
import type { CommandWindow } from './session-numbers.js';
import { type SessionEvents, SessionReceiver } from './session-receiver.js';
import { SnackRecovery } from './snack-recovery.js';
import type { Wire } from './wire.js';

/** What a connection needs of its session. */
export interface ConnectionOwner {
  readonly window: CommandWindow;
  readonly checks: ConformanceChecks;
  readonly exchanges: ExchangeTable;
  readonly events: SessionEvents;
  readonly clock: Clock;
  enqueue(exchange: Exchange): void;
  pump(): void;
  onConnectionClosed(connection: SessionConnection, cause: InitiatorError): void;
  onAsyncMessage(connection: SessionConnection, message: AsyncMessagePdu): void;
}

/** One connection of a session in its full-feature phase: StatSN, digests and segment lengths are its own. RFC 7143 §4.2.2.2. */
export class SessionConnection implements SessionChannel {
  readonly login: LoginResult;
  readonly wire: Wire;
  readonly numbers: ConnectionNumbers;
  readonly checks: ConformanceChecks;
  readonly recovery: SnackRecovery | null;
  readonly receiver: SessionReceiver;
  /** Changes when the lengths of data segments are negotiated anew. */
  negotiated: NegotiatedKeys;
  /** No new requests: it is about to be logged out. */
  isDraining = false;
  /** Its logout was confirmed, or it is being left: that it closes is no surprise. */
  isLeaving = false;
  /** Resolves once the connection is closed. */
  readonly closed: Promise<void>;
  #onClosed: () => void = () => {};
  readonly #owner: ConnectionOwner;

  constructor(wire: Wire, login: LoginResult, owner: ConnectionOwner) {
    const { errorRecoveryLevel } = login.negotiated;
    this.login = login;
    this.wire = wire;
    this.negotiated = login.negotiated;
    this.checks = owner.checks;
    this.#owner = owner;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.numbers = new ConnectionNumbers(owner.window, login.expStatSN, owner.checks, errorRecoveryLevel, (run) => this.recovery?.requestStatus(run));
    this.recovery = errorRecoveryLevel === 0 ? null : new SnackRecovery(wire, this.numbers, owner.clock);
    this.receiver = new SessionReceiver(this, owner.exchanges, owner.events, {
      onTurnEnd: () => owner.pump(),
      onAsyncMessage: (message) => owner.onAsyncMessage(this, message),
      onClosed: (cause) => {
        this.recovery?.stop();
        this.#onClosed();
        owner.onConnectionClosed(this, cause);
      },
    });
  }

  get cid(): number {
    return this.login.cid;
  }

  get isUsable(): boolean {
    return !this.isDraining && !this.isLeaving && !this.wire.isClosed;
  }

  /** What was sent here and has not ended, in the order of CmdSN. */
  outstanding(): Exchange[] {
    const here = this.#owner.exchanges.values().filter((exchange) => exchange.isSent && exchange.channel === this);
    return here.sort((a, b) => (a.cmdSN - b.cmdSN) | 0);
  }

  /** The next part of an exchange goes where the first went. */
  transmitWhenOpen(exchange: Exchange): void {
    exchange.pinnedCid = this.cid;
    this.#owner.enqueue(exchange);
  }

  /** Closes it on purpose. */
  leave(cause: InitiatorError): void {
    this.isLeaving = true;
    this.wire.destroy(cause);
  }
}
