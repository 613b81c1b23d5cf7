import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, makeUnit, run } from '../scsi-fixture.js';

test('STOP makes the unit not ready, START ready again', () => {
  const unit = makeUnit();
  assertGood(run(unit, '1b 00 00 00 00 00'));
  assertCheck(run(unit, '00'), '02/04/02');
  assertGood(run(unit, '1b 01 00 00 01 00'));
  assertGood(run(unit, '00'));
});

test('STOP writes the cache first unless NO_FLUSH is set', () => {
  const store = new MemoryStore(BLOCK);
  const unit = makeUnit({ store });
  assertGood(run(unit, '1b 00 00 00 04 00'));
  assert.is(store.calls.length, 0);
  assertGood(run(unit, '1b 00 00 00 00 00'));
  assert.equal(
    store.calls.map(({ call }) => call),
    ['flush'],
  );
});

test('a unit whose cache cannot be written does not stop', () => {
  const store = new MemoryStore(BLOCK);
  const unit = makeUnit({ store });
  store.fault = StoreFault.io;
  assertCheck(run(unit, '1b 00 00 00 00 00'), '03/0c/00');
  assert.is(unit.stopped, false);
});

test('LOEJ needs a removable medium', () => {
  assertCheck(run(makeUnit(), '1b 00 00 00 02 00'), '05/24/00', '4.1');
  assertCheck(run(makeUnit(), '1b 00 00 00 03 00'), '05/24/00', '4.1');
});

test('power conditions are not supported', () => {
  for (let condition = 1; condition <= 0xf; condition++) {
    const unit = makeUnit();
    assertCheck(run(unit, `1b 00 00 00 ${condition.toString(16)}0 00`), '05/24/00', '4.7');
    assert.is(unit.stopped, false);
  }
});

test.run();
