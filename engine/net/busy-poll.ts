import type { Clock } from '../clock.js';

/** Chunks in a row that came soon enough before the loop is kept awake for the next. */
const TRUST_TO_POLL = 8;
const TRUST_MAX = 16;
/** One that came too late costs as much trust as this many in time have earned. */
const LATE_COST = 4;

/**
 * Keeps the event loop from sleeping for a bounded time after a chunk was answered, so that the next command of an initiator that waits for
 * each answer does not have to wake a thread (about 30 µs across cores). It does so only while chunks keep coming within that time: an engine that is
 * idle, or asked now and then, sleeps and uses no CPU.
 */
export class BusyPoll {
  readonly #clock: Clock;
  readonly #durationMicros: number;
  /** False while this thread had better leave its core to another. */
  readonly #mayPoll: () => boolean;
  #trust = 0;
  #answeredMicros = Number.NEGATIVE_INFINITY;
  #running = false;
  readonly #onImmediate = () => this.#turn();

  /** `durationMicros` 0 switches it off. */
  constructor(clock: Clock, durationMicros: number, mayPoll: () => boolean = () => true) {
    this.#clock = clock;
    this.#durationMicros = durationMicros;
    this.#mayPoll = mayPoll;
  }

  /** A chunk arrived at `nowMicros`. */
  onArrived(nowMicros: number): void {
    if (nowMicros - this.#answeredMicros <= this.#durationMicros) this.#trust = Math.min(TRUST_MAX, this.#trust + 1);
    else this.#trust = Math.max(0, this.#trust - LATE_COST);
  }

  /** What could be answered of it has been. */
  onAnswered(): void {
    if (this.#durationMicros === 0) return;
    this.#answeredMicros = this.#clock.nowMicros();
    if (this.#running || this.#trust < TRUST_TO_POLL) return;
    this.#running = true;
    setImmediate(this.#onImmediate);
  }

  #turn(): void {
    if (this.#clock.nowMicros() - this.#answeredMicros < this.#durationMicros && this.#mayPoll()) setImmediate(this.#onImmediate);
    else this.#running = false;
  }
}
