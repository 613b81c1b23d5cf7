import { quantileOf } from '../shm/latency-histogram.js';
import { LATENCY_UNITS_PER_MICRO, type UnitMetrics } from './unit-metrics.js';

/** Counters since start; latencies of the commands since the last snapshot, in microseconds. */
export interface EngineSnapshot {
  readonly commandCount: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly sessionCount: number;
  readonly latencyMicros: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Sums what the logical units counted. */
export class EngineMetrics {
  #lastCounts: Float64Array | null = null;

  snapshot(units: readonly UnitMetrics[], sessionCount: number): EngineSnapshot {
    const totals = { commandCount: 0, readBytes: 0, writeBytes: 0 };
    let counts: Float64Array | null = null;
    for (const unit of units) {
      const counters = unit.read();
      totals.commandCount += counters.commandCount;
      totals.readBytes += counters.readBytes;
      totals.writeBytes += counters.writeBytes;
      const bins = unit.latency.counts;
      counts ??= new Float64Array(bins.length);
      for (let i = 0; i < bins.length; i++) counts[i] = (counts[i] as number) + (bins[i] as number);
    }
    const recent = this.#sinceLast(counts ?? new Float64Array(0));
    const micros = (quantile: number) => quantileOf(recent, quantile) / LATENCY_UNITS_PER_MICRO;
    return { ...totals, sessionCount, latencyMicros: { p50: micros(0.5), p99: micros(0.99), max: micros(1) } };
  }

  /** A unit that has gone takes its counts along. */
  #sinceLast(counts: Float64Array): Float64Array {
    const last = this.#lastCounts;
    this.#lastCounts = counts;
    return last === null ? counts : counts.map((count, i) => Math.max(0, count - (last[i] ?? 0)));
  }
}
