import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bucketFloor, LatencyHistogram, quantileOf } from '../../../engine/shm/latency-histogram.js';
import { seededRandom } from '../../support/random.js';

const BUCKET_COUNT = LatencyHistogram.byteLength / Float64Array.BYTES_PER_ELEMENT;
const VALUE_MAX = 2 ** 32 - 1;

function histogram(): LatencyHistogram {
  return new LatencyHistogram(new SharedArrayBuffer(LatencyHistogram.byteLength + 64), 64);
}

/** The bucket that a value falls into. */
function bucketOf(value: number): number {
  const recorded = histogram();
  recorded.record(value);
  const bucket = recorded.counts.indexOf(1);
  assert.is(
    recorded.counts.reduce((sum, count) => sum + count, 0),
    1,
  );
  return bucket;
}

test('buckets tile all values: each begins where the one before ends', () => {
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const floor = bucketFloor(bucket);
    assert.is(bucketOf(floor), bucket, `the first value of bucket ${bucket}`);
    assert.is(bucketOf(bucketFloor(bucket + 1) - 1), bucket, `the last value of bucket ${bucket}`);
  }
  assert.is(bucketFloor(BUCKET_COUNT), VALUE_MAX + 1);
});

test('a value is known to a sixteenth', () => {
  const random = seededRandom(11);
  for (let count = 0; count < 500; count++) {
    const value = random.uint32() >>> random.below(32);
    const bucket = bucketOf(value);
    const width = bucketFloor(bucket + 1) - bucketFloor(bucket);
    assert.ok(width <= Math.max(1, value / 16), `${value} in a bucket of ${width}`);
  }
});

test('values beyond both ends are counted in the outermost buckets', () => {
  for (const value of [-1, Number.NEGATIVE_INFINITY, 0, 0.9]) assert.is(bucketOf(value), 0);
  for (const value of [VALUE_MAX, VALUE_MAX + 1, 1e18, Number.POSITIVE_INFINITY]) assert.is(bucketOf(value), BUCKET_COUNT - 1);
});

test('quantiles of an exact distribution', () => {
  const { counts } = histogram();
  assert.is(quantileOf(counts, 0.5), 0, 'nothing was counted');
  const values = histogram();
  for (let value = 0; value < 16; value++) values.record(value);
  assert.is(quantileOf(values.counts, 0), 0);
  assert.is(quantileOf(values.counts, 0.5), 7);
  assert.is(quantileOf(values.counts, 1), 15);
  const odd = histogram();
  for (const value of [1, 5, 9]) odd.record(value);
  assert.is(quantileOf(odd.counts, 0.5), 5, 'the middle one of three');
});

test('quantiles of random values are within a sixteenth of the true ones', () => {
  const random = seededRandom(12);
  const recorded = histogram();
  const values = Array.from({ length: 5000 }, () => random.uint32() >>> random.below(28)).sort((a, b) => a - b);
  for (const value of values) recorded.record(value);
  for (const quantile of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.max(1, Math.ceil(values.length * quantile)) - 1] as number;
    const told = quantileOf(recorded.counts, quantile);
    assert.ok(told >= exact && told <= exact * (1 + 1 / 16) + 1, `${quantile}: ${told} for ${exact}`);
  }
});

test('counts lie in shared memory where the writer was told to put them', () => {
  const buffer = new SharedArrayBuffer(2 * LatencyHistogram.byteLength);
  const first = new LatencyHistogram(buffer, 0);
  const second = new LatencyHistogram(buffer, LatencyHistogram.byteLength);
  first.record(100);
  second.record(VALUE_MAX);
  const reader = new LatencyHistogram(buffer, 0);
  assert.equal(reader.counts, first.counts);
  assert.is(
    reader.counts.reduce((sum, count) => sum + count, 0),
    1,
  );
});

test.run();
