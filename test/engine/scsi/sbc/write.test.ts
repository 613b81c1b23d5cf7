import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { prepare } from '../../../../engine/scsi/device-server.js';
import { CommandFlag } from '../../../../engine/shm/layout.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { assertBytes } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeCommand, makeUnit, nexus, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const pattern = (lengthBytes: number) => Uint8Array.from({ length: lengthBytes }, (_, index) => (index * 31 + 5) & 0xff);

/** A WRITE by the length of its CDB; `flags` are byte 1. */
const cdbs: Record<string, (lba: number, count: number, flags?: string) => string> = {
  'WRITE (6)': (lba, count) => `0a ${hexOf(lba, 6)} ${hexOf(count, 2)} 00`,
  'WRITE (10)': (lba, count, flags = '00') => `2a ${flags} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`,
  'WRITE (12)': (lba, count, flags = '00') => `aa ${flags} ${hexOf(lba, 8)} ${hexOf(count, 8)} 00 00`,
  'WRITE (16)': (lba, count, flags = '00') => `8a ${flags} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`,
};

for (const [name, cdb] of Object.entries(cdbs)) {
  test(`${name} writes its blocks and no others`, () => {
    const store = new MemoryStore(STORE_BYTES);
    const expected = store.bytes.slice();
    expected.set(pattern(3 * BLOCK), 9 * BLOCK);
    assertGood(run(makeUnit({ store }), cdb(9, 3), { dataOut: pattern(3 * BLOCK) }));
    assertBytes(store.bytes, expected);
    assert.equal(store.calls, [{ call: 'write', positionBytes: 9 * BLOCK, lengthBytes: 3 * BLOCK, durable: false }]);
  });

  test(`${name} beyond the end is LBA OUT OF RANGE before data is asked for`, () => {
    const command = makeCommand(cdb(BLOCK_COUNT - 1, 2));
    assert.is(prepare(command, makeUnit(), nexus), null);
    assertCheck(command, '05/21/00');
    assert.is(command.plannedDataOutLength, 0);
  });
}

for (const name of ['WRITE (10)', 'WRITE (12)', 'WRITE (16)']) {
  const cdb = cdbs[name] as (lba: number, count: number, flags?: string) => string;

  test(`${name} is durable with FUA or FUA_NV, and not with DPO`, () => {
    for (const [flags, durable] of [
      ['08', true],
      ['02', true],
      ['1a', true],
      ['10', false],
      ['00', false],
    ] as const) {
      const store = new MemoryStore(STORE_BYTES);
      assertGood(run(makeUnit({ store }), cdb(1, 1, flags), { dataOut: pattern(BLOCK) }));
      assert.is(store.calls[0]?.durable, durable, `flags ${flags}`);
    }
  });

  test(`${name} of no blocks succeeds, of too many is INVALID FIELD IN CDB`, () => {
    assertGood(run(makeUnit(), cdb(0, 0)));
    assertCheck(run(makeUnit(), cdb(0, 257)), '05/24/00', { 'WRITE (10)': '7', 'WRITE (12)': '6', 'WRITE (16)': '10' }[name]);
  });
}

test('WRITE (6) is not durable for an LBA with the bits of FUA, and writes 256 blocks for 0', () => {
  const store = new MemoryStore(0, { claimedSizeBytes: 0x200000 * BLOCK });
  assertGood(run(makeUnit({ store }), '0a 1a0000 01 00', { dataOut: pattern(BLOCK) }));
  assert.is(store.calls[0]?.durable, false);
  const command = makeCommand('0a 000000 00 00');
  assert.ok(prepare(command, makeUnit(), nexus));
  assert.is(command.plannedDataOutLength, 256 * BLOCK);
});

test('an initiator that sends less than the CDB says has its whole blocks written', () => {
  for (const [sentBytes, writtenBytes] of [
    [0, 0],
    [200, 0],
    [BLOCK, BLOCK],
    [2 * BLOCK - 1, BLOCK],
    [2 * BLOCK, 2 * BLOCK],
  ] as const) {
    const store = new MemoryStore(STORE_BYTES);
    const expected = store.bytes.slice();
    expected.set(pattern(sentBytes).subarray(0, writtenBytes), 4 * BLOCK);
    const command = run(makeUnit({ store }), '2a 00 00000004 00 0002 00', { dataOut: pattern(sentBytes) });
    assertGood(command);
    assert.is(command.plannedDataOutLength, 2 * BLOCK);
    assertBytes(store.bytes, expected);
  }
});

test('an initiator that sends more than the CDB says has no more written than that', () => {
  const store = new MemoryStore(STORE_BYTES);
  assertGood(run(makeUnit({ store }), '2a 00 00000004 00 0001 00', { dataOut: pattern(2 * BLOCK) }));
  assert.is(store.calls[0]?.lengthBytes, BLOCK);
});

for (const [fault, sense, information] of [
  ['noSpace', '07/27/07', null],
  ['readOnly', '07/27/00', null],
  ['io', '03/0c/00', 0x12],
  ['shortRead', '03/0c/00', 0x12],
] as const) {
  test(`a store fault (${fault}) of a write is ${sense}`, () => {
    const store = new MemoryStore(STORE_BYTES);
    store.fault = StoreFault[fault];
    const command = run(makeUnit({ store }), '2a 00 00000012 00 0001 00', { dataOut: pattern(BLOCK) });
    assertCheck(command, sense);
    assert.is(informationOf(command), information);
  });
}

test('every WRITE is durable where there is no write cache', () => {
  for (const cdb of Object.values(cdbs)) {
    const store = new MemoryStore(STORE_BYTES);
    const unit = makeUnit({ store });
    unit.setCommandFlag(CommandFlag.writeThrough, true);
    assertGood(run(unit, cdb(1, 1), { dataOut: pattern(BLOCK) }));
    assert.is(store.calls[0]?.durable, true);
  }
});

test.run();
