import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EMPTY_SAMPLE, LatencyTally, LoadTally, ratesBetween } from '../../load/tally.js';

test('percentiles are within 1/16, the maximum is exact and never exceeded', () => {
  const latency = new LatencyTally();
  for (let micros = 1; micros <= 10_000; micros++) latency.record(micros);
  latency.record(12_345.67);
  const { p50, p99, p999, max } = latency.figures();
  for (const [figure, value] of [[p50, 5000] as const, [p99, 9900] as const, [p999, 9990] as const]) {
    assert.ok(figure >= value && figure <= value * (1 + 1 / 16) + 0.1, `${figure} for ${value}`);
  }
  assert.is(max, 12_345.7);
  const one = new LatencyTally();
  one.record(100);
  assert.equal(one.figures(), { p50: 100, p99: 100, p999: 100, max: 100 });
  assert.equal(new LatencyTally().figures(), { p50: 0, p99: 0, p999: 0, max: 0 });
});

test('while passes take turns a direction’s time is that of its own passes', () => {
  const tally = new LoadTally();
  tally.startPhase('writes', 1_000_000);
  tally.writes.record(4096, 10);
  tally.startPhase('reads', 4_000_000);
  tally.reads.record(8192, 10);
  tally.reads.record(8192, 10);
  assert.equal(tally.reads.sample(4_500_000), { commandCount: 2, bytes: 16_384, seconds: 0.5 });
  tally.stop(5_000_000);
  assert.equal(tally.writes.sample(9_000_000), { commandCount: 1, bytes: 4096, seconds: 3 });
  assert.equal(tally.reads.sample(9_000_000), { commandCount: 2, bytes: 16_384, seconds: 1 });
});

test('rates are those of the time between two samples', () => {
  const earlier = { commandCount: 100, bytes: 1000, seconds: 1 };
  const later = { commandCount: 300, bytes: 5000, seconds: 3 };
  assert.equal(ratesBetween(earlier, later), { commandCount: 200, bytes: 4000, seconds: 2, bytesPerSecond: 2000, operationsPerSecond: 100 });
  assert.is(ratesBetween(EMPTY_SAMPLE, EMPTY_SAMPLE).operationsPerSecond, 0);
});

test.run();
