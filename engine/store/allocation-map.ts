/** Bits of one word. */
const WORD_BITS = 32;
const ALL = -1;

/**
 * One bit for each granule of a piece of memory, set where the granule has space. All threads see the same bits; ranges are of
 * granules, first and last.
 *
 * Loads need not be atomic: whoever may not miss a change holds the blocks of the range, and took hold of them by an atomic after
 * the change was made.
 */
export class AllocationMap {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Of the map of so many granules, in bytes. */
  static lengthBytes(granuleCount: number): number {
    return Math.ceil(granuleCount / WORD_BITS) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Whether all of the range has space. On the path of every write. */
  holdsAll(first: number, last: number): boolean {
    if (first === last) return this.has(first);
    const words = this.#words;
    for (let word = first >>> 5; word <= last >>> 5; word++) {
      const mask = maskOf(word, first, last);
      if (((words[word] as number) & mask) !== mask) return false;
    }
    return true;
  }

  countMissing(first: number, last: number): number {
    const words = this.#words;
    let count = 0;
    for (let word = first >>> 5; word <= last >>> 5; word++) count += bitCount(~(words[word] as number) & maskOf(word, first, last));
    return count;
  }

  /** Sets the range and answers how many of its bits this call has set: of two threads only one is told of a bit. */
  set(first: number, last: number): number {
    let count = 0;
    for (let word = first >>> 5; word <= last >>> 5; word++) {
      const mask = maskOf(word, first, last);
      count += bitCount(mask & ~Atomics.or(this.#words, word, mask));
    }
    return count;
  }

  /** Clears the range and answers how many of its bits this call has cleared. */
  clear(first: number, last: number): number {
    let count = 0;
    for (let word = first >>> 5; word <= last >>> 5; word++) {
      const mask = maskOf(word, first, last);
      count += bitCount(mask & Atomics.and(this.#words, word, ~mask));
    }
    return count;
  }

  has(granule: number): boolean {
    return (((this.#words[granule >>> 5] as number) >>> (granule & 31)) & 1) === 1;
  }

  /** The last granule up to `last` that is like `first` and all between: how far a stretch goes. */
  lastOfRun(first: number, last: number): number {
    const set = this.has(first);
    const whole = set ? ALL : 0;
    let granule = first;
    while (granule < last) {
      const next = granule + 1;
      if ((next & 31) === 0 && next + WORD_BITS - 1 <= last && this.#words[next >>> 5] === whole) granule += WORD_BITS;
      else if (this.has(next) === set) granule = next;
      else break;
    }
    return granule;
  }
}

/** The bits of a word that lie in the range. */
function maskOf(word: number, first: number, last: number): number {
  const from = word === first >>> 5 ? ALL << (first & 31) : ALL;
  const to = word === last >>> 5 ? ALL >>> (31 - (last & 31)) : ALL;
  return from & to;
}

function bitCount(bits: number): number {
  let rest = bits - ((bits >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
