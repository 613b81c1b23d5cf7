import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { prepare } from '../../../../engine/scsi/device-server.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeCommand, makeUnit, nexus, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const cdb = (lba: number, count: number, flags = '00') => `89 ${flags} ${hexOf(lba, 16)} 000000 ${hexOf(count, 2)} 00 00`;
const newBlocks = (count: number) => new Uint8Array(count * BLOCK).fill(0x5a);

/** What is there, and behind it what is to be there. */
function dataOutOf(store: MemoryStore, lba: number, count: number): Uint8Array {
  const data = new Uint8Array(2 * count * BLOCK);
  data.set(store.bytes.subarray(lba * BLOCK, (lba + count) * BLOCK));
  data.set(newBlocks(count), count * BLOCK);
  return data;
}

for (const hasView of [false, true]) {
  test(`COMPARE AND WRITE writes when all is as expected${hasView ? ', in memory' : ''}`, () => {
    const store = new MemoryStore(STORE_BYTES, { hasView });
    const expected = store.bytes.slice();
    expected.set(newBlocks(3), 7 * BLOCK);
    assertGood(run(makeUnit({ store }), cdb(7, 3), { dataOut: dataOutOf(store, 7, 3) }));
    assert.equal(store.bytes, expected);
  });

  test(`COMPARE AND WRITE: a miscompare reports the offset of the first byte that differs and writes nothing${hasView ? ', in memory' : ''}`, () => {
    for (const offset of [0, 1, BLOCK, 2 * BLOCK + 17, 3 * BLOCK - 1]) {
      const store = new MemoryStore(STORE_BYTES, { hasView });
      const before = store.bytes.slice();
      const dataOut = dataOutOf(store, 7, 3);
      dataOut[offset] = (dataOut[offset] as number) ^ 1;
      // A later difference must not hide the first.
      dataOut[3 * BLOCK - 1] = (dataOut[3 * BLOCK - 1] as number) ^ 0x80;
      const command = run(makeUnit({ store }), cdb(7, 3), { dataOut });
      assertCheck(command, '0e/1d/00');
      assert.is(informationOf(command), offset);
      assert.equal(store.bytes, before);
    }
  });
}

test('COMPARE AND WRITE of no blocks succeeds and touches nothing', () => {
  const store = new MemoryStore(STORE_BYTES);
  assertGood(run(makeUnit({ store }), cdb(BLOCK_COUNT, 0)));
  assert.equal(store.calls, []);
});

test('COMPARE AND WRITE of more than MAXIMUM COMPARE AND WRITE LENGTH is INVALID FIELD IN CDB', () => {
  assertCheck(run(makeUnit(), cdb(0, 129), { dataOut: new Uint8Array(258 * BLOCK) }), '05/24/00', '13');
  const store = new MemoryStore(STORE_BYTES);
  assertGood(run(makeUnit({ store }), cdb(0, 128), { dataOut: dataOutOf(store, 0, 128) }));
});

test('COMPARE AND WRITE with Data-Out of another length than its blocks need is INVALID FIELD IN CDB before data is asked for', () => {
  for (const blocks of [1, 3, 4]) {
    const command = makeCommand(cdb(0, 1), { dataOut: new Uint8Array(blocks * BLOCK) });
    assert.is(prepare(command, makeUnit(), nexus), null);
    assertCheck(command, '05/24/00', '13');
    assert.is(command.plannedDataOutLength, 0);
  }
  assertCheck(run(makeUnit(), cdb(0, 0), { dataOut: new Uint8Array(BLOCK) }), '05/24/00', '13');
});

test('COMPARE AND WRITE beyond the end is LBA OUT OF RANGE, WRPROTECT and reserved bits are INVALID FIELD IN CDB', () => {
  assertCheck(run(makeUnit(), cdb(BLOCK_COUNT, 1), { dataOut: newBlocks(2) }), '05/21/00');
  assertCheck(run(makeUnit(), `89 00 ${'ff'.repeat(8)} 000000 01 00 00`, { dataOut: newBlocks(2) }), '05/21/00');
  assertCheck(run(makeUnit(), cdb(0, 1, '20'), { dataOut: newBlocks(2) }), '05/24/00', '1.5');
  assertCheck(run(makeUnit(), `89 00 ${hexOf(0, 16)} 000100 01 00 00`, { dataOut: newBlocks(2) }), '05/24/00', '11.0');
});

test('COMPARE AND WRITE with FUA goes to stable storage', () => {
  for (const [flags, durable] of [
    ['08', true],
    ['02', true],
    ['10', false],
  ] as const) {
    const store = new MemoryStore(STORE_BYTES);
    assertGood(run(makeUnit({ store }), cdb(1, 1, flags), { dataOut: dataOutOf(store, 1, 1) }));
    assert.is(store.calls.find(({ call }) => call === 'write')?.durable, durable);
  }
});

test('COMPARE AND WRITE reports what it cannot read, and what it cannot write', () => {
  const unreadable = new MemoryStore(STORE_BYTES);
  unreadable.fault = StoreFault.io;
  unreadable.readFaultFromBytes = 2 * BLOCK;
  const command = run(makeUnit({ store: unreadable }), cdb(1, 2), { dataOut: dataOutOf(unreadable, 1, 2) });
  assertCheck(command, '03/11/00');
  assert.is(informationOf(command), 2);
  const full = new MemoryStore(STORE_BYTES, { hasView: true });
  full.fault = StoreFault.noSpace;
  assertCheck(run(makeUnit({ store: full }), cdb(1, 1), { dataOut: dataOutOf(full, 1, 1) }), '07/27/07');
});

test('COMPARE AND WRITE of a read-only unit is WRITE PROTECTED', () => {
  assertCheck(run(makeUnit({ readOnly: true }), cdb(0, 1), { dataOut: newBlocks(2) }), '07/27/00');
});

test.run();
