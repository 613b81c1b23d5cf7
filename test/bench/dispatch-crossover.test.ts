import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crossoverBytes, judgeBound, nearestPowerOfTwo, summarizeCrossovers } from '../../bench/dispatch/crossover.js';
import type { DispatchSample } from '../../bench/dispatch/measure.js';
import { buildDispatchReport, describeCrossovers } from '../../bench/dispatch/report.js';
import type { VariantName } from '../../bench/dispatch/variants.js';
import { INLINE_COPY_BYTES_MAX } from '../../engine/dispatch/policy.js';

const SIZES = [4, 16, 64];
const curve = (...micros: number[]) => micros.map((value, index) => ({ lengthBytes: SIZES[index] as number, micros: value }));
const level = (micros: number) => curve(micros, micros, micros);

test('the crossover lies between two sizes, in proportion', () => {
  assert.is(crossoverBytes(curve(0, 10, 30), level(20)), 40);
  assert.is(crossoverBytes(curve(0, 20, 30), level(20)), 16);
});

test('a curve that is above at once crosses at 0, one that never is crosses beyond the sizes', () => {
  assert.is(crossoverBytes(curve(5, 6, 7), level(4)), 0);
  assert.ok(crossoverBytes(curve(1, 2, 3), level(4)) > 64);
});

test('a hiccup in front does not count: the crossover is where the curve stays above', () => {
  assert.is(crossoverBytes(curve(100, 0, 40), level(20)), 40);
});

test('a size that was not measured counts as below', () => {
  assert.ok(crossoverBytes(curve(1, 30, 40), []) > 64);
});

test('a bound is judged to a factor of two of where the rounds lie', () => {
  const crossover = summarizeCrossovers([
    { rising: curve(0, 10, 30), level: level(20) },
    { rising: curve(0, 10, 30), level: level(20) },
  ]);
  assert.is(judgeBound(40, crossover), 'agrees');
  assert.is(judgeBound(21, crossover), 'agrees');
  assert.is(judgeBound(19, crossover), 'too-low');
  assert.is(judgeBound(79, crossover), 'agrees');
  assert.is(judgeBound(81, crossover), 'too-high');
  assert.is(judgeBound(40, summarizeCrossovers([])), 'unknown');
});

test('a recommendation is a power of two', () => {
  assert.is(nearestPowerOfTwo(500_000), 524_288);
  assert.is(nearestPowerOfTwo(0), 1);
});

/** A machine on which a hop takes `hop` µs and a copy one µs for 4 KiB. */
function samplesWith(hop: number): DispatchSample[] {
  const sizes = [4, 16, 64, 256, 1024].map((kib) => kib * 1024);
  const sample = (operation: 'null' | 'copy', lengthBytes: number, variant: VariantName, micros: number): DispatchSample => ({
    operation,
    lengthBytes,
    variant,
    column: '1-paused',
    round: 1,
    micros,
  });
  return [
    sample('null', 0, 'inline', 1),
    sample('null', 0, 'ring', 1 + hop),
    ...sizes.flatMap((bytes) => [sample('copy', bytes, 'inline', bytes / 4096), sample('copy', bytes, 'ring', hop + bytes / 4096)]),
  ];
}

test('the report holds the bound of policy.ts against the hop', () => {
  const settings = { rounds: 1, sliceMs: 1, operations: ['copy'], workerCount: 1 } as const;
  const environment = { date: '', commit: null, isModified: false, node: '', tgt: null, cpu: '', cpuCount: 1, memoryBytes: 0, system: '' };
  const reportWith = (hop: number) => buildDispatchReport(environment, settings, samplesWith(hop), []);
  const boundMicros = INLINE_COPY_BYTES_MAX / 4096;

  const agreeing = reportWith(boundMicros);
  assert.is(agreeing.policy.verdict, 'agrees');
  assert.is(agreeing.hopMicros?.median, boundMicros);

  const small = reportWith(boundMicros / 8);
  assert.is(small.policy.verdict, 'too-high');
  assert.match(describeCrossovers(small).join('\n'), 'DISAGREES, it is too high; 64 KiB would be right here');
});

test.run();
