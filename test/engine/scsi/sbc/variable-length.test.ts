import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StoreFault } from '../../../../engine/store/store.js';
import { assertBytes } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, dataInOf, informationOf, makeUnit, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const READ_32 = 0x0009;
const VERIFY_32 = 0x000a;
const WRITE_32 = 0x000b;
const hexOf = (value: number | bigint, digits: number) => value.toString(16).padStart(digits, '0');

/** `tags` are the eight bytes that speak of protection information. */
function cdb32(action: number, lba: number | bigint, count: number, flags = 0, tags = 0n, group = 0): string {
  return `7f 00 00000000 ${hexOf(group, 2)} 18 ${hexOf(action, 4)} ${hexOf(flags, 2)} 00 ${hexOf(lba, 16)} ${hexOf(tags, 16)} ${hexOf(count, 8)}`;
}

for (const hasView of [false, true]) {
  test(`READ (32) returns the blocks, ${hasView ? 'out of the store itself' : 'copied'}`, () => {
    const store = new MemoryStore(STORE_BYTES, { hasView });
    for (const [lba, count] of [
      [0, 1],
      [5, 3],
      [BLOCK_COUNT - 256, 256],
    ] as const) {
      const command = run(makeUnit({ store }), cdb32(READ_32, lba, count));
      assertGood(command);
      assert.is(command.dataInLength, count * BLOCK);
      assertBytes(dataInOf(command), store.bytes.subarray(lba * BLOCK, (lba + count) * BLOCK));
    }
  });
}

test('WRITE (32) writes the blocks; FUA and FUA_NV ask for stable storage', () => {
  for (const [flags, durable] of [
    [0x00, false],
    [0x10, false],
    [0x08, true],
    [0x02, true],
  ] as const) {
    const store = new MemoryStore(STORE_BYTES);
    const dataOut = new Uint8Array(3 * BLOCK).fill(0xa5);
    assertGood(run(makeUnit({ store }), cdb32(WRITE_32, 9, 3, flags), { dataOut }));
    assert.equal(store.calls, [{ call: 'write', positionBytes: 9 * BLOCK, lengthBytes: 3 * BLOCK, durable }]);
    assertBytes(store.bytes.subarray(9 * BLOCK, 12 * BLOCK), dataOut);
  }
});

test('VERIFY (32) reads, compares every byte, or compares one block with all', () => {
  const store = new MemoryStore(STORE_BYTES);
  const unit = makeUnit({ store });
  assertGood(run(unit, cdb32(VERIFY_32, 7, 3)));
  const dataOut = store.bytes.slice(7 * BLOCK, 10 * BLOCK);
  assertGood(run(unit, cdb32(VERIFY_32, 7, 3, 0x02), { dataOut }));
  dataOut[BLOCK + 4] = (dataOut[BLOCK + 4] as number) ^ 1;
  const command = run(unit, cdb32(VERIFY_32, 7, 3, 0x02), { dataOut });
  assertCheck(command, '0e/1d/00');
  assert.is(informationOf(command), BLOCK + 4);
  store.bytes.fill(0x11);
  assertGood(run(unit, cdb32(VERIFY_32, 0, 256, 0x06), { dataOut: new Uint8Array(BLOCK).fill(0x11) }));
  assertCheck(run(unit, cdb32(VERIFY_32, 0, 1, 0x04)), '05/24/00', '10.2');
});

for (const [name, action] of [
  ['READ (32)', READ_32],
  ['VERIFY (32)', VERIFY_32],
  ['WRITE (32)', WRITE_32],
] as const) {
  test(`${name} beyond the end is LBA OUT OF RANGE, with all 64 bits of the LBA looked at`, () => {
    const store = new MemoryStore(STORE_BYTES);
    for (const [lba, count] of [
      [BLOCK_COUNT, 1],
      [BLOCK_COUNT - 1, 2],
      [BLOCK_COUNT + 1, 0],
      [0x1_0000_0000n, 1],
      [2n ** 64n - 1n, 1],
    ] as const)
      assertCheck(run(makeUnit({ store }), cdb32(action, lba, count)), '05/21/00');
    assertGood(run(makeUnit({ store }), cdb32(action, BLOCK_COUNT, 0)));
    assert.is(store.calls.length, 0);
  });

  test(`${name} of more than the largest transfer is INVALID FIELD IN CDB at the transfer length`, () => {
    assertCheck(run(makeUnit(), cdb32(action, 0, 257)), '05/24/00', '28');
  });

  test(`${name} with protection asked for is refused; without, its tags are ignored (no protection information)`, () => {
    for (const protect of [1, 2, 4, 7]) assertCheck(run(makeUnit(), cdb32(action, 0, 0, protect << 5)), '05/24/00', `10.${5 + Math.floor(Math.log2(protect))}`);
    assertGood(run(makeUnit(), cdb32(action, 0, 0, 0, 2n ** 64n - 1n)));
  });

  test(`${name} takes DPO and a group number`, () => {
    assertGood(run(makeUnit(), cdb32(action, 0, 0, 0x10, 0n, 0x1f)));
    assertCheck(run(makeUnit(), cdb32(action, 0, 0, 0, 0n, 0x20)), '05/24/00', '6.5');
  });
}

test('WRITE (32) to a read-only medium is WRITE PROTECTED', () => {
  assertCheck(run(makeUnit({ readOnly: true }), cdb32(WRITE_32, 0, 1)), '07/27/00');
});

test('VERIFY reports a difference before the block that cannot be read, and names that block otherwise', () => {
  const store = new MemoryStore(STORE_BYTES);
  store.fault = StoreFault.io;
  store.readFaultFromBytes = 9 * BLOCK;
  const dataOut = store.bytes.slice(5 * BLOCK, 15 * BLOCK);
  const bad = run(makeUnit({ store }), cdb32(VERIFY_32, 5, 10, 0x02), { dataOut });
  assertCheck(bad, '03/11/00');
  assert.is(informationOf(bad), 9);
  dataOut[3 * BLOCK] = (dataOut[3 * BLOCK] as number) ^ 1;
  const different = run(makeUnit({ store }), cdb32(VERIFY_32, 5, 10, 0x02), { dataOut });
  assertCheck(different, '0e/1d/00');
  assert.is(informationOf(different), 3 * BLOCK);
});

test.run();
