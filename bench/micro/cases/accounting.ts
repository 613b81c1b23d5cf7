import { nowMicros } from '../../../engine/clock.js';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import { LatencyHistogram } from '../../../engine/shm/latency-histogram.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';
import type { MicroCase } from '../model.js';

/** Latencies of 8 to 520 µs, in the unit of the histogram. */
const tenthsOf = (i: number): number => 80 + ((i * 37) & 0x13ff);
const DATA_BYTES = 4096;

/** Names of the cases that the cost of stage accounting is put together from. */
export const AccountingCase = {
  stamp: 'accounting/stamp',
  recordCommand: 'accounting/record-command',
  recordStages: 'accounting/record-stages',
  recordDispatch: 'accounting/record-dispatch',
} as const;
/** A row as a command table has it. */
const READ_16 = { name: 'READ (16)', opcode: 0x88 };

export const accountingCases: readonly MicroCase[] = [
  {
    name: 'accounting/clock',
    title: 'read the clock',
    open: () => ({
      run(count) {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += nowMicros();
        return sum;
      },
    }),
  },
  {
    name: AccountingCase.stamp,
    title: 'read the clock and stamp a slot',
    open() {
      const slot = new SlotPool(1).acquire();
      return {
        run(count) {
          if (slot === null) return Number.NaN;
          for (let i = 0; i < count; i++) slot.completedAt = nowMicros();
          return slot.completedAt;
        },
      };
    },
  },
  {
    name: 'accounting/histogram-record',
    title: 'record one value in a histogram',
    open() {
      const histogram = new LatencyHistogram(new SharedArrayBuffer(LatencyHistogram.byteLength), 0);
      return {
        run(count) {
          for (let i = 0; i < count; i++) histogram.record(tenthsOf(i));
          return histogram.counts[100] as number;
        },
      };
    },
  },
  {
    name: AccountingCase.recordCommand,
    title: 'count a command that ended: counters and histogram',
    open() {
      const metrics = new UnitMetrics();
      return {
        run(count) {
          for (let i = 0; i < count; i++) metrics.recordCommand(tenthsOf(i) / 10, DATA_BYTES, 0, false);
          return metrics.read().commandCount;
        },
      };
    },
  },
  {
    name: AccountingCase.recordStages,
    title: 'count a command that ended: stages, and the slowest',
    open() {
      const metrics = new UnitMetrics();
      const slot = new SlotPool(1).acquire();
      return {
        run(count) {
          if (slot === null) return Number.NaN;
          slot.resetStamps();
          slot.orderedAt = 1;
          slot.dispatchedAt = 1;
          slot.startedAt = 1;
          for (let i = 0; i < count; i++) {
            // An inline command: executed in 2 µs and a few, flushed with those behind it.
            slot.executedAt = 3 + (i & 3);
            slot.completedAt = slot.executedAt;
            slot.flushedAt = tenthsOf(i) / 10;
            metrics.recordStages(READ_16, slot, DATA_BYTES, 0, false, '');
          }
          return metrics.commandStages.length;
        },
      };
    },
  },
  {
    name: AccountingCase.recordDispatch,
    title: 'count where a command runs',
    open() {
      const metrics = new UnitMetrics();
      return {
        run(count) {
          for (let i = 0; i < count; i++) metrics.recordDispatch(true);
          return metrics.read().inlineCount;
        },
      };
    },
  },
];
