/** What a hop to a worker costs about as much as; microseconds (docs/scaling.md, docs/performance.md). */
const HOP_MICROS = 40;
/** Credit that has to be earned before commands run on the main thread: about thirty fast ones in a row. */
const INLINE_CREDIT_MICROS = 1000;
/** No more of a good past counts than this, so that a device that becomes slow is noticed soon. */
const CREDIT_MICROS_MAX = 5000;
/** And no more of a bad one: after it some thousand fast commands are needed. */
const CREDIT_MICROS_MIN = -50_000;

/**
 * Whether the calls of a store that can block really do: each command adds what running it on the main thread saves, a hop to a worker, and takes
 * away the time it took. A file in the page cache earns its way to the main thread within some thirty commands; one that
 * waits for a device stays with the workers, where it waits beside others.
 */
export class ServicePace {
  #creditMicros = 0;
  #isFast = false;

  /** True while running the commands inline costs less than handing them over. */
  get isFast(): boolean {
    return this.#isFast;
  }

  /** A command took `serviceMicros` from its start to its end, on whatever thread. */
  observe(serviceMicros: number): void {
    const credit = Math.max(CREDIT_MICROS_MIN, Math.min(CREDIT_MICROS_MAX, this.#creditMicros + HOP_MICROS - serviceMicros));
    this.#creditMicros = credit;
    if (credit <= 0) this.#isFast = false;
    else if (credit >= INLINE_CREDIT_MICROS) this.#isFast = true;
  }
}
