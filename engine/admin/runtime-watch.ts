import { constants, type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';

const NANOS_PER_MICRO = 1000;
const DELAY_RESOLUTION_MS = 10;

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'scavenge',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'mark-sweep-compact',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
};

/** Pauses of one kind on the main thread, since the watch began. */
export interface GcPauses {
  count: number;
  sumMicros: number;
  maxMicros: number;
}

/** How late timers of the main thread ran, in microseconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The main thread's own pauses: garbage collection always, which costs nothing between collections, and the event loop while somebody looks. */
export class RuntimeWatch {
  readonly #pauses: Record<string, GcPauses> = {};
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.#count((entry as { detail?: { kind?: number } }).detail?.kind ?? 0, entry.duration * 1000);
  });
  /** One for each client that watches: each wants the time since it looked last. */
  readonly #delays = new Map<AbortSignal, IntervalHistogram>();

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Pauses by kind, since the start. */
  gcPauses(): Record<string, GcPauses> {
    return structuredClone(this.#pauses);
  }

  /** Time that the event loop worked and waited, since the start of the thread. */
  loopTime(): { readonly activeMicros: number; readonly idleMicros: number } {
    const { active, idle } = performance.eventLoopUtilization();
    return { activeMicros: active * 1000, idleMicros: idle * 1000 };
  }

  /** Delays since the client looked last; null the first time, when measuring begins for it. It ends when the client has gone. */
  loopDelay(clientGone: AbortSignal): LoopDelay | null {
    const watching = this.#delays.get(clientGone);
    if (watching === undefined) {
      if (!clientGone.aborted) this.#watch(clientGone);
      return null;
    }
    if (watching.count === 0) return null;
    // A timer of 10 ms is late by what it took longer than that.
    const late = (nanos: number): number => Math.max(0, nanos / NANOS_PER_MICRO - DELAY_RESOLUTION_MS * 1000);
    const delay = { p50: late(watching.percentile(50)), p99: late(watching.percentile(99)), max: late(watching.max) };
    watching.reset();
    return delay;
  }

  stop(): void {
    this.#observer.disconnect();
    for (const delay of this.#delays.values()) delay.disable();
    this.#delays.clear();
  }

  #watch(clientGone: AbortSignal): void {
    const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    delay.enable();
    this.#delays.set(clientGone, delay);
    clientGone.addEventListener(
      'abort',
      () => {
        delay.disable();
        this.#delays.delete(clientGone);
      },
      { once: true },
    );
  }

  #count(kind: number, micros: number): void {
    const name = GC_KINDS[kind] ?? 'other';
    this.#pauses[name] ??= { count: 0, sumMicros: 0, maxMicros: 0 };
    const pauses = this.#pauses[name];
    pauses.count++;
    pauses.sumMicros += micros;
    pauses.maxMicros = Math.max(pauses.maxMicros, micros);
  }
}
