import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { executeMediumCommand, prepare } from '../../../../engine/scsi/device-server.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { DataDirection } from '../../../../engine/shm/layout.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { assertBytes } from '../../../support/assert-bytes.js';
import { seededRandom } from '../../../support/random.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, dataInOf, informationOf, makeCommand, makeUnit, nexus, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const DISABLE_WRITE = 0x04;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);

const cdbs: Record<string, (lba: number, count: number, flags?: number) => string> = {
  'XDWRITEREAD (10)': (lba, count, flags = 0) => `53 ${hexOf(flags, 2)} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`,
  'XDWRITEREAD (32)': (lba, count, flags = 0) => `7f 00 00000000 00 18 0007 ${hexOf(flags, 2)} 00 ${hexOf(lba, 16)} ${'00'.repeat(8)} ${hexOf(count, 8)}`,
};

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, at) => byte ^ (right[at] as number));
}

for (const [name, cdb] of Object.entries(cdbs)) {
  const flagsAt = name.endsWith('(10)') ? 1 : 10;

  for (const hasView of [false, true]) {
    test(`${name} writes what it is given and returns its XOR with what had been there ${hasView ? '(view)' : '(copy)'}`, () => {
      const random = seededRandom(SEED);
      const store = new MemoryStore(STORE_BYTES, { hasView });
      for (const [lba, count] of [
        [0, 1],
        [5, 3],
        [BLOCK_COUNT - 256, 256],
      ] as const) {
        const before = store.bytes.slice();
        const dataOut = random.bytes(count * BLOCK);
        const command = run(makeUnit({ store }), cdb(lba, count), { dataOut });
        assertGood(command);
        assert.is(command.dataInLength, count * BLOCK);
        assertBytes(dataInOf(command), xor(dataOut, before.subarray(lba * BLOCK, (lba + count) * BLOCK)));
        before.set(dataOut, lba * BLOCK);
        assertBytes(store.bytes, before);
      }
    });
  }

  test(`${name} with DISABLE WRITE returns the XOR and writes nothing`, () => {
    const store = new MemoryStore(STORE_BYTES);
    const before = store.bytes.slice();
    const dataOut = seededRandom(3).bytes(2 * BLOCK);
    const command = run(makeUnit({ store }), cdb(9, 2, DISABLE_WRITE), { dataOut });
    assertGood(command);
    assertBytes(dataInOf(command), xor(dataOut, before.subarray(9 * BLOCK, 11 * BLOCK)));
    assertBytes(store.bytes, before);
    assert.equal(
      store.calls.map(({ call }) => call),
      ['read'],
    );
  });

  test(`${name} takes DPO, FUA and FUA_NV; FUA and FUA_NV ask for stable storage`, () => {
    for (const [flags, durable] of [
      [0x10, false],
      [0x08, true],
      [0x02, true],
      [0x1a, true],
    ] as const) {
      const store = new MemoryStore(STORE_BYTES);
      assertGood(run(makeUnit({ store }), cdb(0, 1, flags), { dataOut: new Uint8Array(BLOCK) }));
      assert.is(store.calls.at(-1)?.durable, durable);
    }
  });

  test(`${name} with WRPROTECT or XORPINFO is INVALID FIELD IN CDB: there is no protection information`, () => {
    for (const bit of [0, 5, 6, 7]) assertCheck(run(makeUnit(), cdb(0, 1, 1 << bit), { dataOut: new Uint8Array(BLOCK) }), '05/24/00', `${flagsAt}.${bit}`);
  });

  test(`${name} beyond the end, too long, or to a read-only medium touches nothing`, () => {
    const store = new MemoryStore(STORE_BYTES);
    assertCheck(run(makeUnit({ store }), cdb(BLOCK_COUNT - 1, 2)), '05/21/00');
    assertCheck(run(makeUnit({ store }), cdb(0, 257)), '05/24/00', flagsAt === 1 ? '7' : '28');
    assertCheck(run(makeUnit({ store, readOnly: true }), cdb(0, 1)), '07/27/00');
    assert.is(store.calls.length, 0);
  });

  test(`${name} plans both directions, and is refused when the initiator announced only one`, () => {
    const command = makeCommand(cdb(7, 3));
    assert.ok(prepare(command, makeUnit(), nexus));
    assert.equal([command.lba, command.lbaCount, command.plannedDataOutLength, command.plannedDataInLength], [7, 3, 3 * BLOCK, 3 * BLOCK]);
    for (const direction of [DataDirection.none, DataDirection.in, DataDirection.out]) assertCheck(run(makeUnit(), cdb(7, 3), { direction }), '05/24/00');
    for (const direction of Object.values(DataDirection)) assertGood(run(makeUnit(), cdb(7, 0), { direction }));
  });
}

const cdb10 = cdbs['XDWRITEREAD (10)'] as (lba: number, count: number, flags?: number) => string;

test('the Data-In may take the place of the Data-Out, in part or in whole', () => {
  for (const expectedDataInLength of [0, 1, 77, BLOCK, 3 * BLOCK - 1, 3 * BLOCK, 0xffffffff]) {
    const store = new MemoryStore(STORE_BYTES);
    const unit = makeUnit({ store });
    const before = store.bytes.slice();
    const dataOut = seededRandom(8).bytes(3 * BLOCK);
    const command = makeCommand(cdb10(4, 3), { dataOut, expectedDataInLength });
    assert.ok(prepare(command, unit, nexus));
    command.dataIn = command.dataOut;
    command.dataInStart = command.dataOutStart;
    command.dataInCapacity = dataOut.length;
    executeMediumCommand(command, unit.deviceType, unit.medium as Medium);
    assertGood(command);
    assert.is(command.dataInLength, 3 * BLOCK, 'what there is, for the residual');
    const exchanged = xor(dataOut, before.subarray(4 * BLOCK, 7 * BLOCK));
    assertBytes(dataInOf(command), exchanged.subarray(0, Math.min(expectedDataInLength, exchanged.length)));
    assertBytes(store.bytes.subarray(4 * BLOCK, 7 * BLOCK), dataOut, 'the medium has what came, not the XOR');
  }
});

test('of Data-Out that is shorter than the CDB says, whole blocks are written and returned', () => {
  for (const offered of [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 5]) {
    const store = new MemoryStore(STORE_BYTES);
    const before = store.bytes.slice();
    const dataOut = seededRandom(4).bytes(offered);
    const command = run(makeUnit({ store }), cdb10(4, 3), { dataOut });
    const whole = offered - (offered % BLOCK);
    assertGood(command);
    assert.is(command.dataInLength, whole);
    assertBytes(dataInOf(command), xor(dataOut.subarray(0, whole), before.subarray(4 * BLOCK)));
    before.set(dataOut.subarray(0, whole), 4 * BLOCK);
    assertBytes(store.bytes, before);
  }
});

test('a block that cannot be read ends it between two blocks: those before are written and returned, with sense data', () => {
  for (const badLba of [4, 5, 6, 13]) {
    const store = new MemoryStore(STORE_BYTES);
    const before = store.bytes.slice();
    const dataOut = seededRandom(5).bytes(10 * BLOCK);
    const unit = makeUnit({ store });
    const isBad = (positionBytes: number, lengthBytes: number) => positionBytes <= badLba * BLOCK && positionBytes + lengthBytes > badLba * BLOCK;
    const read = store.read.bind(store);
    store.read = (target, at, length, position) => (isBad(position, length) ? StoreFault.io : read(target, at, length, position));
    const command = run(unit, cdb10(4, 10), { dataOut });
    assertCheck(command, '03/11/00');
    assert.is(informationOf(command), badLba);
    const done = (badLba - 4) * BLOCK;
    assert.is(command.dataInLength, done);
    assertBytes(dataInOf(command), xor(dataOut.subarray(0, done), before.subarray(4 * BLOCK)));
    before.set(dataOut.subarray(0, done), 4 * BLOCK);
    assertBytes(store.bytes, before);
  }
});

test('a block that cannot be written ends it with WRITE ERROR and without data', () => {
  const store = new MemoryStore(STORE_BYTES);
  const before = store.bytes.slice();
  store.write = () => StoreFault.io;
  const command = run(makeUnit({ store }), cdb10(4, 2), { dataOut: new Uint8Array(2 * BLOCK) });
  assertCheck(command, '03/0c/00');
  assert.equal([informationOf(command), command.dataInLength], [4, 0]);
  assertBytes(store.bytes, before);
});

test(`any sequence of them keeps parity (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const store = new MemoryStore(64 * BLOCK);
  const unit = makeUnit({ store });
  const parity = store.bytes.slice();
  const data = store.bytes.slice();
  for (let round = 0; round < 300; round++) {
    const count = 1 + random.below(8);
    const lba = random.below(64 - count + 1);
    const disabled = random.below(4) === 0;
    const dataOut = random.bytes(count * BLOCK);
    const cdb = cdbs[random.boolean() ? 'XDWRITEREAD (10)' : 'XDWRITEREAD (32)'] as typeof cdb10;
    const command = run(unit, cdb(lba, count, disabled ? DISABLE_WRITE : 0), { dataOut });
    assertGood(command);
    const at = lba * BLOCK;
    assertBytes(dataInOf(command), xor(dataOut, data.subarray(at, at + dataOut.length)));
    if (disabled) continue;
    data.set(dataOut, at);
    for (const [index, byte] of dataInOf(command).entries()) parity[at + index] = (parity[at + index] as number) ^ byte;
  }
  assertBytes(store.bytes, data);
  assertBytes(parity, data, 'what was there first, XOR all that was returned, is what is there now');
});

test('XDWRITEREAD (10) of more blocks of 520 bytes than fit the scratch memory', () => {
  const store = new MemoryStore(520 * 600);
  const unit = makeUnit({ store, blockLengthBytes: 520 });
  unit.changeMedium(new Medium(store, { blockLengthBytes: 520, readOnly: false, transferLengthBytesMax: 520 * 600 }));
  const before = store.bytes.slice();
  const dataOut = new Uint8Array(598 * 520).fill(0xa5);
  const command = run(unit, '53 00 00000001 00 0256 00', { dataOut });
  assertGood(command);
  const expected = before.slice();
  expected.set(dataOut, 520);
  assert.equal(store.bytes, expected);
  assert.equal(
    dataInOf(command),
    before.subarray(520, 520 * 599).map((byte) => byte ^ 0xa5),
  );
});

test.run();
