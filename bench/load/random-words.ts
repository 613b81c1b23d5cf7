/** Xorshift32: a stream of 32-bit words from a seed, cheap enough to draw an address for every command. */
export class RandomWords {
  #state: number;

  constructor(seed: number) {
    // Zero would stay zero for ever.
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0 || 1;
  }

  next(): number {
    let word = this.#state;
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    this.#state = word >>> 0;
    return this.#state;
  }

  /** 0 to `count - 1`, for counts up to 2^32. */
  below(count: number): number {
    return Math.floor((this.next() / 2 ** 32) * count);
  }
}
