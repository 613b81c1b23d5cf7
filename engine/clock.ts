import { performance } from 'node:perf_hooks';

/**
 * Time and timers, injected so that a seeded simulator can replay any schedule.
 */
export interface Clock {
  /** Monotonic time in microseconds with a fraction, the same on every thread. */
  nowMicros(): number;
  /** Calls `callback` once after `delayMs`; answers a function that cancels it. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

/** `performance.now` starts at zero in each thread; the process-wide monotonic clock tells how far apart they are. */
const threadOriginMicros = Number(process.hrtime.bigint()) / 1000 - performance.now() * 1000;

/** The system's time in microseconds: cheap enough for several stamps a command. */
export function nowMicros(): number {
  return performance.now() * 1000 + threadOriginMicros;
}

export const systemClock: Clock = {
  nowMicros,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
