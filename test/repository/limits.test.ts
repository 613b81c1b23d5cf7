import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits, limitTable, resolveLimits } from '../../engine/limits.js';
import { codeFiles, readSource } from './source-files.js';
import { withoutComments } from './source-text.js';

test('every limit is used by the engine', () => {
  const code = codeFiles
    .filter((path) => path.startsWith('engine/') && path !== 'engine/limits.ts')
    .map((path) => withoutComments(readSource(path)))
    .join('\n');
  const unused = Object.keys(limitTable).filter((name) => !new RegExp(`\\b${name}\\b`).test(code));
  assert.equal(unused, []);
});

test('every limit says why, and its value is inside its bounds', () => {
  for (const [name, row] of Object.entries(limitTable)) {
    assert.ok(row.reason.length > 10, name);
    assert.ok(row.min <= row.value && row.value <= row.max, name);
  }
});

test('limits that depend on each other fit together', () => {
  // RFC 7143 §13.14: FirstBurstLength MUST NOT exceed MaxBurstLength.
  assert.ok(defaultLimits.firstBurstLengthBytes <= defaultLimits.maxBurstLengthBytes);
  assert.ok(defaultLimits.transferLengthBytesMax <= defaultLimits.arenaBytes);
  assert.ok(defaultLimits.commandWindowCountMax <= defaultLimits.slotCount);
  assert.ok(defaultLimits.maxRecvDataSegmentLengthBytes <= defaultLimits.arenaBytes);
});

test('an override is checked', () => {
  assert.is(resolveLimits({ slotCount: 64 }).slotCount, 64);
  const codeIs = (code: string) => (error: { code?: string }) => error.code === code;
  assert.throws(() => resolveLimits({ slotCount: 1.5 }), codeIs('LIMIT_OUT_OF_RANGE'));
  assert.throws(() => resolveLimits({ slotCount: 0 }), codeIs('LIMIT_OUT_OF_RANGE'));
  assert.throws(() => resolveLimits({ nonsense: 1 } as object), codeIs('LIMIT_UNKNOWN'));
});

test.run();
