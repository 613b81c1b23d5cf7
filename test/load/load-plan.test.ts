import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LoadOptions, MediumSize } from '../../load/load-plan.js';
import { blocks, linear, linearInterleaved, planOf } from './load-fixture.js';

const bytes = (value: number) => ({ unit: 'bytes', value }) as const;

test('lengths become blocks of the target', () => {
  const table: readonly (readonly [Partial<LoadOptions>, number, number, number])[] = [
    [{ transferMin: bytes(8192), transferMax: bytes(8192) }, 512, 16, 16],
    [{ transferMin: bytes(8192), transferMax: bytes(65536) }, 4096, 2, 16],
    [{ transferMin: blocks(8), transferMax: blocks(8) }, 4096, 8, 8],
  ];
  for (const [options, blockLengthBytes, min, max] of table) {
    const plan = planOf(options, { blockLengthBytes });
    assert.equal([plan.transferLbaCountMin, plan.transferLbaCountMax], [min, max]);
  }
});

test('a load without an end of its own ends after one pass', () => {
  const ends = (options: Partial<LoadOptions>) => {
    const { seconds, commandCountMax, sweepCountMax } = planOf(options);
    return { seconds, commandCountMax, sweepCountMax };
  };
  assert.equal(ends({}), { seconds: null, commandCountMax: 1000, sweepCountMax: null });
  assert.equal(ends({ seek: linear }), { seconds: null, commandCountMax: null, sweepCountMax: 1 });
  assert.equal(ends({ seek: linear, writes: true }), { seconds: null, commandCountMax: null, sweepCountMax: 2 });
  assert.equal(ends({ seek: linearInterleaved, writes: true }), { seconds: null, commandCountMax: null, sweepCountMax: 1 });
  assert.equal(ends({ seek: linear, seconds: 5 }), { seconds: 5, commandCountMax: null, sweepCountMax: null });
});

test('both ends of a range belong to it', () => {
  const { firstLba, lbaCount } = planOf({ firstLba: 10, lastLba: 20 });
  assert.equal([firstLba, lbaCount], [10, 11]);
});

test('sessions without a thread are not opened', () => assert.is(planOf({ threadCount: 3, sessionCount: 8 }).sessionCount, 3));

test('what does not fit the unit is refused with a hint', () => {
  const table: readonly (readonly [Partial<LoadOptions>, Partial<MediumSize>, RegExp])[] = [
    [{ transferMin: bytes(5000), transferMax: bytes(5000) }, {}, /^-B: 5000 bytes are no multiple .* 512; 5120 is$/],
    [{ transferMin: bytes(512), transferMax: bytes(512) }, { blockLengthBytes: 4096 }, /4096; 4096 is$/],
    [{ transferMin: blocks(9), transferMax: blocks(8) }, {}, /^-B: 9 blocks are more than 8$/],
    [{ transferMax: blocks(1001) }, {}, /^-B: a transfer of 1001 blocks does not fit the range of 1000/],
    [{ transferMax: bytes(17 * 2 ** 20) }, { lbaCount: 1e6 }, /^-B: .* above/],
    [{ lastLba: 1000 }, {}, /^-S: LBA 1000 is behind the last one of the unit, 999$/],
    [{ firstLba: 1000 }, {}, /^-S: LBA 1000 is behind the last one/],
    [{ firstLba: 9, lastLba: 8 }, {}, /^-S: LBA 9 is behind the end of the range, 8$/],
    [{ threadCount: 5000 }, {}, /^-K: one session holds 4096 threads/],
    [{ compareBytes: 0, writes: true }, { lbaCount: 2 ** 40 }, /^-E: .* narrow the range with -S$/],
    [{ compareBytes: 0, threadCount: 4096, transferMax: bytes(2 ** 20) }, { lbaCount: 1e6 }, /^-E: 4096 buffers need/],
  ];
  for (const [options, medium, message] of table) {
    assert.throws(
      () => planOf(options, medium),
      (error: { code?: string; message: string }) => error.code === 'LOAD_USAGE' && message.test(error.message),
      String(message),
    );
  }
});

test('of a unit beyond 2^53 blocks the first are used', () => assert.is(planOf({}, { lbaCount: 2 ** 54 }).lbaCount, Number.MAX_SAFE_INTEGER));

test.run();
