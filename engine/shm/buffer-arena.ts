import { assert } from '../errors.js';

/** The smallest piece handed out: a page, so that every piece suits O_DIRECT. */
export const ARENA_PIECE_BYTES_MIN = 4096;
const WASM_PAGE_BYTES = 65536;
const NONE = -1;
const ALLOCATED = 0x80;

/** The part of WebAssembly that is used; Node's type package does not declare it. */
declare const WebAssembly: { Memory: new (options: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer } };

/** What `allocate` answers when there is no room now. */
export const ARENA_FULL = -1;

/**
 * Page-aligned shared memory in power-of-two pieces (a buddy allocator). The bookkeeping is private to the main
 * thread: workers only read and write pieces they were given. Untouched memory is not resident.
 */
export class BufferArena {
  readonly memory: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly #orderMax: number;
  readonly #freeHeads: Int32Array;
  /** Per smallest piece: neighbours in its free list, and its state (order, plus ALLOCATED) where a piece begins. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #state: Uint8Array;
  readonly #isFreeHead: Uint8Array;
  #freeBytes: number;

  /** `pieceBytesMax` is the largest length that can be asked for; the size is rounded down to whole such pieces. */
  constructor(sizeBytes: number, pieceBytesMax: number) {
    this.#orderMax = orderOf(pieceBytesMax);
    const largest = ARENA_PIECE_BYTES_MIN << this.#orderMax;
    this.sizeBytes = Math.max(1, Math.floor(sizeBytes / largest)) * largest;
    const pages = Math.ceil(this.sizeBytes / WASM_PAGE_BYTES);
    // A shared WebAssembly.Memory is the one page-aligned memory that Node has.
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
    this.bytes = Buffer.from(this.memory);
    const pieceCount = this.sizeBytes / ARENA_PIECE_BYTES_MIN;
    this.#freeHeads = new Int32Array(this.#orderMax + 1).fill(NONE);
    this.#next = new Int32Array(pieceCount).fill(NONE);
    this.#previous = new Int32Array(pieceCount).fill(NONE);
    this.#state = new Uint8Array(pieceCount);
    this.#isFreeHead = new Uint8Array(pieceCount);
    this.#freeBytes = this.sizeBytes;
    const step = 1 << this.#orderMax;
    for (let piece = pieceCount - step; piece >= 0; piece -= step) this.#pushFree(piece, this.#orderMax);
  }

  /** Bytes that no piece covers; internal rounding counts as used. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  get pieceBytesMax(): number {
    return ARENA_PIECE_BYTES_MIN << this.#orderMax;
  }

  /** The offset of a piece of at least `lengthBytes`, or `ARENA_FULL`. */
  allocate(lengthBytes: number): number {
    const order = orderOf(lengthBytes);
    assert(order <= this.#orderMax, 'an arena piece longer than the largest was asked for');
    let from = order;
    while (from <= this.#orderMax && this.#freeHeads[from] === NONE) from++;
    if (from > this.#orderMax) return ARENA_FULL;
    const piece = this.#freeHeads[from] as number;
    this.#removeFree(piece, from);
    while (from > order) {
      from--;
      this.#pushFree(piece + (1 << from), from);
    }
    this.#state[piece] = order | ALLOCATED;
    this.#freeBytes -= ARENA_PIECE_BYTES_MIN << order;
    return piece * ARENA_PIECE_BYTES_MIN;
  }

  /** Gives a piece back, by the offset that `allocate` answered. */
  free(offset: number): void {
    let piece = offset / ARENA_PIECE_BYTES_MIN;
    const state = this.#state[piece] as number;
    assert((state & ALLOCATED) !== 0, 'an arena piece was freed that is not allocated');
    let order = state & ~ALLOCATED;
    this.#freeBytes += ARENA_PIECE_BYTES_MIN << order;
    this.#state[piece] = 0;
    while (order < this.#orderMax) {
      const buddy = piece ^ (1 << order);
      if (this.#isFreeHead[buddy] !== 1 || this.#state[buddy] !== order) break;
      this.#removeFree(buddy, order);
      piece = Math.min(piece, buddy);
      order++;
    }
    this.#pushFree(piece, order);
  }

  #pushFree(piece: number, order: number): void {
    const head = this.#freeHeads[order] as number;
    this.#next[piece] = head;
    this.#previous[piece] = NONE;
    if (head !== NONE) this.#previous[head] = piece;
    this.#freeHeads[order] = piece;
    this.#state[piece] = order;
    this.#isFreeHead[piece] = 1;
  }

  #removeFree(piece: number, order: number): void {
    const next = this.#next[piece] as number;
    const previous = this.#previous[piece] as number;
    if (previous === NONE) this.#freeHeads[order] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#isFreeHead[piece] = 0;
  }
}

/** The power of two, in units of the smallest piece, that holds `lengthBytes`. */
function orderOf(lengthBytes: number): number {
  if (lengthBytes <= ARENA_PIECE_BYTES_MIN) return 0;
  return 32 - Math.clz32(Math.ceil(lengthBytes / ARENA_PIECE_BYTES_MIN) - 1);
}
