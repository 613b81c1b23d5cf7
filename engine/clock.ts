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

const ORIGIN_READING_COUNT = 8;

/**
 * `performance.now` starts at zero in each thread; the process-wide monotonic clock tells how far apart they are. A thread that is
 * interrupted between the two readings reads too great a distance of the earlier one, so that the least of several is the truest.
 */
function readThreadOriginMicros(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < ORIGIN_READING_COUNT; count++) {
    const localMicros = performance.now() * 1000;
    least = Math.min(least, Number(process.hrtime.bigint()) / 1000 - localMicros);
  }
  return least;
}

const threadOriginMicros = readThreadOriginMicros();

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
