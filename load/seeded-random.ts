const WORD_RANGE = 2 ** 32;

/** Numbers from a seed: the same seed asks for the same blocks in the same order. Mulberry32, cheap enough for every command. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring streams.
    this.#state = Math.imul(seed ^ (seed / WORD_RANGE), 0x9e3779b1) >>> 0;
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to `count - 1`, for counts from 1 to 2^53. */
  below(count: number): number {
    if (count <= WORD_RANGE) return Math.floor((this.uint32() / WORD_RANGE) * count);
    const fraction = ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
    return Math.min(Math.floor(fraction * count), count - 1);
  }
}

/** Spreads the bits of three words over one: neighbours in any of them end up far apart. */
export function mixWords(a: number, b: number, c: number): number {
  let mixed = Math.imul(a ^ 0x85ebca6b, 0xcc9e2d51);
  mixed = Math.imul((mixed ^ (mixed >>> 15)) + b, 0x1b873593);
  mixed = Math.imul((mixed ^ (mixed >>> 13)) + c, 0x9e3779b1);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
