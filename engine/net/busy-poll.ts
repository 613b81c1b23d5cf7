import type { Clock } from '../clock.js';

/**
 * Keeps the event loop from sleeping for a bounded time after the last chunk arrived, so that the next command of an initiator that waits for
 * each answer does not have to wake a thread (about 30 µs across cores). When nothing comes the loop sleeps as ever: an idle engine uses no CPU.
 */
export class BusyPoll {
  readonly #clock: Clock;
  readonly #durationMicros: number;
  #untilMicros = 0;
  #running = false;
  readonly #onImmediate = () => this.#turn();

  /** `durationMicros` 0 switches it off. */
  constructor(clock: Clock, durationMicros: number) {
    this.#clock = clock;
    this.#durationMicros = durationMicros;
  }

  /** A chunk arrived at `nowMicros`. */
  extend(nowMicros: number): void {
    if (this.#durationMicros === 0) return;
    this.#untilMicros = nowMicros + this.#durationMicros;
    if (this.#running) return;
    this.#running = true;
    setImmediate(this.#onImmediate);
  }

  #turn(): void {
    if (this.#clock.nowMicros() < this.#untilMicros) setImmediate(this.#onImmediate);
    else this.#running = false;
  }
}
