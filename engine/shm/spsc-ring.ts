import { assert } from '../errors.js';
import { CACHE_LINE_BYTES } from './layout.js';

const WORD = 4;
const LINE_WORDS = CACHE_LINE_BYTES / WORD;
/** Word offsets: what the two sides write stands on different cache lines. */
const HEAD = 0;
const TAIL = LINE_WORDS;
const CONSUMER_SLEEPS = 2 * LINE_WORDS;
const ITEMS = 3 * LINE_WORDS;

/** What `pop` answers when the ring is empty. */
export const RING_EMPTY = -1;

/**
 * A single-producer single-consumer ring of non-negative 32-bit numbers in shared memory. The producer wakes the
 * consumer only when it sleeps, never once per item. Head and tail run free and are masked on use.
 */
export class SpscRing {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #mask: number;

  /** `capacity` must be a power of two; the region is `SpscRing.byteLength(capacity)` bytes long. */
  constructor(buffer: SharedArrayBuffer, byteOffset: number, capacity: number) {
    assert(capacity > 0 && (capacity & (capacity - 1)) === 0, 'ring capacity must be a power of two');
    this.capacity = capacity;
    this.#mask = capacity - 1;
    this.#words = new Int32Array(buffer, byteOffset, ITEMS + capacity);
  }

  static byteLength(capacity: number): number {
    return Math.ceil(((ITEMS + capacity) * WORD) / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
  }

  /** Producer. False when the ring is full. */
  push(value: number): boolean {
    const words = this.#words;
    const tail = words[TAIL] as number;
    if (((tail - Atomics.load(words, HEAD)) | 0) >= this.capacity) return false;
    words[ITEMS + (tail & this.#mask)] = value;
    Atomics.store(words, TAIL, (tail + 1) | 0);
    return true;
  }

  /** Producer, after `push`: wakes a sleeping consumer. Answers whether it had to. */
  wakeConsumer(): boolean {
    const words = this.#words;
    if (Atomics.load(words, CONSUMER_SLEEPS) === 0) return false;
    Atomics.store(words, CONSUMER_SLEEPS, 0);
    Atomics.notify(words, TAIL);
    return true;
  }

  /** Consumer. The next value, or `RING_EMPTY`. */
  pop(): number {
    const words = this.#words;
    const head = words[HEAD] as number;
    if (head === Atomics.load(words, TAIL)) return RING_EMPTY;
    const value = words[ITEMS + (head & this.#mask)] as number;
    Atomics.store(words, HEAD, (head + 1) | 0);
    return value;
  }

  /** Consumer: sleeps until something is pushed, `wakeConsumer` is called for other news, or the time is over. */
  sleep(timeoutMs: number): void {
    const words = this.#words;
    const tail = Atomics.load(words, TAIL);
    Atomics.store(words, CONSUMER_SLEEPS, 1);
    if (words[HEAD] === Atomics.load(words, TAIL)) Atomics.wait(words, TAIL, tail, timeoutMs);
    Atomics.store(words, CONSUMER_SLEEPS, 0);
  }

  get length(): number {
    return (Atomics.load(this.#words, TAIL) - Atomics.load(this.#words, HEAD)) | 0;
  }

  /** Only while the consumer does not run: what is still queued, oldest first. */
  queued(): number[] {
    const words = this.#words;
    const values: number[] = [];
    const tail = Atomics.load(words, TAIL);
    for (let at = Atomics.load(words, HEAD); at !== tail; at = (at + 1) | 0) values.push(words[ITEMS + (at & this.#mask)] as number);
    return values;
  }
}
