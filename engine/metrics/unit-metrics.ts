import { LatencyHistogram } from '../shm/latency-histogram.js';

/** Latencies are counted in tenths of a microsecond, so that one histogram reaches from 0.1 µs to 7 minutes. */
export const LATENCY_UNITS_PER_MICRO = 10;

const COUNTERS = { commandCount: 0, readBytes: 1, writeBytes: 2, checkConditionCount: 3, inlineCount: 4, ringCount: 5 } as const;
const COUNTER_SLOTS = 8;
export type UnitCounters = Record<keyof typeof COUNTERS, number>;

/** Counters and the latency histogram of one logical unit, in shared memory so that any thread can read them. */
export class UnitMetrics {
  readonly buffer: SharedArrayBuffer;
  readonly latency: LatencyHistogram;
  readonly #counters: Float64Array;

  constructor() {
    const counterBytes = COUNTER_SLOTS * Float64Array.BYTES_PER_ELEMENT;
    this.buffer = new SharedArrayBuffer(counterBytes + LatencyHistogram.byteLength);
    this.#counters = new Float64Array(this.buffer, 0, COUNTER_SLOTS);
    this.latency = new LatencyHistogram(this.buffer, counterBytes);
  }

  /** One command ended: its latency from the last byte of its header to its last byte handed to the kernel. */
  recordCommand(latencyMicros: number, readBytes: number, writeBytes: number, failed: boolean): void {
    const counters = this.#counters;
    counters[COUNTERS.commandCount] = (counters[COUNTERS.commandCount] as number) + 1;
    counters[COUNTERS.readBytes] = (counters[COUNTERS.readBytes] as number) + readBytes;
    counters[COUNTERS.writeBytes] = (counters[COUNTERS.writeBytes] as number) + writeBytes;
    if (failed) counters[COUNTERS.checkConditionCount] = (counters[COUNTERS.checkConditionCount] as number) + 1;
    this.latency.record(latencyMicros * LATENCY_UNITS_PER_MICRO);
  }

  recordDispatch(inline: boolean): void {
    const counter = inline ? COUNTERS.inlineCount : COUNTERS.ringCount;
    this.#counters[counter] = (this.#counters[counter] as number) + 1;
  }

  read(): UnitCounters {
    const values = {} as UnitCounters;
    for (const name of Object.keys(COUNTERS) as (keyof typeof COUNTERS)[]) values[name] = this.#counters[COUNTERS[name]] as number;
    return values;
  }
}
