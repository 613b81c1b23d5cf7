import type { Summary } from '../compare/statistics.js';

/** One thing that is measured. */
export interface MicroCase {
  /** `group/what`, as `--only` finds it. */
  readonly name: string;
  readonly title: string;
  /** Bytes that one operation goes through, where a rate says more. */
  readonly bytes?: number;
  /** Makes what the operation needs, on which no time is taken. */
  open(): OpenCase | Promise<OpenCase>;
}

export interface OpenCase {
  /**
   * Does the operation `count` times in a loop of its own, so that nothing but it is compiled into the loop. Answers a number that
   * depends on every operation, so that the compiler leaves none out.
   */
  run(count: number): number;
  close?(): Promise<void>;
}

/** Nanoseconds an operation. Samples are means of batches of some hundred microseconds, so single hiccups show in `p99` only. */
export interface MicroResult {
  readonly name: string;
  readonly title: string;
  readonly bytes: number | null;
  /** Operations in one batch. */
  readonly batchCount: number;
  readonly sampleCount: number;
  /** Of the medians of the rounds. */
  readonly ns: Summary;
  /** Medians over the rounds of these percentiles within a round. */
  readonly p75Ns: number;
  readonly p99Ns: number;
  /** Median of each round, to pair cases with each other. */
  readonly roundNs: readonly number[];
}
