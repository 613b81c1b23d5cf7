import { setTimeout as sleep } from 'node:timers/promises';
import { CpuProfiler } from '../dispatch/cpu-profiler.js';
import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';

export const PROFILE_INTERVAL_MICROS_DEFAULT = 1000;
/** V8 cannot take samples much faster, and below this a thread does little but be sampled. */
const INTERVAL_MICROS_MIN = 50;
const INTERVAL_MICROS_MAX = 1_000_000;

export interface ProfileOptions {
  readonly durationMs: number;
  /** Between two samples of one thread. */
  readonly intervalMicros: number;
}

export interface ThreadProfile {
  /** `main`, `worker-1`, `worker-2`, … */
  readonly thread: string;
  /** The text of a `.cpuprofile` file; null when the thread died, did not answer or cannot be profiled. */
  readonly cpuProfile: string | null;
}

export interface EngineProfile extends ProfileOptions {
  /** Commands that ended meanwhile, on all logical units. */
  readonly commandCount: number;
  readonly threads: readonly ThreadProfile[];
}

/** What the profiler needs of a running engine. */
export interface ProfiledEngine {
  readonly limits: Limits;
  /** All that ended since the start. */
  commandCount(): number;
  startProfiles(intervalMicros: number): void;
  /** One for each worker; never rejects. */
  stopProfiles(): Promise<readonly (string | null)[]>;
}

/** Takes CPU profiles of the main thread and of every worker at once while they run. Costs nothing at other times. */
export class EngineProfiler {
  readonly #engine: ProfiledEngine;
  #cancellation: AbortController | null = null;

  constructor(engine: ProfiledEngine) {
    this.#engine = engine;
  }

  /**
   * Resolves after `durationMs`, or sooner after `cancel` or once `gone` is aborted, with what was seen until then. Rejects with `TargetError` `PROFILE_BUSY`
   * while another profile is taken, `PROFILE_OPTIONS` and `PROFILE_UNAVAILABLE`.
   */
  async take({ durationMs, intervalMicros }: ProfileOptions, gone?: AbortSignal): Promise<EngineProfile> {
    if (this.#cancellation !== null) throw new TargetError('PROFILE_BUSY', 'another profile is being taken');
    this.#check({ durationMs, intervalMicros });
    const engine = this.#engine;
    const cancellation = new AbortController();
    const main = new CpuProfiler(intervalMicros);
    this.#cancellation = cancellation;
    const commandCountBefore = engine.commandCount();
    const startedMs = performance.now();
    try {
      engine.startProfiles(intervalMicros);
      const signal = gone === undefined ? cancellation.signal : AbortSignal.any([cancellation.signal, gone]);
      await sleep(durationMs, undefined, { signal }).catch(() => undefined);
      // The workers hear of it first, for main to end its own profile while they end theirs.
      const workerAnswers = engine.stopProfiles();
      const commandCount = engine.commandCount() - commandCountBefore;
      const takenMs = Math.round(performance.now() - startedMs);
      const threads: ThreadProfile[] = [{ thread: 'main', cpuProfile: main.stop() }];
      for (const [at, cpuProfile] of (await workerAnswers).entries()) threads.push({ thread: `worker-${at + 1}`, cpuProfile });
      return { durationMs: takenMs, intervalMicros, commandCount, threads };
    } finally {
      this.#cancellation = null;
    }
  }

  /** Ends a profile that is being taken, for an engine that stops. */
  cancel(): void {
    this.#cancellation?.abort();
  }

  #check({ durationMs, intervalMicros }: ProfileOptions): void {
    const { profileSampleCountMax } = this.#engine.limits;
    if (!Number.isInteger(intervalMicros) || intervalMicros < INTERVAL_MICROS_MIN || intervalMicros > INTERVAL_MICROS_MAX) {
      throw new TargetError('PROFILE_OPTIONS', `the interval must be ${INTERVAL_MICROS_MIN} to ${INTERVAL_MICROS_MAX} microseconds, not ${intervalMicros}`);
    }
    const durationMsMax = Math.floor((profileSampleCountMax * intervalMicros) / 1000);
    if (!(durationMs >= 1 && durationMs <= durationMsMax)) {
      const text = `a profile with a sample each ${intervalMicros} µs takes 1 to ${durationMsMax} ms, not ${durationMs} (limit profileSampleCountMax)`;
      throw new TargetError('PROFILE_OPTIONS', text);
    }
  }
}
