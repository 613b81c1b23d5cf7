/** Numbers from a seed, so that a failing case can be run again: print the seed with the failure. */
export interface SeededRandom {
  /** 0 to 2^32 - 1. */
  uint32(): number;
  /** 0 to `count - 1`. */
  below(count: number): number;
  /** True half of the time. */
  boolean(): boolean;
  bytes(lengthBytes: number): Uint8Array;
}

/** Mulberry32: 32 bits of state, which is plenty to spread test values. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  function uint32(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  const below = (count: number) => Math.floor((uint32() / 2 ** 32) * count);
  return {
    uint32,
    below,
    boolean: () => uint32() >= 2 ** 31,
    bytes: (lengthBytes) => Uint8Array.from({ length: lengthBytes }, () => below(256)),
  };
}
