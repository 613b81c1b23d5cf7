import { assert } from '../../engine/errors.js';
import { randomBytes } from '../../load/block-data.js';

/** The granularity of addresses: every logical block length is a multiple of it. */
const GRAIN_BYTES = 512;
/** A prime number of grains, so that data which lands a power of two away from its place is never the data of that place. */
const PERIOD_BYTES = 8191 * GRAIN_BYTES;

/** The longest piece that `offsetOf` can point at. */
export const PATTERN_PIECE_BYTES_MAX = 1024 * 1024;

/** Data for a whole medium that depends on a seed and on the address, with memory for a small part of it only. */
export class Pattern {
  /** Holds the data of every address at `offsetOf` it. */
  readonly image: Uint8Array;

  constructor(seed: number) {
    this.image = new Uint8Array(PERIOD_BYTES + PATTERN_PIECE_BYTES_MAX);
    this.image.set(randomBytes(seed, PERIOD_BYTES));
    this.image.copyWithin(PERIOD_BYTES, 0, PATTERN_PIECE_BYTES_MAX);
  }

  /** Where in `image` the data for `byteAddress` begins. */
  offsetOf(byteAddress: number): number {
    assert(byteAddress % GRAIN_BYTES === 0, 'addresses are whole blocks');
    return byteAddress % PERIOD_BYTES;
  }

  /** True when `data` is what belongs at `byteAddress`. */
  matches(data: Uint8Array, byteAddress: number): boolean {
    const offset = this.offsetOf(byteAddress);
    return Buffer.compare(data, this.image.subarray(offset, offset + data.length)) === 0;
  }
}
