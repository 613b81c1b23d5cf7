import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LATENCY_UNITS_PER_MICRO, UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import { quantileOf } from '../../../engine/shm/latency-histogram.js';

test('commands are counted with their bytes, their failures and their latency', () => {
  const metrics = new UnitMetrics();
  metrics.recordCommand(12.5, 4096, 0, false);
  metrics.recordCommand(80, 0, 512, true);
  metrics.recordDispatch(true);
  metrics.recordDispatch(false);
  metrics.recordDispatch(false);
  metrics.recordFault('verifyFaultCount');
  const { readMicros, writeMicros, readFaultCount, writeFaultCount, verifyFaultCount, ...counted } = metrics.read();
  assert.equal(counted, { commandCount: 2, readBytes: 4096, writeBytes: 512, checkConditionCount: 1, inlineCount: 1, ringCount: 2 });
  assert.equal([readMicros, writeMicros, readFaultCount, writeFaultCount, verifyFaultCount], [12.5, 80, 0, 0, 1]);
  const slowest = quantileOf(metrics.latency.counts, 1) / LATENCY_UNITS_PER_MICRO;
  assert.ok(slowest >= 80 && slowest <= 80 * (1 + 1 / 16), `${slowest} µs`);
});

test('counters go on beyond 2^32', () => {
  const metrics = new UnitMetrics();
  for (let count = 0; count < 5; count++) metrics.recordCommand(1, 2 ** 31, 0, false);
  assert.is(metrics.read().readBytes, 5 * 2 ** 31);
});

test('counters and latencies lie side by side in memory that other threads can read', () => {
  const metrics = new UnitMetrics();
  assert.ok(metrics.buffer instanceof SharedArrayBuffer);
  metrics.recordCommand(0, 0, 0, false);
  assert.is(metrics.read().commandCount, 1);
  assert.is(metrics.latency.counts[0], 1);
  const doubles = new Float64Array(metrics.buffer);
  assert.is(
    doubles.reduce((sum, value) => sum + value, 0),
    2,
    'the counter and the bucket, and nothing else',
  );
});

test.run();
