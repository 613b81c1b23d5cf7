import { BUCKET_COUNT, bucketOf, LatencyHistogram } from '../shm/latency-histogram.js';

/** Latencies are counted in tenths of a microsecond, so that one histogram reaches from 0.1 µs to 7 minutes. */
export const LATENCY_UNITS_PER_MICRO = 10;

/**
 * The stages of a command, in their order. Each lies between two stamps of its slot, and `total` spans them all:
 *
 *     received ─arrive─ ordered ─collect─ dispatched ─queue─ started ─execute─ executed ─return─ completed ─send─ flushed
 */
export const STAGES = ['arrive', 'collect', 'queue', 'execute', 'return', 'send', 'total'] as const;
export type Stage = (typeof STAGES)[number];
/** Of the stages: the one that is none of the others'. */
const TOTAL = STAGES.length - 1;
/** One more than there are stages between them. */
export const STAMP_COUNT = STAGES.length;

/** A command as it is counted: a row of a command table. */
export interface CountedCommand {
  readonly name: string;
  readonly opcode: number;
  readonly serviceAction?: number;
}

const COUNTERS = { count: 0, readBytes: 1, writeBytes: 2, failedCount: 3 } as const;
const COUNTER_SLOTS = 8;
export type CommandCounters = Record<keyof typeof COUNTERS, number>;

/** Counters and one histogram a stage, of one command on one logical unit, in shared memory. The main thread writes, any thread may read. */
export class CommandStages {
  static readonly byteLength = COUNTER_SLOTS * Float64Array.BYTES_PER_ELEMENT + STAGES.length * LatencyHistogram.byteLength;
  readonly buffer: SharedArrayBuffer;
  /** Null where commands are counted together that have no histograms of their own. */
  readonly command: CountedCommand | null;
  readonly #counters: Float64Array;
  /** One histogram after the other, in the order of the stages. */
  readonly #buckets: Float64Array;

  constructor(command: CountedCommand | null) {
    this.command = command;
    this.buffer = new SharedArrayBuffer(CommandStages.byteLength);
    this.#counters = new Float64Array(this.buffer, 0, COUNTER_SLOTS);
    this.#buckets = new Float64Array(this.buffer, COUNTER_SLOTS * Float64Array.BYTES_PER_ELEMENT, STAGES.length * BUCKET_COUNT);
  }

  /** One command ended; `stamps` are those of its slot, as `CommandSlot.copyStamps` orders them. */
  record(stamps: Float64Array, readBytes: number, writeBytes: number, failed: boolean): void {
    const counters = this.#counters;
    counters[COUNTERS.count] = (counters[COUNTERS.count] as number) + 1;
    counters[COUNTERS.readBytes] = (counters[COUNTERS.readBytes] as number) + readBytes;
    counters[COUNTERS.writeBytes] = (counters[COUNTERS.writeBytes] as number) + writeBytes;
    if (failed) counters[COUNTERS.failedCount] = (counters[COUNTERS.failedCount] as number) + 1;
    const buckets = this.#buckets;
    let from = stamps[0] as number;
    // A loop over one array: seven histogram objects cost four times as much, because the compiler gives up inlining them.
    for (let stage = 0; stage < TOTAL; stage++) {
      const to = stamps[stage + 1] as number;
      // Inline commands know no queue: a stage that took no time is left out here and added by the reader.
      if (to === from) continue;
      const bucket = stage * BUCKET_COUNT + bucketOf((to - from) * LATENCY_UNITS_PER_MICRO);
      buckets[bucket] = (buckets[bucket] as number) + 1;
      from = to;
    }
    const bucket = TOTAL * BUCKET_COUNT + bucketOf((from - (stamps[0] as number)) * LATENCY_UNITS_PER_MICRO);
    buckets[bucket] = (buckets[bucket] as number) + 1;
  }

  /** A copy of the counts of one stage, as `quantileOf` takes them. */
  countsOf(stage: Stage): Float64Array {
    const at = STAGES.indexOf(stage) * BUCKET_COUNT;
    const counts = this.#buckets.slice(at, at + BUCKET_COUNT);
    const recorded = counts.reduce((sum, count) => sum + count, 0);
    counts[0] = (counts[0] as number) + Math.max(0, (this.#counters[COUNTERS.count] as number) - recorded);
    return counts;
  }

  read(): CommandCounters {
    const values = {} as CommandCounters;
    for (const name of Object.keys(COUNTERS) as (keyof typeof COUNTERS)[]) values[name] = this.#counters[COUNTERS[name]] as number;
    return values;
  }
}
