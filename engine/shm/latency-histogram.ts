/**
 * A log-linear histogram in shared memory: 16 linear steps in every power of two, so a value is known to 1/16.
 * One writer; readers on other threads see counts that are at most one record behind.
 */

const SUB_BUCKET_BITS = 4;
const SUB_BUCKET_COUNT = 1 << SUB_BUCKET_BITS;
/** Values above 2^32 of the unit fall into the last bucket. */
const EXPONENT_COUNT = 32 - SUB_BUCKET_BITS + 1;
export const BUCKET_COUNT = EXPONENT_COUNT * SUB_BUCKET_COUNT;
const VALUE_MAX = 0xffffffff;

export class LatencyHistogram {
  static readonly byteLength = BUCKET_COUNT * Float64Array.BYTES_PER_ELEMENT;
  readonly counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.counts = new Float64Array(buffer, byteOffset, BUCKET_COUNT);
  }

  /** Counts one value, in the histogram's unit (tenths of a microsecond for latencies). */
  record(value: number): void {
    const bucket = bucketOf(value);
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
  }
}

/** The bucket of a value in the histogram's unit; fractions are cut off, and negative values count as 0. */
export function bucketOf(value: number): number {
  const clipped = value >= VALUE_MAX ? VALUE_MAX : value <= 0 ? 0 : value >>> 0;
  if (clipped < SUB_BUCKET_COUNT) return clipped;
  const exponent = 31 - Math.clz32(clipped) - SUB_BUCKET_BITS;
  return (exponent + 1) * SUB_BUCKET_COUNT + ((clipped >>> exponent) - SUB_BUCKET_COUNT);
}

/** The smallest value that falls into a bucket. */
export function bucketFloor(bucket: number): number {
  if (bucket < SUB_BUCKET_COUNT) return bucket;
  const exponent = Math.floor(bucket / SUB_BUCKET_COUNT) - 1;
  return ((bucket % SUB_BUCKET_COUNT) + SUB_BUCKET_COUNT) * 2 ** exponent;
}

/** The value below which the share `quantile` (0 to 1) of all counted values lies; 0 when nothing was counted. */
export function quantileOf(counts: ArrayLike<number>, quantile: number): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  if (total === 0) return 0;
  const rank = Math.max(1, Math.ceil(total * quantile));
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i] as number;
    if (seen >= rank) return bucketFloor(i + 1) - 1;
  }
  return VALUE_MAX;
}
