import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediumCommandRow } from '../../../../engine/scsi/command-table.js';
import { prepare } from '../../../../engine/scsi/device-server.js';
import { writeAndVerifyRows } from '../../../../engine/scsi/sbc/write-and-verify.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { assertBytes } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, informationOf, makeCommand, makeUnit, nexus, run } from '../scsi-fixture.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const NOTHING = 0x00;
const EVERY_BYTE = 0x02;
const DPO = 0x10;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const pattern = (lengthBytes: number) => Uint8Array.from({ length: lengthBytes }, (_, index) => (index * 31 + (index >> 9) + 5) & 0xff);

/** A WRITE AND VERIFY, and where its CDB has the flags and the transfer length. */
interface Form {
  readonly name: string;
  readonly cdb: (flags: number, lba: number, count: number) => string;
  readonly flagsAt: number;
  readonly countAt: number;
}
const form10: Form = {
  name: 'WRITE AND VERIFY (10)',
  cdb: (flags, lba, count) => `2e ${hexOf(flags, 2)} ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`,
  flagsAt: 1,
  countAt: 7,
};
const forms: readonly Form[] = [
  form10,
  {
    name: 'WRITE AND VERIFY (12)',
    cdb: (flags, lba, count) => `ae ${hexOf(flags, 2)} ${hexOf(lba, 8)} ${hexOf(count, 8)} 00 00`,
    flagsAt: 1,
    countAt: 6,
  },
  {
    name: 'WRITE AND VERIFY (16)',
    cdb: (flags, lba, count) => `8e ${hexOf(flags, 2)} ${hexOf(lba, 16)} ${hexOf(count, 8)} 00 00`,
    flagsAt: 1,
    countAt: 10,
  },
  {
    name: 'WRITE AND VERIFY (32)',
    cdb: (flags, lba, count) => `7f 00 00000000 00 18 000c ${hexOf(flags, 2)} 00 ${hexOf(lba, 16)} ${'00'.repeat(8)} ${hexOf(count, 8)}`,
    flagsAt: 10,
    countAt: 28,
  },
];

/** Changes a byte behind the back of whoever wrote it, as a medium does that loses what it was given. */
class LosingStore extends MemoryStore {
  readonly #lostAt: number;
  constructor(lostAt: number, hasView: boolean) {
    super(STORE_BYTES, { hasView });
    this.#lostAt = lostAt;
  }

  override write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, durable: boolean): number {
    const outcome = super.write(source, sourceOffset, lengthBytes, positionBytes, durable);
    this.bytes[this.#lostAt] = (this.bytes[this.#lostAt] as number) ^ 0x20;
    return outcome;
  }
}

test('the rows are those of the four CDB lengths', () => {
  assert.equal(
    writeAndVerifyRows.map(({ opcode, serviceAction, name }) => [opcode, serviceAction, name]),
    [
      [0x2e, undefined, 'WRITE AND VERIFY (10)'],
      [0xae, undefined, 'WRITE AND VERIFY (12)'],
      [0x8e, undefined, 'WRITE AND VERIFY (16)'],
      [0x7f, 0x000c, 'WRITE AND VERIFY (32)'],
    ],
  );
});

for (const { name, cdb, flagsAt, countAt } of forms) {
  for (const flags of [NOTHING, EVERY_BYTE, DPO, DPO | EVERY_BYTE]) {
    test(`${name} with flags ${hexOf(flags, 2)} writes its blocks to stable storage and then reads them`, () => {
      const store = new MemoryStore(STORE_BYTES);
      const expected = store.bytes.slice();
      expected.set(pattern(3 * BLOCK), 9 * BLOCK);
      assertGood(run(makeUnit({ store }), cdb(flags, 9, 3), { dataOut: pattern(3 * BLOCK) }));
      assertBytes(store.bytes, expected);
      assert.equal(store.calls, [
        { call: 'write', positionBytes: 9 * BLOCK, lengthBytes: 3 * BLOCK, durable: true },
        { call: 'read', positionBytes: 9 * BLOCK, lengthBytes: 3 * BLOCK, durable: false },
      ]);
    });
  }

  for (const hasView of [false, true]) {
    test(`${name} finds the first byte that the medium ${hasView ? '(shown)' : '(copied)'} lost, when it compares`, () => {
      for (const lostAt of [0, BLOCK, 2 * BLOCK + 77, 3 * BLOCK - 1]) {
        const store = new LosingStore(5 * BLOCK + lostAt, hasView);
        const command = run(makeUnit({ store }), cdb(EVERY_BYTE, 5, 3), { dataOut: pattern(3 * BLOCK) });
        assertCheck(command, '0e/1d/00');
        assert.is(informationOf(command), lostAt);
      }
      assertGood(run(makeUnit({ store: new LosingStore(5 * BLOCK, hasView) }), cdb(NOTHING, 5, 3), { dataOut: pattern(3 * BLOCK) }));
    });
  }

  test(`${name} asks for its blocks whatever BYTCHK says`, () => {
    for (const flags of [NOTHING, EVERY_BYTE]) {
      const command = makeCommand(cdb(flags, 4, 3));
      const row = prepare(command, makeUnit(), nexus) as MediumCommandRow;
      assert.equal([command.lba, command.lbaCount, command.plannedDataOutLength, command.plannedDataInLength], [4, 3, 3 * BLOCK, 0]);
      assert.equal([row.mediumAccess, row.isDurable?.(command)], ['write', true]);
    }
  });

  test(`${name} with BYTCHK 10b or 11b is INVALID FIELD IN CDB`, () => {
    for (const flags of [0x04, 0x06]) assertCheck(run(makeUnit(), cdb(flags, 0, 1), { dataOut: pattern(BLOCK) }), '05/24/00', `${flagsAt}.2`);
  });

  test(`${name} with WRPROTECT or a reserved bit is INVALID FIELD IN CDB: there is no protection information`, () => {
    for (const [flags, bit] of [
      [0x20, 5],
      [0x40, 6],
      [0x80, 7],
      [0xe0, 7],
      [0x08, 3],
      [0x01, 0],
    ] as const)
      assertCheck(run(makeUnit(), cdb(flags, 0, 1), { dataOut: pattern(BLOCK) }), '05/24/00', `${flagsAt}.${bit}`);
  });

  test(`${name} checks its range and its length before data is asked for, also of no blocks`, () => {
    const store = new MemoryStore(STORE_BYTES);
    for (const [lba, count, sense] of [
      [BLOCK_COUNT - 1, 2, '05/21/00'],
      [BLOCK_COUNT + 1, 0, '05/21/00'],
      [0, 257, '05/24/00'],
    ] as const) {
      const command = makeCommand(cdb(EVERY_BYTE, lba, count));
      assert.is(prepare(command, makeUnit({ store }), nexus), null);
      assertCheck(command, sense, sense === '05/24/00' ? String(countAt) : undefined);
      assert.is(command.plannedDataOutLength, 0);
    }
    assertGood(run(makeUnit({ store }), cdb(EVERY_BYTE, BLOCK_COUNT, 0)));
    assert.is(store.calls.length, 0);
  });

  test(`${name} to a read-only medium is WRITE PROTECTED`, () => {
    assertCheck(run(makeUnit({ readOnly: true }), cdb(NOTHING, 0, 1)), '07/27/00');
  });
}

test('WRITE AND VERIFY (32) ignores the tags of protection information', () => {
  const cdb = `7f 00 00000000 00 18 000c 02 00 ${hexOf(3, 16)} ${'ff'.repeat(8)} ${hexOf(1, 8)}`;
  assertGood(run(makeUnit(), cdb, { dataOut: pattern(BLOCK) }));
});

test('an initiator that sends less than the CDB says has its whole blocks written and verified', () => {
  for (const [sentBytes, wholeBytes] of [
    [0, 0],
    [200, 0],
    [BLOCK, BLOCK],
    [2 * BLOCK - 1, BLOCK],
    [3 * BLOCK, 2 * BLOCK],
  ] as const) {
    const store = new MemoryStore(STORE_BYTES);
    const expected = store.bytes.slice();
    expected.set(pattern(sentBytes).subarray(0, wholeBytes), 4 * BLOCK);
    assertGood(run(makeUnit({ store }), form10.cdb(EVERY_BYTE, 4, 2), { dataOut: pattern(sentBytes) }));
    assertBytes(store.bytes, expected);
    assert.equal(
      store.calls.map(({ call, lengthBytes }) => `${call} ${lengthBytes}`),
      wholeBytes === 0 ? [] : [`write ${wholeBytes}`, `read ${wholeBytes}`],
    );
  }
});

test('more than the scratch holds is verified in pieces, and a difference is found in the last', () => {
  const blockCount = 160;
  const blockLengthBytes = 4096;
  const lengthBytes = blockCount * blockLengthBytes;
  const make = (store: MemoryStore) => {
    const unit = makeUnit({ store, blockLengthBytes });
    Object.defineProperty(unit.medium, 'transferBlocksMax', { value: blockCount });
    return unit;
  };
  const store = new MemoryStore(lengthBytes);
  assertGood(run(make(store), form10.cdb(EVERY_BYTE, 0, blockCount), { dataOut: pattern(lengthBytes) }));
  assert.equal(
    store.calls.map(({ call, lengthBytes }) => `${call} ${lengthBytes}`),
    [`write ${lengthBytes}`, 'read 262144', 'read 262144', 'read 131072'],
  );
  const last = new MemoryStore(lengthBytes);
  const at = lengthBytes - 3;
  last.write = (source, sourceOffset, length) => {
    last.bytes.set(source.subarray(sourceOffset, sourceOffset + length));
    last.bytes[at] = (last.bytes[at] as number) ^ 1;
    return length;
  };
  const command = run(make(last), form10.cdb(EVERY_BYTE, 0, blockCount), { dataOut: pattern(lengthBytes) });
  assertCheck(command, '0e/1d/00');
  assert.is(informationOf(command), at);
});

for (const [fault, sense, information] of [
  ['noSpace', '07/27/07', null],
  ['readOnly', '07/27/00', null],
  ['io', '03/0c/00', 0x12],
] as const) {
  test(`a write that fails (${fault}) is ${sense}, and nothing is read`, () => {
    const store = new MemoryStore(STORE_BYTES);
    store.write = () => StoreFault[fault];
    const command = run(makeUnit({ store }), form10.cdb(EVERY_BYTE, 0x12, 1), { dataOut: pattern(BLOCK) });
    assertCheck(command, sense);
    assert.is(informationOf(command), information);
    assert.is(store.calls.length, 0);
  });
}

test('a block that cannot be read after it was written is UNRECOVERED READ ERROR with its LBA, compared or not', () => {
  for (const flags of [NOTHING, EVERY_BYTE]) {
    const store = new MemoryStore(STORE_BYTES);
    const write = store.write.bind(store);
    store.write = (...args) => {
      const outcome = write(...args);
      store.fault = StoreFault.io;
      store.readFaultFromBytes = 9 * BLOCK;
      return outcome;
    };
    const command = run(makeUnit({ store }), form10.cdb(flags, 5, 10), { dataOut: pattern(10 * BLOCK) });
    assertCheck(command, '03/11/00');
    assert.is(informationOf(command), 9);
  }
});

test.run();
