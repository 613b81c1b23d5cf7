import type { Clock } from '../engine/clock.js';
import { RESERVED_TAG } from '../engine/pdu/index.js';
import type { ConformanceChecks } from './checks.js';
import { InitiatorError } from './errors.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import { initiatorLimits } from './limits.js';
import type { SessionNumbers } from './session-numbers.js';
import type { Wire } from './wire.js';

/** What an exchange needs of its session to speak. */
export interface SessionChannel {
  readonly wire: Wire;
  readonly numbers: SessionNumbers;
  readonly negotiated: NegotiatedKeys;
  readonly checks: ConformanceChecks;
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

  /** Rejects with `COMMAND_TIMEOUT` after `msMax`; the tag stays taken, as the answer may still come. */
  startTimer(clock: Clock, msMax: number, onTimeout: () => void): void {
    this.#cancelTimer = clock.after(msMax, () => {
      this.fail(new InitiatorError('COMMAND_TIMEOUT', `${this.label} was not answered within ${msMax} ms`));
      onTimeout();
    });
  }

  fail(error: InitiatorError): void {
    this.#settle();
    this.#settler?.reject(error);
  }

  protected complete(value: T): void {
    this.#settle();
    this.#settler?.resolve(value);
  }

  #settle(): void {
    this.isSettled = true;
    this.#cancelTimer();
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
    for (const exchange of this.values()) if (!exchange.isSettled) exchange.fail(error);
    this.#byTag.clear();
  }
}
