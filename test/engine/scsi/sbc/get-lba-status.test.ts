import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, dataInOf, makeUnit, run } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number | bigint, digits: number) => value.toString(16).padStart(digits, '0');
const cdb = (lba: number | bigint, allocationLength: number) => `9e 12 ${hexOf(lba, 16)} ${hexOf(allocationLength, 8)} 00 00`;

/** The descriptors as `lba+count status`. */
function runsOf(command: CommandSlot): string[] {
  assertGood(command);
  const view = new DataView(dataInOf(command).slice().buffer);
  assert.is(view.getUint32(0), view.byteLength - 4, 'PARAMETER DATA LENGTH');
  const runs: string[] = [];
  for (let at = 8; at < view.byteLength; at += 16) runs.push(`${view.getBigUint64(at)}+${view.getUint32(at + 8)} ${view.getUint8(at + 12)}`);
  return runs;
}

/** Pieces of eight blocks, of which these have space. */
function unitWith(pieces: readonly number[], blockLengthBytes = BLOCK): LogicalUnit {
  const store = new ThinMemoryStore(STORE_BYTES);
  for (const piece of pieces) store.allocated.add(piece);
  return makeUnit({ store, thin: true, blockLengthBytes });
}

test('GET LBA STATUS tells the runs from the starting LBA to the end', () => {
  assert.equal(runsOf(run(unitWith([1, 2, 5]), cdb(0, 1000))), ['0+8 1', '8+16 0', '24+16 1', '40+8 0', '48+976 1']);
  assert.equal(runsOf(run(unitWith([1, 2, 5]), cdb(10, 1000)))[0], '10+14 0');
  assert.equal(runsOf(run(unitWith([]), cdb(0, 1000))), ['0+1024 1']);
  assert.equal(runsOf(run(unitWith([]), cdb(BLOCK_COUNT - 1, 1000))), ['1023+1 1']);
});

test('GET LBA STATUS tells as many runs as fit, and at least one', () => {
  const unit = unitWith([1, 3]);
  assert.equal(runsOf(run(unit, cdb(0, 24))), ['0+8 1']);
  assert.equal(runsOf(run(unit, cdb(0, 55))), ['0+8 1', '8+8 0']);
  for (const length of [0, 1, 8, 12, 23]) {
    const command = run(unit, cdb(0, length));
    assertGood(command);
    assert.is(dataInOf(command).length, length);
  }
  const cut = run(unit, cdb(0, 1000), { expectedDataInLength: 24 });
  assert.is(dataInOf(cut).length, 24);
});

test('GET LBA STATUS tells anchored blocks: space that was not written, until it is', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  const unit = makeUnit({ store, thin: true });
  store.provisioning.anchor(8 * BLOCK, 24 * BLOCK);
  assert.equal(runsOf(run(unit, cdb(0, 1000))), ['0+8 1', '8+24 2', '32+992 1']);
  store.write(new Uint8Array(BLOCK), 0, BLOCK, 16 * BLOCK, false);
  assert.equal(runsOf(run(unit, cdb(8, 1000))), ['8+8 2', '16+8 0', '24+8 2', '32+992 1']);
  store.provisioning.unmap(0, STORE_BYTES, false);
  assert.equal(runsOf(run(unit, cdb(0, 1000))), ['0+1024 1']);
});

test('GET LBA STATUS: of a block over several pieces one written byte decides, then one anchored one', () => {
  // Blocks of 520 bytes over pieces of 512: block 0 lies in pieces 0 and 1, block 1 in 1 and 2, block 2 in 2 and 3.
  const store = new ThinMemoryStore(STORE_BYTES, { granularityBytes: 512 });
  const unit = makeUnit({ store, thin: true, blockLengthBytes: 520 });
  store.provisioning.anchor(1024, 1);
  assert.equal(runsOf(run(unit, cdb(0, 56))), ['0+1 1', '1+2 2', '3+1005 1']);
  store.write(new Uint8Array(1), 0, 1, 1536, false);
  assert.equal(runsOf(run(unit, cdb(0, 72))), ['0+1 1', '1+1 2', '2+2 0', '4+1004 1']);
});

test('GET LBA STATUS joins what the store tells in pieces, and calls a block mapped of which any byte has space', () => {
  // Blocks of 520 bytes over pieces of 4096: block 7 ends behind the first piece.
  assert.equal(runsOf(run(unitWith([0], 520), cdb(0, 24))), ['0+8 0']);
  assert.equal(runsOf(run(unitWith([1], 520), cdb(0, 40))), ['0+7 1', '7+9 0']);
});

test('GET LBA STATUS of a huge medium is exact and tells no run longer than its field', () => {
  const store = new ThinMemoryStore(STORE_BYTES, { claimedSizeBytes: 2 ** 62 });
  const unit = makeUnit({ store, thin: true });
  const blockCount = 2n ** 53n;
  assert.equal(runsOf(run(unit, cdb(blockCount - 3n, 64))), ['9007199254740989+3 1']);
  assert.equal(runsOf(run(unit, cdb(2n ** 52n + 1n, 40))), ['4503599627370497+4294967295 1', '4503603922337792+4294967295 1']);
  assertCheck(run(unit, cdb(blockCount, 64)), '05/21/00');
  assertCheck(run(unit, cdb(blockCount + 1n, 64)), '05/21/00');
});

test('GET LBA STATUS of a unit that is not thin: all is mapped', () => {
  assert.equal(runsOf(run(makeUnit({ store: new MemoryStore(STORE_BYTES) }), cdb(3, 64))), ['3+1021 0']);
});

test('GET LBA STATUS beyond the end is LBA OUT OF RANGE, reserved bits are INVALID FIELD IN CDB', () => {
  assertCheck(run(unitWith([]), cdb(BLOCK_COUNT, 64)), '05/21/00');
  assertCheck(run(unitWith([]), cdb(0xffff_ffff_ffff_ffffn, 64)), '05/21/00');
  assertCheck(run(unitWith([]), '9e 12 0000000000000000 00000040 01 00'), '05/24/00', '14.0');
});

test.run();
