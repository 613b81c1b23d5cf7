import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeUnit, run } from '../scsi-fixture.js';

const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const cdb = (lba: number, count: number, flags = '00') => `8b ${flags} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`;
const pattern = (lengthBytes: number) => Uint8Array.from({ length: lengthBytes }, (_, index) => (index * 37 + 3) & 0xff);

for (const blockLengthBytes of [512, 520, 4096]) {
  test(`ORWRITE (16) sets what was there or is sent, in blocks of ${blockLengthBytes} bytes`, () => {
    const store = new MemoryStore(blockLengthBytes * 64);
    const expected = store.bytes.slice();
    const dataOut = pattern(9 * blockLengthBytes);
    for (const [index, byte] of dataOut.entries()) expected[5 * blockLengthBytes + index] = (expected[5 * blockLengthBytes + index] as number) | byte;
    assertGood(run(makeUnit({ store, blockLengthBytes }), cdb(5, 9), { dataOut }));
    assert.equal(store.bytes, expected);
  });
}

test('ORWRITE (16) takes the whole blocks that came', () => {
  const store = new MemoryStore(BLOCK * BLOCK_COUNT);
  const before = store.bytes.slice();
  assertGood(run(makeUnit({ store }), cdb(5, 3), { dataOut: new Uint8Array(BLOCK + 100).fill(0xff) }));
  assert.equal(store.bytes.subarray(5 * BLOCK, 6 * BLOCK), new Uint8Array(BLOCK).fill(0xff));
  assert.equal(store.bytes.subarray(6 * BLOCK), before.subarray(6 * BLOCK));
});

test('ORWRITE (16) checks its fields', () => {
  assertGood(run(makeUnit(), cdb(BLOCK_COUNT, 0)));
  assertCheck(run(makeUnit(), cdb(BLOCK_COUNT, 1)), '05/21/00');
  assertCheck(run(makeUnit(), cdb(0, 257)), '05/24/00', '10');
  assertCheck(run(makeUnit(), cdb(0, 1, '20')), '05/24/00', '1.5');
  assertCheck(run(makeUnit({ readOnly: true }), cdb(0, 1)), '07/27/00');
});

test('ORWRITE (16) with FUA goes to stable storage', () => {
  const store = new MemoryStore(BLOCK * BLOCK_COUNT);
  assertGood(run(makeUnit({ store }), cdb(0, 1, '08'), { dataOut: pattern(BLOCK) }));
  assert.is(store.calls.find(({ call }) => call === 'write')?.durable, true);
});

test('ORWRITE (16) reports the block that cannot be read', () => {
  const store = new MemoryStore(BLOCK * BLOCK_COUNT);
  store.fault = StoreFault.io;
  store.readFaultFromBytes = 7 * BLOCK;
  const command = run(makeUnit({ store }), cdb(5, 4), { dataOut: pattern(4 * BLOCK) });
  assertCheck(command, '03/11/00');
  assert.is(informationOf(command), 7);
});

test.run();
