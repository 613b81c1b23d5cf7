import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { atomicLimitsOf } from '../../../../engine/scsi/sbc/write-atomic.js';
import type { AtomicWrites } from '../../../../engine/store/store.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, makeUnit, run, TRANSFER_BYTES_MAX } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const cdb = (lba: number, count: number, boundary = 0, flags = '00') => `9c ${flags} ${hexOf(lba, 16)} ${hexOf(boundary, 4)} ${hexOf(count, 4)} 00 00`;
const blocks = (count: number) => new Uint8Array(count * BLOCK).fill(0xa6);

/** A unit with physical blocks of eight logical ones. */
function makeUnit512e(store = new MemoryStore(STORE_BYTES), thin = false): LogicalUnit {
  const unit = makeUnit({ store });
  const shape = { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: TRANSFER_BYTES_MAX, physicalBlockLengthBytes: 4096, thin };
  unit.changeMedium(new Medium(store, shape));
  return unit;
}

test('WRITE ATOMIC (16) writes its blocks in one call', () => {
  const store = new MemoryStore(STORE_BYTES);
  assertGood(run(makeUnit512e(store), cdb(8, 16), { dataOut: blocks(16) }));
  assert.equal(store.calls, [{ call: 'write', positionBytes: 8 * BLOCK, lengthBytes: 16 * BLOCK, durable: false }]);
});

test('WRITE ATOMIC (16) wants whole physical blocks', () => {
  const unit = makeUnit512e();
  assertCheck(run(unit, cdb(1, 8), { dataOut: blocks(8) }), '05/24/00', '2');
  assertCheck(run(unit, cdb(8, 1), { dataOut: blocks(1) }), '05/24/00', '12');
  assertCheck(run(unit, cdb(8, 16, 4), { dataOut: blocks(16) }), '05/24/00', '10');
  assertGood(run(unit, cdb(8, 16, 8), { dataOut: blocks(16) }));
  // Where a physical block is a logical one, every block is whole.
  assertGood(run(makeUnit(), cdb(1, 1), { dataOut: blocks(1) }));
});

test('WRITE ATOMIC (16) checks its range before its other fields', () => {
  const unit = makeUnit512e();
  assertCheck(run(unit, cdb(BLOCK_COUNT - 8, 512), { dataOut: blocks(512) }), '05/21/00');
  assertCheck(run(unit, `9c 00 ${'f'.repeat(15)}8 0000 0008 00 00`, { dataOut: blocks(8) }), '05/21/00');
  assertCheck(run(unit, cdb(0, 264), { dataOut: blocks(264) }), '05/24/00', '12');
  assertCheck(run(unit, cdb(0, 8, 264), { dataOut: blocks(8) }), '05/24/00', '10');
  assertCheck(run(unit, cdb(0, 8, 0, '20'), { dataOut: blocks(8) }), '05/24/00', '1.5');
  assertGood(run(unit, cdb(BLOCK_COUNT, 0)));
});

test('WRITE ATOMIC (16) with less Data-Out than it needs writes nothing', () => {
  const store = new MemoryStore(STORE_BYTES);
  assertCheck(run(makeUnit512e(store), cdb(0, 16), { dataOut: blocks(8) }), '05/24/00', '12');
  assert.equal(store.calls, []);
});

test('WRITE ATOMIC (16) of a full thin store is refused before the first byte is written', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  store.spaceBytes = 4096;
  const unit = makeUnit512e(store, true);
  assertCheck(run(unit, cdb(0, 16), { dataOut: blocks(16) }), '07/27/07');
  assert.equal(store.calls, []);
  assertGood(run(unit, cdb(0, 8), { dataOut: blocks(8) }));
});

/** One that outlives the process. */
class LastingStore extends MemoryStore {
  override readonly durability = 'power-loss';
  readonly redone: [number, number][] = [];
  readonly atomicWrites: AtomicWrites | undefined;

  constructor(hasRedo: boolean) {
    super(STORE_BYTES);
    const write = (_source: Uint8Array, _offset: number, lengthBytes: number, positionBytes: number) => this.redone.push([positionBytes, lengthBytes]);
    this.atomicWrites = hasRedo ? { write } : undefined;
  }
}

test('WRITE ATOMIC (16): what goes beyond a page of a lasting store is kept whole by the store, and less is written as it is', () => {
  const store = new LastingStore(true);
  const unit = makeUnit({ store });
  assertGood(run(unit, cdb(8, 16), { dataOut: blocks(16) }));
  assertGood(run(unit, cdb(7, 2), { dataOut: blocks(2) }));
  assert.equal(store.redone, [
    [8 * BLOCK, 16 * BLOCK],
    [7 * BLOCK, 2 * BLOCK],
  ]);
  assert.equal(store.calls, []);
  assertGood(run(unit, cdb(8, 8), { dataOut: blocks(8) }));
  assert.is(store.calls.length, 1);
});

test('WRITE ATOMIC (16) of a lasting store that cannot keep more whole takes one page', () => {
  const store = new LastingStore(false);
  const unit = makeUnit({ store });
  assert.equal(atomicLimitsOf(unit.medium as Medium), { transferBlocksMax: 8, granularityBlocks: 8, boundaryBlocksMax: 8 });
  assertCheck(run(unit, cdb(8, 16), { dataOut: blocks(16) }), '05/24/00', '12');
  assertCheck(run(unit, cdb(7, 8), { dataOut: blocks(8) }), '05/24/00', '2');
  assertGood(run(unit, cdb(8, 8), { dataOut: blocks(8) }));
});

test('WRITE ATOMIC (16) with FUA goes to stable storage; of a read-only unit it is WRITE PROTECTED', () => {
  const store = new MemoryStore(STORE_BYTES);
  assertGood(run(makeUnit512e(store), cdb(0, 8, 0, '18'), { dataOut: blocks(8) }));
  assert.is(store.calls[0]?.durable, true);
  assertCheck(run(makeUnit({ readOnly: true }), cdb(0, 8), { dataOut: blocks(8) }), '07/27/00');
});

test.run();
