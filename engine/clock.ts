/**
 * Time and timers, injected so that a seeded simulator can replay any schedule.
 */
export interface Clock {
  /** Monotonic time in microseconds with a fraction. */
  nowMicros(): number;
  /** Calls `callback` once after `delayMs`; answers a function that cancels it. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  nowMicros: () => performance.now() * 1000,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
