import { type Clock, systemClock } from '../../../engine/clock.js';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import { InlinePath, type InlinePathOptions, PATH_DEPTH, SilentMetrics, stillClock } from '../inline-path.js';
import type { MicroCase } from '../model.js';

const LENGTH_BYTES = 4096;

/** Names of the cases that stage accounting is set against. */
export const PathCase = { read: 'path/read-4k', readWithoutAccounting: 'path/read-4k-no-accounting' } as const;

function open(operation: InlinePathOptions['operation'], clock: Clock, metrics: UnitMetrics): InlinePath {
  return new InlinePath({ operation, lengthBytes: LENGTH_BYTES, clock, metrics });
}

/** How often a command reads the clock with 32 of them outstanding, which share the stamp of the chunk that they came in. */
export function clockReadsPerCommand(): number {
  let readCount = 0;
  const counting: Clock = {
    ...systemClock,
    nowMicros() {
      readCount++;
      return systemClock.nowMicros();
    },
  };
  open('read', counting, new UnitMetrics()).run(PATH_DEPTH);
  return readCount / PATH_DEPTH;
}

export const pathCases: readonly MicroCase[] = [
  { name: PathCase.read, title: '4 KiB read through the engine, no socket', open: () => open('read', systemClock, new UnitMetrics()) },
  {
    name: PathCase.readWithoutAccounting,
    title: 'the same without stamps, counters and histogram',
    open: () => open('read', stillClock, new SilentMetrics()),
  },
  { name: 'path/write-4k', title: '4 KiB write through the engine, no socket', open: () => open('write', systemClock, new UnitMetrics()) },
];
