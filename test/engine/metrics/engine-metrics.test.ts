import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EngineMetrics } from '../../../engine/metrics/engine-metrics.js';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';

const near = (actual: number, expected: number) => assert.ok(actual >= expected && actual <= expected * (1 + 1 / 16) + 0.1, `${actual} for ${expected}`);

test('an engine without units', () => {
  const snapshot = new EngineMetrics().snapshot([], 3);
  assert.equal(snapshot, { commandCount: 0, readBytes: 0, writeBytes: 0, sessionCount: 3, latencyMicros: { p50: 0, p99: 0, max: 0 } });
});

test('counters are summed over the units, since start', () => {
  const units = [new UnitMetrics(), new UnitMetrics()] as const;
  const metrics = new EngineMetrics();
  units[0].recordCommand(10, 512, 0, false);
  units[1].recordCommand(10, 0, 1024, false);
  metrics.snapshot(units, 1);
  units[1].recordCommand(10, 100, 0, true);
  const { commandCount, readBytes, writeBytes } = metrics.snapshot(units, 1);
  assert.equal([commandCount, readBytes, writeBytes], [3, 612, 1024]);
});

test('latencies are those since the last snapshot', () => {
  const units = [new UnitMetrics(), new UnitMetrics()] as const;
  const metrics = new EngineMetrics();
  for (let count = 0; count < 99; count++) units[count % 2]?.recordCommand(100, 0, 0, false);
  units[0].recordCommand(5000, 0, 0, false);
  const first = metrics.snapshot(units, 1).latencyMicros;
  near(first.p50, 100);
  near(first.p99, 100);
  near(first.max, 5000);
  units[1].recordCommand(20, 0, 0, false);
  const second = metrics.snapshot(units, 1).latencyMicros;
  near(second.p50, 20);
  near(second.max, 20);
  assert.equal(metrics.snapshot(units, 1).latencyMicros, { p50: 0, p99: 0, max: 0 });
});

test('a unit that is added later counts from then on', () => {
  const first = new UnitMetrics();
  const metrics = new EngineMetrics();
  metrics.snapshot([], 0);
  first.recordCommand(50, 0, 0, false);
  near(metrics.snapshot([first], 0).latencyMicros.max, 50);
  const second = new UnitMetrics();
  second.recordCommand(70, 0, 0, false);
  near(metrics.snapshot([first, second], 0).latencyMicros.max, 70);
});

test.run();
