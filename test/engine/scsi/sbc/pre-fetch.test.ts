import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import type { StoreDescriptor } from '../../../../engine/store/store.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeUnit, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const forms: Record<string, (lba: number, count: number, flags?: string) => string> = {
  'PRE-FETCH (10)': (lba, count, flags = '00') => `34 ${flags} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`,
  'PRE-FETCH (16)': (lba, count, flags = '00') => `90 ${flags} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`,
};

class BlockingStore extends MemoryStore {
  override readonly blocking = true as false;
  direct = false;

  override get descriptor(): StoreDescriptor {
    return { kind: 'file', direct: this.direct } as StoreDescriptor;
  }
}

for (const [name, cdb] of Object.entries(forms)) {
  test(`${name} of memory has the condition met at once`, () => {
    const store = new MemoryStore(STORE_BYTES);
    for (const count of [0, 1, 256]) assert.is(run(makeUnit({ store }), cdb(5, count)).status, ScsiStatus.conditionMet);
    assert.is(run(makeUnit({ store }), cdb(0, 1, '02')).status, ScsiStatus.conditionMet);
    assert.equal(store.calls, []);
  });

  test(`${name} of a file reads it into the page cache`, () => {
    const store = new BlockingStore(STORE_BYTES);
    assert.is(run(makeUnit({ store }), cdb(5, 256)).status, ScsiStatus.conditionMet);
    assert.equal(store.calls, [{ call: 'read', positionBytes: 5 * BLOCK, lengthBytes: 256 * BLOCK, durable: false }]);
  });

  test(`${name} to the end of a file is GOOD when not all of it is fetched`, () => {
    assertGood(run(makeUnit({ store: new BlockingStore(STORE_BYTES) }), cdb(0, 0)));
    assert.is(run(makeUnit({ store: new BlockingStore(STORE_BYTES) }), cdb(BLOCK_COUNT - 256, 0)).status, ScsiStatus.conditionMet);
  });

  test(`${name} of a file without a cache is GOOD and reads nothing`, () => {
    const store = new BlockingStore(STORE_BYTES);
    store.direct = true;
    assertGood(run(makeUnit({ store }), cdb(0, 8)));
    assert.equal(store.calls, []);
  });

  test(`${name} reports the block that cannot be read`, () => {
    const store = new BlockingStore(STORE_BYTES);
    store.fault = StoreFault.io;
    store.readFaultFromBytes = 9 * BLOCK;
    const command = run(makeUnit({ store }), cdb(5, 8));
    assertCheck(command, '03/11/00');
    assert.is(informationOf(command), 9);
  });

  test(`${name} checks its fields`, () => {
    assertCheck(run(makeUnit(), cdb(BLOCK_COUNT, 1)), '05/21/00');
    assertCheck(run(makeUnit(), cdb(0, 257)), '05/24/00');
    assertCheck(run(makeUnit(), cdb(0, 1, '01')), '05/24/00', '1.0');
  });
}

test.run();
