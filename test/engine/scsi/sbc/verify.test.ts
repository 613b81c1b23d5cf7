import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { prepare } from '../../../../engine/scsi/device-server.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeCommand, makeUnit, nexus, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const NOTHING = '00';
const EVERY_BYTE = '02';
const RESERVED = '04';
const ONE_BLOCK = '06';
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** A VERIFY by the length of its CDB; `flags` are byte 1. */
const cdbs: Record<string, (flags: string, lba: number, count: number) => string> = {
  'VERIFY (10)': (flags, lba, count) => `2f ${flags} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`,
  'VERIFY (12)': (flags, lba, count) => `af ${flags} ${hexOf(lba, 8)} ${hexOf(count, 8)} 00 00`,
  'VERIFY (16)': (flags, lba, count) => `8f ${flags} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`,
};
const cdb10 = cdbs['VERIFY (10)'] as (flags: string, lba: number, count: number) => string;

for (const [name, cdb] of Object.entries(cdbs)) {
  for (const hasView of [false, true]) {
    test(`${name} compares every byte ${hasView ? 'with the store itself' : 'with a copy'}`, () => {
      const store = new MemoryStore(STORE_BYTES, { hasView });
      const unit = makeUnit({ store });
      const dataOut = store.bytes.slice(7 * BLOCK, 10 * BLOCK);
      assertGood(run(unit, cdb(EVERY_BYTE, 7, 3), { dataOut }));
      for (const at of [0, BLOCK, 2 * BLOCK + 77, 3 * BLOCK - 1]) {
        const wrong = dataOut.slice();
        wrong[at] = (wrong[at] as number) ^ 0x10;
        const command = run(unit, cdb(EVERY_BYTE, 7, 3), { dataOut: wrong });
        assertCheck(command, '0e/1d/00');
        assert.is(informationOf(command), at);
      }
    });
  }

  test(`${name} asks for the data that BYTCHK compares`, () => {
    for (const [flags, count, plannedBytes] of [
      [NOTHING, 3, 0],
      [EVERY_BYTE, 3, 3 * BLOCK],
      [ONE_BLOCK, 3, BLOCK],
      [ONE_BLOCK, 0, 0],
      [EVERY_BYTE, 0, 0],
    ] as const) {
      const command = makeCommand(cdb(flags, 0, count));
      assert.ok(prepare(command, makeUnit(), nexus));
      assert.is(command.plannedDataOutLength, plannedBytes);
      assert.is(command.plannedDataInLength, 0);
    }
  });

  test(`${name} with BYTCHK 10b is INVALID FIELD IN CDB`, () => {
    assertCheck(run(makeUnit(), cdb(RESERVED, 0, 1)), '05/24/00', '1.2');
  });

  test(`${name} without comparison ignores what was sent`, () => {
    assertGood(run(makeUnit(), cdb(NOTHING, 0, 256), { dataOut: new Uint8Array(256 * BLOCK) }));
    assertGood(run(makeUnit(), cdb('10', 0, 1)));
  });

  test(`${name} checks its range and its length, also of no blocks`, () => {
    assertCheck(run(makeUnit(), cdb(EVERY_BYTE, BLOCK_COUNT - 1, 2)), '05/21/00');
    assertCheck(run(makeUnit(), cdb(NOTHING, BLOCK_COUNT + 1, 0)), '05/21/00');
    assertCheck(run(makeUnit(), cdb(NOTHING, 0, 257)), '05/24/00');
    assertGood(run(makeUnit(), cdb(EVERY_BYTE, 0, 0)));
  });
}

for (const hasView of [false, true]) {
  test(`BYTCHK 11b compares one block with each ${hasView ? '(view)' : '(copy)'}`, () => {
    const store = new MemoryStore(STORE_BYTES, { hasView });
    const unit = makeUnit({ store });
    const block = Uint8Array.from({ length: BLOCK }, (_, index) => index & 0xff);
    for (let lba = 100; lba < 106; lba++) store.bytes.set(block, lba * BLOCK);
    assertGood(run(unit, cdb10(ONE_BLOCK, 100, 6), { dataOut: block }));
    store.bytes[104 * BLOCK + 17] = 0xff;
    const command = run(unit, cdb10(ONE_BLOCK, 100, 6), { dataOut: block });
    assertCheck(command, '0e/1d/00');
    assert.is(informationOf(command), 17, 'the offset in the one block of Data-Out');
    assertGood(run(unit, cdb10(ONE_BLOCK, 100, 4), { dataOut: block }));
  });
}

test('an initiator that sends less has that compared', () => {
  const store = new MemoryStore(STORE_BYTES);
  const dataOut = store.bytes.slice(0, BLOCK + 100);
  assertGood(run(makeUnit({ store }), cdb10(EVERY_BYTE, 0, 4), { dataOut }));
  dataOut[BLOCK + 99] = (dataOut[BLOCK + 99] as number) ^ 1;
  assert.is(informationOf(run(makeUnit({ store }), cdb10(EVERY_BYTE, 0, 4), { dataOut })), BLOCK + 99);
  assertGood(run(makeUnit({ store }), cdb10(ONE_BLOCK, 0, 4), { dataOut: new Uint8Array(100) }));
});

test('a verification longer than the scratch goes in pieces, and finds a difference in the last', () => {
  const blockCount = 160;
  const blockLengthBytes = 4096;
  const store = new MemoryStore(blockCount * blockLengthBytes);
  const unit = makeUnit({ store, blockLengthBytes: 4096 });
  Object.defineProperty(unit.medium, 'transferBlocksMax', { value: blockCount });
  const dataOut = store.bytes.slice();
  assertGood(run(unit, cdb10(EVERY_BYTE, 0, blockCount), { dataOut }));
  assert.ok(store.calls.length > 1, 'more than one piece');
  assert.ok(store.calls.every(({ lengthBytes }) => lengthBytes % blockLengthBytes === 0));
  const at = dataOut.length - 3;
  dataOut[at] = (dataOut[at] as number) ^ 1;
  assert.is(informationOf(run(unit, cdb10(EVERY_BYTE, 0, blockCount), { dataOut })), at);

  store.fault = StoreFault.io;
  store.readFaultFromBytes = 64 * blockLengthBytes;
  const faulted = run(unit, cdb10(NOTHING, 0, blockCount));
  assertCheck(faulted, '03/11/00');
  assert.is(informationOf(faulted), 64, 'the first LBA of the piece that failed');
});

test('a medium error is found without comparison, too', () => {
  const store = new MemoryStore(STORE_BYTES);
  store.fault = StoreFault.io;
  const command = run(makeUnit({ store }), cdb10(NOTHING, 9, 2));
  assertCheck(command, '03/11/00');
  assert.is(informationOf(command), 9);
});

test('VERIFY (16) of more blocks of 520 bytes than fit the scratch memory compares them all', () => {
  const store = new MemoryStore(520 * 600);
  const unit = makeUnit({ store, blockLengthBytes: 520 });
  unit.changeMedium(new Medium(store, { blockLengthBytes: 520, readOnly: false, transferLengthBytesMax: 520 * 600 }));
  const cdb = '8f 02 0000000000000001 00000256 00 00';
  const dataOut = store.bytes.slice(520, 520 * 599);
  assertGood(run(unit, cdb, { dataOut }));
  dataOut[dataOut.length - 1] = (dataOut[dataOut.length - 1] as number) ^ 1;
  const command = run(unit, cdb, { dataOut });
  assertCheck(command, '0e/1d/00');
  assert.is(informationOf(command), dataOut.length - 1);
});

test.run();
