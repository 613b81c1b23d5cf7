import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, makeUnit, run } from '../scsi-fixture.js';

const cdbs: Record<string, (lba: string, count: string, flags?: string) => string> = {
  'SYNCHRONIZE CACHE (10)': (lba, count, flags = '00') => `35 ${flags} ${lba.padStart(8, '0')} 00 ${count.padStart(4, '0')} 00`,
  'SYNCHRONIZE CACHE (16)': (lba, count, flags = '00') => `91 ${flags} ${lba.padStart(16, '0')} ${count.padStart(8, '0')} 00 00`,
};

for (const [name, cdb] of Object.entries(cdbs)) {
  test(`${name} flushes before it answers, with IMMED too`, () => {
    for (const flags of ['00', '02', '06']) {
      const store = new MemoryStore(8 * BLOCK);
      assertGood(run(makeUnit({ store }), cdb('0', '0', flags)));
      assert.equal(
        store.calls.map(({ call }) => call),
        ['flush'],
      );
    }
  });

  test(`${name} checks its range, and may be longer than a transfer`, () => {
    assertGood(run(makeUnit(), cdb('0', '400')));
    assertGood(run(makeUnit(), cdb('3ff', '0')));
    assertCheck(run(makeUnit(), cdb('1', '400')), '05/21/00');
    assertCheck(run(makeUnit(), cdb('401', '0')), '05/21/00');
  });

  test(`${name} reports what the flush lost`, () => {
    const store = new MemoryStore(8 * BLOCK);
    store.fault = StoreFault.io;
    assertCheck(run(makeUnit({ store }), cdb('0', '0')), '03/0c/00');
    store.fault = StoreFault.noSpace;
    assertCheck(run(makeUnit({ store }), cdb('0', '0')), '07/27/07');
  });
}

test.run();
