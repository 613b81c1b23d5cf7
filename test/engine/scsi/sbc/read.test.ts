import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { executeMediumCommand, prepare } from '../../../../engine/scsi/device-server.js';
import type { Medium } from '../../../../engine/scsi/medium.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { assertBytes } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, dataInOf, informationOf, makeCommand, makeUnit, nexus, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number | bigint, digits: number) => value.toString(16).padStart(digits, '0');

/** A READ by the length of its CDB. */
const cdbs: Record<string, (lba: number | bigint, count: number) => string> = {
  'READ (6)': (lba, count) => `08 ${hexOf(lba, 6)} ${hexOf(count, 2)} 00`,
  'READ (10)': (lba, count) => `28 00 ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`,
  'READ (12)': (lba, count) => `a8 00 ${hexOf(lba, 8)} ${hexOf(count, 8)} 00 00`,
  'READ (16)': (lba, count) => `88 00 ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`,
};

for (const [name, cdb] of Object.entries(cdbs)) {
  for (const hasView of [false, true]) {
    test(`${name} returns the blocks, ${hasView ? 'out of the store itself' : 'copied'}`, () => {
      const store = new MemoryStore(STORE_BYTES, { hasView });
      const unit = makeUnit({ store });
      for (const [lba, count] of [
        [0, 1],
        [5, 3],
        [BLOCK_COUNT - 1, 1],
        [BLOCK_COUNT - 255, 255],
      ] as const) {
        const command = run(unit, cdb(lba, count));
        assertGood(command);
        assert.is(command.dataInLength, count * BLOCK);
        assertBytes(dataInOf(command), store.bytes.subarray(lba * BLOCK, (lba + count) * BLOCK));
        assert.is(command.dataInFromStore, hasView);
        if (hasView) assert.is(command.dataIn, store.bytes, 'no copy');
      }
      assert.is(store.calls.length, hasView ? 0 : 4);
    });
  }

  test(`${name} beyond the end is LBA OUT OF RANGE and touches nothing`, () => {
    const store = new MemoryStore(STORE_BYTES);
    const unit = makeUnit({ store });
    for (const [lba, count] of [
      [BLOCK_COUNT, 1],
      [BLOCK_COUNT - 1, 2],
      [BLOCK_COUNT - 200, 201],
      [0x1fffff, 1],
    ] as const)
      assertCheck(run(unit, cdb(lba, count)), '05/21/00');
    assert.is(store.calls.length, 0);
  });
}

for (const name of ['READ (10)', 'READ (12)', 'READ (16)']) {
  const cdb = cdbs[name] as (lba: number | bigint, count: number) => string;

  test(`${name} of no blocks succeeds up to the end of the medium and not beyond`, () => {
    const command = run(makeUnit(), cdb(0, 0));
    assertGood(command);
    assert.is(command.dataInLength, 0);
    assertGood(run(makeUnit(), cdb(BLOCK_COUNT, 0)));
    for (const lba of [BLOCK_COUNT + 1, 0x80000000, 0xffffffff]) assertCheck(run(makeUnit(), cdb(lba, 0)), '05/21/00');
  });

  test(`${name} of more than the largest transfer is INVALID FIELD IN CDB at the transfer length`, () => {
    assertGood(run(makeUnit(), cdb(0, 256)));
    assertCheck(run(makeUnit(), cdb(0, 257)), '05/24/00', { 'READ (10)': '7', 'READ (12)': '6', 'READ (16)': '10' }[name]);
  });
}

test('READ (6) takes a transfer length of 0 for 256 blocks, and all 21 bits of its LBA', () => {
  const command = run(makeUnit(), '08 000000 00 00');
  assertGood(command);
  assert.is(command.lbaCount, 256);
  assert.is(command.dataInLength, 256 * BLOCK);
  const unit = makeUnit({ store: new MemoryStore(0, { claimedSizeBytes: 0x200000 * BLOCK }) });
  const planned = makeCommand('08 1fffff 01 00');
  assert.ok(prepare(planned, unit, nexus));
  assert.is(planned.lba, 0x1fffff);
});

test('READ (16) judges LBAs beyond 2^53 rightly', () => {
  const cdb = cdbs['READ (16)'] as (lba: bigint, count: number) => string;
  const unit = makeUnit({ store: new MemoryStore(0, { claimedSizeBytes: Number.MAX_SAFE_INTEGER }) });
  for (const lba of [2n ** 44n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    for (const count of [0, 1, 2, 256]) assertCheck(run(unit, cdb(lba, count)), '05/21/00');
  }
  const last = makeCommand(cdb(2n ** 44n - 2n, 1));
  assert.ok(prepare(last, unit, nexus));
  assert.is(last.lba, 2 ** 44 - 2);
  assert.is(prepare(makeCommand(cdb(2n ** 44n - 2n, 2)), unit, nexus), null);
});

test('the plan says how much the CDB moves before anything is executed', () => {
  const command = makeCommand('28 00 00000007 00 0003 00');
  assert.ok(prepare(command, makeUnit(), nexus));
  assert.equal([command.lba, command.lbaCount, command.plannedDataInLength, command.plannedDataOutLength], [7, 3, 3 * BLOCK, 0]);
  assert.is(command.status, ScsiStatus.good);
});

for (const hasView of [false, true]) {
  test(`an initiator that takes less than the CDB says gets that much; the rest is known ${hasView ? '(view)' : '(copy)'}`, () => {
    const store = new MemoryStore(STORE_BYTES, { hasView });
    for (const expectedDataInLength of [0, 1, 200, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 10_000]) {
      const command = run(makeUnit({ store }), '28 00 00000005 00 0002 00', { expectedDataInLength });
      assertGood(command);
      assert.is(command.dataInLength, 2 * BLOCK);
      assertBytes(dataInOf(command), store.bytes.subarray(5 * BLOCK, 5 * BLOCK + Math.min(expectedDataInLength, 2 * BLOCK)));
    }
  });
}

test('stores are read by whole blocks, also when the initiator takes part of one', () => {
  const store = new MemoryStore(STORE_BYTES);
  run(makeUnit({ store }), '28 00 00000005 00 0003 00', { expectedDataInLength: BLOCK + 100 });
  assert.equal(
    store.calls.map(({ positionBytes, lengthBytes }) => [positionBytes, lengthBytes]),
    [
      [5 * BLOCK, BLOCK],
      [6 * BLOCK, BLOCK],
    ],
  );
});

for (const fault of ['io', 'shortRead'] as const) {
  test(`a store fault (${fault}) is UNRECOVERED READ ERROR with the LBA and without data`, () => {
    const store = new MemoryStore(STORE_BYTES);
    store.fault = StoreFault[fault];
    const command = run(makeUnit({ store }), '28 00 00000123 00 0002 00');
    assertCheck(command, '03/11/00');
    assert.is(informationOf(command), 0x123);
    assert.is(command.dataInLength, 0);
  });
}

for (const [form, cdb] of Object.entries(cdbs)) {
  test(`${form}: blocks before the one that cannot be read are returned, with sense data that names it`, () => {
    for (const [lba, count, badLba] of [
      [5, 1, 5],
      [5, 2, 6],
      [5, 7, 5],
      [5, 7, 9],
      [5, 7, 11],
      [0, 255, 100],
      [0, 255, 254],
    ] as const) {
      const store = new MemoryStore(STORE_BYTES);
      store.fault = StoreFault.io;
      store.readFaultFromBytes = badLba * BLOCK;
      const command = run(makeUnit({ store }), cdb(lba, count));
      assertCheck(command, '03/11/00');
      assert.is(informationOf(command), badLba);
      assert.is(command.dataInLength, (badLba - lba) * BLOCK);
      assertBytes(dataInOf(command), store.bytes.subarray(lba * BLOCK, badLba * BLOCK));
    }
  });
}

test('a fault that goes away when the read is tried in parts is none', () => {
  for (let faultCount = 1; faultCount < 4; faultCount++) {
    const store = new MemoryStore(STORE_BYTES);
    const read = store.read.bind(store);
    let left = faultCount;
    store.read = (target, at, length, position) => (left-- > 0 ? StoreFault.io : read(target, at, length, position));
    const command = run(makeUnit({ store }), '28 00 00000005 00 00c8 00');
    assertGood(command);
    assertBytes(dataInOf(command), store.bytes.subarray(5 * BLOCK, 205 * BLOCK));
  }
});

test('one bad block of many is found with few reads', () => {
  const store = new MemoryStore(STORE_BYTES);
  store.fault = StoreFault.io;
  store.readFaultFromBytes = 201 * BLOCK;
  assertCheck(run(makeUnit({ store }), '28 00 00000000 00 0100 00'), '03/11/00');
  assert.ok(store.calls.length <= 10, `${store.calls.length} reads for 256 blocks`);
});

test('a fault in the block that is taken in part names that block', () => {
  const store = new MemoryStore(STORE_BYTES);
  store.fault = StoreFault.io;
  store.readFaultFromBytes = 7 * BLOCK;
  const command = run(makeUnit({ store }), '28 00 00000005 00 0003 00', { expectedDataInLength: 2 * BLOCK + 10 });
  assertCheck(command, '03/11/00');
  assert.is(informationOf(command), 7);
  assert.is(command.dataInLength, 2 * BLOCK);
});

test('a read that got no room is a programmer’s error, not a wild write', () => {
  const unit = makeUnit();
  const command = makeCommand('28 00 00000000 00 0001 00');
  prepare(command, unit, nexus);
  assert.throws(() => executeMediumCommand(command, unit.deviceType, unit.medium as Medium), 'no room');
});

test('4096-byte blocks', () => {
  const store = new MemoryStore(16 * 4096);
  const command = run(makeUnit({ store, blockLengthBytes: 4096 }), '28 00 0000000e 00 0002 00');
  assertGood(command);
  assertBytes(dataInOf(command), store.bytes.subarray(14 * 4096));
});

test.run();
