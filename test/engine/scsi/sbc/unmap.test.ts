import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { prepare } from '../../../../engine/scsi/device-server.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { unmapRow } from '../../../../engine/scsi/sbc/unmap.js';
import { CommandFlag } from '../../../../engine/shm/layout.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertGood, BLOCK, BLOCK_COUNT, makeCommand, makeUnit, nexus, run, TRANSFER_BYTES_MAX } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;
const hexOf = (value: number | bigint, digits: number) => value.toString(16).padStart(digits, '0');
const cdb = (length: number, anchor = false) => `42 ${anchor ? '01' : '00'} 00000000 00 ${hexOf(length, 4)} 00`;

/** A parameter list; `descriptorsLength` may tell another length than there is. */
function listOf(ranges: readonly (readonly [lba: number | bigint, count: number])[], descriptorsLength = 16 * ranges.length): Uint8Array {
  const descriptors = ranges.map(([lba, count]) => `${hexOf(lba, 16)} ${hexOf(count, 8)} 00000000`).join(' ');
  return hex(`${hexOf(6 + 16 * ranges.length, 4)} ${hexOf(descriptorsLength, 4)} 00000000 ${descriptors}`);
}

const thinUnit = (store = new ThinMemoryStore(STORE_BYTES)) => makeUnit({ store, thin: true });
const unmap = (unit = thinUnit(), list = listOf([]), anchor = false) => run(unit, cdb(list.length, anchor), { dataOut: list });

test('UNMAP gives back the space of all its ranges, which read as zeros then', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  const unit = thinUnit(store);
  for (let piece = 0; piece < 8; piece++) store.allocated.add(piece);
  assertGood(
    unmap(
      unit,
      listOf([
        [8, 8],
        [32, 16],
      ]),
    ),
  );
  assert.equal(store.provisioningCalls, [
    { call: 'unmap', positionBytes: 8 * BLOCK, lengthBytes: 8 * BLOCK, durable: false },
    { call: 'unmap', positionBytes: 32 * BLOCK, lengthBytes: 16 * BLOCK, durable: false },
  ]);
  assert.equal([...store.allocated], [0, 2, 3, 6, 7]);
});

test('UNMAP claims from the first block of its ranges to the last', () => {
  const list = listOf([
    [100, 10],
    [7, 0],
    [40, 4],
  ]);
  const command = makeCommand(cdb(list.length), { dataOut: list });
  const unit = thinUnit();
  prepare(command, unit, nexus);
  unmapRow.planFromDataOut?.(command, unit.medium as Medium);
  assert.equal([command.lba, command.lbaCount], [40, 70]);
});

test('UNMAP of nothing is no error: no list, no descriptors, no blocks', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  const unit = thinUnit(store);
  assertGood(run(unit, cdb(0)));
  assertGood(unmap(unit, listOf([])));
  assertGood(unmap(unit, listOf([[BLOCK_COUNT, 0]])));
  assert.equal(store.provisioningCalls, []);
});

test('UNMAP with a list that ends within its header is PARAMETER LIST LENGTH ERROR', () => {
  for (let length = 1; length < 8; length++) assertCheck(run(thinUnit(), cdb(length), { dataOut: new Uint8Array(length) }), '05/1a/00');
  // The initiator sends less than it told.
  assertCheck(run(thinUnit(), cdb(24), { dataOut: new Uint8Array(7) }), '05/1a/00');
});

test('UNMAP ignores a descriptor that is cut off, by either length', () => {
  const ranges = [
    [0, 8],
    [16, 8],
  ] as const;
  for (const list of [listOf(ranges, 31), listOf(ranges).subarray(0, 39)]) {
    const store = new ThinMemoryStore(STORE_BYTES);
    assertGood(unmap(thinUnit(store), list));
    assert.is(store.provisioningCalls.length, 1);
  }
});

test('UNMAP checks all ranges before it unmaps any', () => {
  for (const bad of [
    [BLOCK_COUNT, 1],
    [BLOCK_COUNT - 1, 2],
    [0xffff_ffff_ffff_ffffn, 1],
    [2n ** 63n, 0],
  ] as const) {
    const store = new ThinMemoryStore(STORE_BYTES);
    assertCheck(unmap(thinUnit(store), listOf([[0, 8], bad])), '05/21/00');
    assert.equal(store.provisioningCalls, []);
  }
});

test('UNMAP of more than the limits of the Block Limits VPD page is INVALID FIELD IN PARAMETER LIST', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  const unit = thinUnit(store);
  const shape = { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: TRANSFER_BYTES_MAX, thin: true };
  unit.changeMedium(new Medium(store, { ...shape, unmapLengthBytesMax: 20 * BLOCK, unmapDescriptorCountMax: 2 }));
  const two = [
    [0, 10],
    [100, 10],
  ] as const;
  assertGood(unmap(unit, listOf(two)));
  assertCheck(unmap(unit, listOf([...two, [200, 0]])), '05/26/00');
  assertCheck(
    unmap(
      unit,
      listOf([
        [0, 10],
        [100, 11],
      ]),
    ),
    '05/26/00',
  );
  assert.is(store.provisioningCalls.length, 2);
});

test('UNMAP with ANCHOR keeps the space, or says that there is none', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  store.spaceBytes = 4096;
  const unit = thinUnit(store);
  assertGood(unmap(unit, listOf([[0, 8]]), true));
  assert.is(store.allocated.size, 1);
  assertCheck(unmap(unit, listOf([[64, 8]]), true), '07/27/07');
});

test('UNMAP with ANCHOR is INVALID FIELD IN CDB where anchored blocks are not told from mapped ones (ANC_SUP)', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  store.tellsAnchored = false;
  const unit = thinUnit(store);
  assertCheck(unmap(unit, listOf([[0, 8]]), true), '05/24/00', '1.0');
  assertCheck(unmap(unit, listOf([]), true), '05/24/00', '1.0');
  assert.equal(store.provisioningCalls, []);
  assertGood(unmap(unit, listOf([[0, 8]])));
});

test('UNMAP is on stable storage where there is no write cache, and reports what fails', () => {
  const store = new ThinMemoryStore(STORE_BYTES);
  const unit = thinUnit(store);
  unit.setCommandFlag(CommandFlag.writeThrough, true);
  assertGood(unmap(unit, listOf([[0, 8]])));
  assert.is(store.provisioningCalls[0]?.durable, true);
  store.fault = StoreFault.io;
  assertCheck(unmap(unit, listOf([[0, 8]])), '03/0c/00');
});

test('UNMAP is not known to a unit that is not thin, and WRITE PROTECTED on a read-only one', () => {
  assertCheck(unmap(makeUnit(), listOf([[0, 8]])), '05/20/00');
  assertCheck(unmap(makeUnit({ store: new ThinMemoryStore(STORE_BYTES), thin: true, readOnly: true }), listOf([[0, 8]])), '07/27/00');
  assert.is(unmapRow.isSupported?.(makeUnit()), false);
  assert.is(unmapRow.isSupported?.(thinUnit()), true);
});

test('UNMAP refuses reserved bits of its CDB', () => {
  assertCheck(run(thinUnit(), '42 02 00000000 00 0000 00'), '05/24/00', '1.1');
});

test.run();
