import type { Clock } from '../../engine/clock.js';

interface Timer {
  readonly atMicros: number;
  readonly callback: () => void;
}

/** Far from zero, like the system's: code that takes 0 for "never" or "just now" shows itself. */
const START_MICROS = 5e12;

/** Time that stands still until a test moves it on. */
export class TestClock implements Clock {
  #micros = START_MICROS;
  #timers: Timer[] = [];

  nowMicros(): number {
    return this.#micros;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { atMicros: this.#micros + delayMs * 1000, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on and calls what has become due, in the order of the due times. */
  advance(ms: number): void {
    const until = this.#micros + ms * 1000;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMicros <= until).sort((a, b) => a.atMicros - b.atMicros)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#micros = due.atMicros;
      due.callback();
    }
    this.#micros = until;
  }
}
