import type { Clock } from '../engine/clock.js';
import { RESERVED_TAG } from '../engine/pdu/index.js';
import type { ConformanceChecks } from './checks.js';
import type { ConnectionNumbers } from './connection-numbers.js';
import { ConnectionLostError, InitiatorError } from './errors.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import { initiatorLimits } from './limits.js';
import type { SnackRecovery } from './snack-recovery.js';
import type { Wire } from './wire.js';

/** What an exchange needs of its connection to speak. */
export interface SessionChannel {
  readonly cid: number;
  readonly wire: Wire;
  readonly numbers: ConnectionNumbers;
  readonly negotiated: NegotiatedKeys;
  readonly checks: ConformanceChecks;
  /** Asks for what is missing; null at ErrorRecoveryLevel 0, where nothing can be asked for again. */
  readonly recovery: SnackRecovery | null;
  /** Sends a further request of an exchange as soon as the command window lets it. */
  transmitWhenOpen(exchange: Exchange): void;
}

/** One request and its answer: whatever occupies an Initiator Task Tag. */
export abstract class Exchange<T = unknown> {
  initiatorTaskTag: number = RESERVED_TAG;
  /** The CmdSN it was sent with; meaningful once `isSent`. */
  cmdSN = 0;
  isSent = false;
  isSettled = false;
  /** The connection it was sent on: all of it stays there. RFC 7143 §4.2.4.1. */
  channel: SessionChannel | null = null;
  /** The only connection that it may use; null for any. */
  pinnedCid: number | null = null;
  /** True when making it again does no harm, executed or not. */
  readonly isIdempotent: boolean = false;
  /** Sends it once more under the CmdSN that it has. RFC 7143 §7.2.1. */
  #keepsCmdSN = false;
  readonly immediate: boolean;
  readonly result: Promise<T>;
  /** Methods, not function properties: only so is an exchange of anything an `Exchange`. */
  #settler: { resolve(value: T): void; reject(error: InitiatorError): void } | null = null;
  #cancelTimer: () => void = () => {};

  /** What it is, for messages. */
  abstract readonly label: string;

  constructor(immediate: boolean) {
    this.immediate = immediate;
    this.result = new Promise((resolve, reject) => {
      this.#settler = { resolve, reject };
    });
    // A session that fails rejects everything at once; who did not wait for this one must not crash the process.
    this.result.catch(() => {});
  }

  /** Writes the request, or its next part. */
  abstract transmit(channel: SessionChannel): void;

  /** Sends it, on this connection. */
  send(channel: SessionChannel): void {
    this.isSent = true;
    this.channel = channel;
    this.transmit(channel);
  }

  /** Sends it once more with the CmdSN that it has, which the target lacks. RFC 7143 §7.2.1. */
  resend(channel: SessionChannel): void {
    this.#keepsCmdSN = true;
    this.send(channel);
    this.#keepsCmdSN = false;
  }

  /** The CmdSN to send now. */
  protected takeCmdSN(channel: SessionChannel): number {
    if (!this.#keepsCmdSN) this.cmdSN = channel.numbers.window.takeCmdSN(this.immediate);
    return this.cmdSN;
  }

  /** What its owner is told when the connection is gone. */
  lostWith(cause: InitiatorError): InitiatorError {
    if (cause.code !== 'CONNECTION_CLOSED' && cause.code !== 'RECOVERY_FAILED') return cause;
    return new ConnectionLostError(!this.isSent || this.isIdempotent, cause);
  }

  /** Rejects with `COMMAND_TIMEOUT` after `msMax`; the tag stays taken, as the answer may still come. */
  startTimer(clock: Clock, msMax: number, onTimeout: () => void): void {
    this.#cancelTimer = clock.after(msMax, () => {
      this.fail(new InitiatorError('COMMAND_TIMEOUT', `${this.label} was not answered within ${msMax} ms`));
      onTimeout();
    });
  }

  /** Ends it with an error; does nothing to one that has ended. */
  fail(error: InitiatorError): void {
    this.#settle();
    this.#settler?.reject(error);
  }

  protected complete(value: T): void {
    this.#settle();
    this.#settler?.resolve(value);
  }

  /** It has ended, one way or the other. */
  protected onSettled(): void {}

  #settle(): void {
    this.isSettled = true;
    this.#cancelTimer();
    this.onSettled();
  }
}

/** The exchanges of a session by Initiator Task Tag. */
export class ExchangeTable {
  readonly #byTag = new Map<number, Exchange>();
  #nextTag = 0;

  get count(): number {
    return this.#byTag.size;
  }

  /** Gives the exchange a tag of its own. Throws `QUEUE_FULL`. */
  add(exchange: Exchange): void {
    if (this.#byTag.size >= initiatorLimits.exchangeCountMax) {
      throw new InitiatorError('QUEUE_FULL', `${this.#byTag.size} requests are waiting already`);
    }
    do {
      this.#nextTag = this.#nextTag === RESERVED_TAG - 1 ? 0 : this.#nextTag + 1;
    } while (this.#byTag.has(this.#nextTag));
    exchange.initiatorTaskTag = this.#nextTag;
    this.#byTag.set(this.#nextTag, exchange);
  }

  get(initiatorTaskTag: number): Exchange | undefined {
    return this.#byTag.get(initiatorTaskTag);
  }

  remove(exchange: Exchange): void {
    this.#byTag.delete(exchange.initiatorTaskTag);
  }

  has(exchange: Exchange): boolean {
    return this.#byTag.get(exchange.initiatorTaskTag) === exchange;
  }

  values(): Exchange[] {
    return [...this.#byTag.values()];
  }

  failAll(error: InitiatorError): void {
    for (const exchange of this.values()) if (!exchange.isSettled) exchange.fail(exchange.lostWith(error));
    this.#byTag.clear();
  }
}
