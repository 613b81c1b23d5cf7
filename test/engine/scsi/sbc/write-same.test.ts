import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandFlag } from '../../../../engine/shm/layout.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeUnit, run } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
type Cdb = (lba: number, count: number, flags?: string) => string;
const cdb10: Cdb = (lba, count, flags = '00') => `41 ${flags} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`;
const cdb16: Cdb = (lba, count, flags = '00') => `93 ${flags} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`;
const cdb32: Cdb = (lba, count, flags = '00') => `7f 00 00000000 00 18 000d ${flags} 00 ${hexOf(lba, 16)} 00000000 0000 0000 ${hexOf(count, 8)}`;
const forms = [
  { name: 'WRITE SAME (10)', cdb: cdb10, flagsAt: 1, lengthAt: '7' },
  { name: 'WRITE SAME (16)', cdb: cdb16, flagsAt: 1, lengthAt: '10' },
  { name: 'WRITE SAME (32)', cdb: cdb32, flagsAt: 10, lengthAt: '28' },
];
const block = Uint8Array.from({ length: BLOCK }, (_, index) => (index * 31 + 5) & 0xff);
const zeros = new Uint8Array(BLOCK);
const UNMAP = '08';
const ANCHOR_AND_UNMAP = '18';

for (const { name, cdb, flagsAt, lengthAt } of forms) {
  test(`${name} writes its block everywhere, and nowhere else`, () => {
    for (const count of [1, 2, 3, 511, 512, 513, 700]) {
      const store = new MemoryStore(STORE_BYTES);
      const expected = store.bytes.slice();
      for (let lba = 9; lba < 9 + count; lba++) expected.set(block, lba * BLOCK);
      assertGood(run(makeUnit({ store }), cdb(9, count), { dataOut: block }));
      assert.equal(store.bytes, expected, `${count} blocks`);
    }
  });

  test(`${name} of no blocks goes to the end of the medium`, () => {
    const store = new MemoryStore(STORE_BYTES);
    const expected = store.bytes.slice();
    for (let lba = BLOCK_COUNT - 3; lba < BLOCK_COUNT; lba++) expected.set(block, lba * BLOCK);
    assertGood(run(makeUnit({ store }), cdb(BLOCK_COUNT - 3, 0), { dataOut: block }));
    assert.equal(store.bytes, expected);
    assertCheck(run(makeUnit(), cdb(BLOCK_COUNT, 0), { dataOut: block }), '05/21/00');
  });

  test(`${name} checks its range and MAXIMUM WRITE SAME LENGTH`, () => {
    assertCheck(run(makeUnit(), cdb(BLOCK_COUNT - 1, 2), { dataOut: block }), '05/21/00');
    const store = new MemoryStore(0, { claimedSizeBytes: 2 ** 40 });
    assertCheck(run(makeUnit({ store }), cdb(0, 0xffff), { dataOut: block }), '05/24/00', lengthAt);
    assertCheck(run(makeUnit({ store }), cdb(0, 0), { dataOut: block }), '05/24/00', lengthAt);
    assertGood(run(makeUnit({ store }), cdb(0, 0x8000), { dataOut: block }));
  });

  test(`${name} with Data-Out of another length than a block is INVALID FIELD IN CDB`, () => {
    for (const length of [0, 256, 1024]) assertCheck(run(makeUnit(), cdb(0, 1), { dataOut: new Uint8Array(length) }), '05/24/00');
  });

  test(`${name} with UNMAP unmaps on a thin unit, with ANCHOR it keeps the space`, () => {
    const store = new ThinMemoryStore(STORE_BYTES);
    const unit = makeUnit({ store, thin: true });
    assertGood(run(unit, cdb(8, 16), { dataOut: block }));
    assertGood(run(unit, cdb(8, 16, UNMAP), { dataOut: zeros }));
    assert.equal(store.provisioningCalls, [{ call: 'unmap', positionBytes: 8 * BLOCK, lengthBytes: 16 * BLOCK, durable: false }]);
    assert.is(store.allocated.size, 0);
    assert.ok(store.bytes.subarray(8 * BLOCK, 24 * BLOCK).every((byte) => byte === 0));
    assertGood(run(unit, cdb(8, 16, ANCHOR_AND_UNMAP), { dataOut: zeros }));
    assert.is(store.allocated.size, 2);
    store.spaceBytes = 2 * 4096;
    assertCheck(run(unit, cdb(64, 8, ANCHOR_AND_UNMAP), { dataOut: zeros }), '07/27/07');
  });

  test(`${name}: UNMAP needs a thin unit, ANCHOR needs UNMAP`, () => {
    assertCheck(run(makeUnit(), cdb(0, 1, UNMAP), { dataOut: zeros }), '05/24/00', `${flagsAt}.3`);
    assertCheck(run(makeUnit({ store: new ThinMemoryStore(STORE_BYTES), thin: true }), cdb(0, 1, '10'), { dataOut: zeros }), '05/24/00', `${flagsAt}.4`);
  });

  test(`${name}: ANCHOR is INVALID FIELD IN CDB where anchored blocks are not told from mapped ones (ANC_SUP)`, () => {
    const store = new ThinMemoryStore(STORE_BYTES);
    store.tellsAnchored = false;
    const unit = makeUnit({ store, thin: true });
    assertCheck(run(unit, cdb(8, 16, ANCHOR_AND_UNMAP), { dataOut: zeros }), '05/24/00', `${flagsAt}.4`);
    assert.equal(store.provisioningCalls, []);
    assertGood(run(unit, cdb(8, 16, UNMAP), { dataOut: zeros }));
  });

  test(`${name} refuses WRPROTECT, and a read-only unit`, () => {
    assertCheck(run(makeUnit(), cdb(0, 1, '20'), { dataOut: block }), '05/24/00', `${flagsAt}.5`);
    assertCheck(run(makeUnit({ readOnly: true }), cdb(0, 1), { dataOut: block }), '07/27/00');
  });

  test(`${name} flushes once where there is no write cache, and reports what fails`, () => {
    const store = new MemoryStore(STORE_BYTES);
    const unit = makeUnit({ store });
    unit.setCommandFlag(CommandFlag.writeThrough, true);
    assertGood(run(unit, cdb(0, 600), { dataOut: block }));
    assert.equal(
      store.calls.map(({ call, durable }) => `${call} ${durable}`),
      ['write false', 'write false', 'flush true'],
    );
    store.fault = StoreFault.io;
    const command = run(unit, cdb(5, 1), { dataOut: block });
    assertCheck(command, '03/0c/00');
    assert.is(informationOf(command), 5);
    store.fault = StoreFault.noSpace;
    assertCheck(run(unit, cdb(5, 1), { dataOut: block }), '07/27/07');
  });
}

for (const { name, cdb } of forms.slice(1)) {
  test(`${name} with NDOB writes zeros without Data-Out, and unmaps with UNMAP`, () => {
    const store = new ThinMemoryStore(STORE_BYTES);
    const unit = makeUnit({ store, thin: true });
    assertGood(run(unit, cdb(8, 8, '01')));
    assert.ok(store.bytes.subarray(8 * BLOCK, 16 * BLOCK).every((byte) => byte === 0));
    assert.is(store.allocated.size, 1);
    assertGood(run(unit, cdb(8, 8, '09')));
    assert.is(store.allocated.size, 0);
  });
}

test('WRITE SAME (10) has no NDOB', () => {
  assertCheck(run(makeUnit(), cdb10(0, 1, '01'), { dataOut: block }), '05/24/00', '1.0');
});

test('WRITE SAME (16) in blocks of 520 bytes', () => {
  const store = new MemoryStore(520 * 1100);
  const wide = new Uint8Array(520).fill(7);
  assertGood(run(makeUnit({ store, blockLengthBytes: 520 }), cdb16(1, 1000), { dataOut: wide }));
  assert.ok(store.bytes.subarray(520, 520 * 1001).every((byte) => byte === 7));
  assert.is.not(store.bytes[520 * 1001 + 1], 7);
});

test.run();
