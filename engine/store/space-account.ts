/**
 * How many granules have space, counted by all threads together, and how many may.
 *
 * Space is taken before the bit of a granule is set, so the bound holds at every moment. What another thread has set in between is
 * given back; a thread that ends between the two steps loses what it took, at most one request.
 */
export class SpaceAccount {
  readonly #used: Int32Array;
  readonly granuleCountMax: number | null;

  constructor(memory: SharedArrayBuffer, granuleCountMax: number | null) {
    this.#used = new Int32Array(memory);
    this.granuleCountMax = granuleCountMax;
  }

  get usedCount(): number {
    return Atomics.load(this.#used, 0);
  }

  /** Takes all of `count` or nothing. */
  take(count: number): boolean {
    if (this.granuleCountMax === null) {
      Atomics.add(this.#used, 0, count);
      return true;
    }
    for (;;) {
      const used = Atomics.load(this.#used, 0);
      if (used + count > this.granuleCountMax) return false;
      if (Atomics.compareExchange(this.#used, 0, used, used + count) === used) return true;
    }
  }

  giveBack(count: number): void {
    Atomics.sub(this.#used, 0, count);
  }
}
