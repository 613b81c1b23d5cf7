import { readFileSync } from 'node:fs';
import { nowMicros } from '../../engine/clock.js';

/** Run time of the reading thread in nanoseconds, time that it waited for a CPU, time slices. Documentation/scheduler/sched-stats. */
const SCHEDSTAT = '/proc/thread-self/schedstat';
const NS_PER_MICRO = 1000;
/** The kernel brings the figure up to date when the thread goes to sleep, else at its next tick, some milliseconds late. */
const NAP_MS = 0.05;

const nap = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

function readRunNanos(): number | null {
  try {
    const nanos = Number(readFileSync(SCHEDSTAT, 'utf8').split(' ')[0]);
    return nanos > 0 ? nanos : null;
  } catch {
    return null;
  }
}

/** False where the kernel does not tell: then time counts in which others had the CPU. */
export const hasThreadTime = readRunNanos() !== null;

/** Microseconds of CPU time that this thread has had, or the time of day where nobody tells. Only differences mean something. */
export function threadMicros(): number {
  if (!hasThreadTime) return nowMicros();
  Atomics.wait(nap, 0, 0, NAP_MS);
  return (readRunNanos() ?? 0) / NS_PER_MICRO;
}
