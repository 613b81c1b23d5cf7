import type { LogPage } from './log-page.js';

/**
 * What LOG SELECT has made of the counters of a logical unit: how far each is from what was really counted, and its threshold. The counting itself is
 * that of the engine's metrics, which nobody resets.
 */
export class LogCounters {
  readonly #offsets = new Map<string, number>();
  readonly #thresholds = new Map<string, number>();

  /** The value to report of a counter that really stands at `count`. */
  read(page: LogPage, code: number, count: number): number {
    return Math.max(0, count + (this.#offsets.get(keyOf(page, code)) ?? 0));
  }

  set(page: LogPage, code: number, count: number, value: number): void {
    this.#offsets.set(keyOf(page, code), value - count);
  }

  /** The threshold, or null where there is none: then all bits of its field are set. */
  threshold(page: LogPage, code: number): number | null {
    return this.#thresholds.get(keyOf(page, code)) ?? null;
  }

  setThreshold(page: LogPage, code: number, value: number | null): void {
    if (value === null) this.#thresholds.delete(keyOf(page, code));
    else this.#thresholds.set(keyOf(page, code), value);
  }
}

function keyOf({ code: page, subpage }: LogPage, code: number): string {
  return `${page}/${subpage}/${code}`;
}
