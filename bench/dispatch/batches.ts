import { nowMicros } from '../../engine/clock.js';
import { quantile } from '../compare/statistics.js';
import type { Operation } from './operations.js';
import type { Lane } from './stage.js';
import type { Variant } from './variants.js';

/** How commands come. */
export interface Arrival {
  readonly name: string;
  readonly title: string;
  /** Commands that come at once; the next ones come when all are done. */
  readonly depth: number;
  /** Quiet time before each batch, after which a worker sleeps. */
  readonly pauseMicros: number;
}

/** Well above `pollMicrosMax`: an initiator that has one command outstanding leaves longer gaps. */
const PAUSE_MICROS = 100;

export const arrivals: readonly Arrival[] = [
  { name: '1-paused', title: `1 outstanding, ${PAUSE_MICROS} µs apart`, depth: 1, pauseMicros: PAUSE_MICROS },
  { name: '1', title: '1 outstanding', depth: 1, pauseMicros: 0 },
  { name: '8', title: '8 outstanding', depth: 8, pauseMicros: 0 },
  { name: '32', title: '32 outstanding', depth: 32, pauseMicros: 0 },
];

export interface Load {
  readonly operation: Operation;
  readonly lengthBytes: number;
}

const BATCH_COUNT_MIN = 2;

/** Submits one command on each lane; resolves with the microseconds from the first submission to the last completion. */
export function runBatch(variant: Variant, lanes: readonly Lane[], { operation, lengthBytes }: Load): Promise<number> {
  return new Promise((resolve) => {
    let missing = lanes.length;
    const start = nowMicros();
    // Timed here and not where it is awaited, so that promises cost no variant anything.
    const whenDone = (): void => {
      if (--missing === 0) resolve(nowMicros() - start);
    };
    for (const lane of lanes) {
      lane.whenDone = whenDone;
      lane.prepare(operation, lengthBytes);
      variant.submit(lane);
    }
  });
}

/** Batch after batch for `ms`: the median microseconds a command, from submission to completion of its batch over the batch's size. */
export async function runSlice(variant: Variant, lanes: readonly Lane[], load: Load, pauseMicros: number, ms: number): Promise<number> {
  const samples: number[] = [];
  const until = nowMicros() + ms * 1000;
  while (samples.length < BATCH_COUNT_MIN || nowMicros() < until) {
    if (pauseMicros > 0) spin(pauseMicros);
    samples.push((await runBatch(variant, lanes, load)) / lanes.length);
  }
  samples.sort((a, b) => a - b);
  return quantile(samples, 0.5);
}

/** Keeps the thread busy: one that yields would find itself woken late, which is not what is measured. */
function spin(micros: number): void {
  const until = nowMicros() + micros;
  while (nowMicros() < until);
}

/** One batch whose answers are looked at. Throws `BENCH_RUN`. */
export async function checkBatch(variant: Variant, lanes: readonly Lane[], load: Load): Promise<void> {
  for (const lane of lanes) lane.clearAnswer();
  await runBatch(variant, lanes, load);
  for (const lane of lanes) lane.checkAnswer(load.operation, load.lengthBytes);
}
