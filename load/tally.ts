import { LatencyHistogram, quantileOf } from '../engine/shm/latency-histogram.js';
import type { Phase } from './step-source.js';

const TENTHS_A_MICRO = 10;

/** Times of commands from the call that sent them to the one that completed them, in microseconds. */
export interface LatencyFigures {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Latencies of one kind of command: percentiles are known to 1/16 of their value, the maximum exactly. */
export class LatencyTally {
  readonly #histogram = new LatencyHistogram(new SharedArrayBuffer(LatencyHistogram.byteLength), 0);
  #maxMicros = 0;

  record(micros: number): void {
    this.#histogram.record(micros * TENTHS_A_MICRO);
    if (micros > this.#maxMicros) this.#maxMicros = micros;
  }

  figures(): LatencyFigures {
    const max = roundMicros(this.#maxMicros);
    const quantile = (share: number): number => Math.min(quantileOf(this.#histogram.counts, share) / TENTHS_A_MICRO, max);
    return { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max };
  }
}

function roundMicros(micros: number): number {
  return Math.round(micros * TENTHS_A_MICRO) / TENTHS_A_MICRO;
}

/** Commands, bytes and the time in which they were moved, at one moment. */
export interface TallySample {
  readonly commandCount: number;
  readonly bytes: number;
  readonly seconds: number;
}

export interface Rates extends TallySample {
  readonly bytesPerSecond: number;
  readonly operationsPerSecond: number;
}

/** What happened between two samples. A moment too short to be measured has no rates. */
export function ratesBetween(earlier: TallySample, later: TallySample): Rates {
  const commandCount = later.commandCount - earlier.commandCount;
  const bytes = later.bytes - earlier.bytes;
  const seconds = later.seconds - earlier.seconds;
  const perSecond = (count: number): number => (seconds > 0 ? count / seconds : 0);
  return { commandCount, bytes, seconds, bytesPerSecond: perSecond(bytes), operationsPerSecond: perSecond(commandCount) };
}

export const EMPTY_SAMPLE: TallySample = { commandCount: 0, bytes: 0, seconds: 0 };

/** One direction of a load. */
export class OperationTally {
  readonly latency = new LatencyTally();
  #commandCount = 0;
  #bytes = 0;
  #activeMicros = 0;
  /** Since when commands of this direction may be on their way; null between passes. */
  #activeSince: number | null = null;

  record(bytes: number, micros: number): void {
    this.#commandCount++;
    this.#bytes += bytes;
    this.latency.record(micros);
  }

  setActive(isActive: boolean, nowMicros: number): void {
    if (this.#activeSince !== null) this.#activeMicros += nowMicros - this.#activeSince;
    this.#activeSince = isActive ? nowMicros : null;
  }

  sample(nowMicros: number): TallySample {
    const open = this.#activeSince === null ? 0 : nowMicros - this.#activeSince;
    return { commandCount: this.#commandCount, bytes: this.#bytes, seconds: (this.#activeMicros + open) / 1e6 };
  }
}

/** Both directions of a load. While passes take turns, a direction's clock runs during its own passes only. */
export class LoadTally {
  readonly reads = new OperationTally();
  readonly writes = new OperationTally();

  startPhase(phase: Phase, nowMicros: number): void {
    this.reads.setActive(phase !== 'writes', nowMicros);
    this.writes.setActive(phase !== 'reads', nowMicros);
  }

  stop(nowMicros: number): void {
    this.reads.setActive(false, nowMicros);
    this.writes.setActive(false, nowMicros);
  }
}
