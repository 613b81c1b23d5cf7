import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { MemoryStore } from '../memory-store.js';
import { assertData, assertGood, BLOCK, BLOCK_COUNT, dataInOf, makeUnit, run, TRANSFER_BYTES_MAX } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

const STORE_BYTES = BLOCK * BLOCK_COUNT;

function thinUnit512e(protectionType?: 1 | 2 | 3): LogicalUnit {
  const store = new ThinMemoryStore(STORE_BYTES);
  const unit = makeUnit({ store });
  const shape = { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: TRANSFER_BYTES_MAX, physicalBlockLengthBytes: 4096, thin: true };
  unit.changeMedium(new Medium(store, protectionType === undefined ? shape : { ...shape, protectionType }));
  return unit;
}

function pageOf(unit: LogicalUnit, code: string): DataView {
  const command = run(unit, `12 01 ${code} 00ff 00`);
  assertGood(command);
  return new DataView(dataInOf(command).slice().buffer);
}

test('the Block Limits VPD page of a thin unit tells all limits', () => {
  const page = pageOf(thinUnit512e(), 'b0');
  assert.is(page.byteLength, 64);
  assert.is(page.getUint8(4), 0, 'WSNZ');
  assert.is(page.getUint8(5), 128, 'MAXIMUM COMPARE AND WRITE LENGTH');
  assert.is(page.getUint16(6), 8, 'OPTIMAL TRANSFER LENGTH GRANULARITY');
  assert.is(page.getUint32(8), 256, 'MAXIMUM TRANSFER LENGTH');
  assert.is(page.getUint32(16), 256, 'MAXIMUM PREFETCH LENGTH');
  assert.is(page.getUint32(20), 1024 * 1024, 'MAXIMUM UNMAP LBA COUNT');
  assert.is(page.getUint32(24), 256, 'MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT');
  assert.is(page.getUint32(28), 8, 'OPTIMAL UNMAP GRANULARITY');
  assert.is(page.getUint32(32), 0x8000_0000, 'UGAVALID and UNMAP GRANULARITY ALIGNMENT');
  assert.is(page.getBigUint64(36), 32768n, 'MAXIMUM WRITE SAME LENGTH');
  assert.equal(
    [44, 48, 52, 56, 60].map((at) => page.getUint32(at)),
    [256, 8, 8, 256, 256],
    'atomic limits',
  );
});

test('the Block Limits VPD page of a unit that is not thin has no limits for UNMAP, and of one without a medium none at all', () => {
  const page = pageOf(makeUnit(), 'b0');
  assert.equal(
    [20, 24, 28, 32].map((at) => page.getUint32(at)),
    [0, 0, 0, 0],
  );
  assert.is(page.getUint32(48), 1, 'ATOMIC ALIGNMENT');
  assertData(run(makeUnit({ hasMedium: false }), '12 01 b0 00ff 00'), `00b0003c ${'00'.repeat(60)}`);
});

test('blocks of 520 bytes share no grid with the store: no unmap granularity is told', () => {
  const page = pageOf(makeUnit({ store: new ThinMemoryStore(520 * 1024), blockLengthBytes: 520, thin: true }), 'b0');
  assert.equal([page.getUint32(28), page.getUint32(32)], [0, 0]);
  assert.is.not(page.getUint32(20), 0);
});

test('the Block Device Characteristics VPD page: no rotation, erased blocks are read, FUAB and VBULS', () => {
  assertData(run(makeUnit(), '12 01 b1 00ff 00'), `00b1003c 0001 00 50 03 ${'00'.repeat(55)}`);
});

test('the Logical Block Provisioning VPD page of thin and other units', () => {
  assertData(run(thinUnit512e(), '12 01 b2 00ff 00'), '00b20004 0b e6 02 00');
  assertData(run(makeUnit(), '12 01 b2 00ff 00'), '00b20004 00 00 00 00');
  const store = new ThinMemoryStore(STORE_BYTES);
  store.tellsAnchored = false;
  assert.is(pageOf(makeUnit({ store, thin: true }), 'b2').getUint8(5), 0xe4, 'ANC_SUP is 0 where anchored blocks are not told from mapped ones');
});

test('a threshold set grows with the unit: the number of sets has 32 bits', () => {
  const store = new ThinMemoryStore(STORE_BYTES, { claimedSizeBytes: 2 ** 62 });
  assert.is(pageOf(makeUnit({ store, thin: true }), 'b2').getUint8(4), 22);
});

test('READ CAPACITY (16) tells physical blocks, provisioning and protection', () => {
  const capacity = (unit: LogicalUnit) => dataInOf(run(unit, '9e 10 0000000000000000 00000020 00 00')).slice(12, 16);
  assert.equal([...capacity(thinUnit512e())], [0x00, 0x03, 0xc0, 0x00]);
  assert.equal([...capacity(thinUnit512e(1))], [0x01, 0x03, 0xc0, 0x00]);
  assert.equal([...capacity(thinUnit512e(3))], [0x05, 0x03, 0xc0, 0x00]);
  assert.equal([...capacity(makeUnit())], [0, 0, 0, 0]);
});

test('ranges at the end of the largest medium are exact', () => {
  const unit = makeUnit({ store: new MemoryStore(0, { claimedSizeBytes: 2 ** 62 }) });
  const write = (lba: bigint, count: string) => run(unit, `8a 00 ${lba.toString(16).padStart(16, '0')} ${count} 00 00`, { dataOut: new Uint8Array(2 * BLOCK) });
  const end = 2n ** 53n;
  assertGood(write(end - 2n, '00000002'));
  for (const [lba, count] of [
    [end - 1n, '00000002'],
    [end, '00000001'],
    [end + 1n, '00000001'],
    [end + 2n, '00000000'],
    [2n ** 64n - 1n, '00000001'],
  ] as const) {
    assert.is(write(lba, count).sense[12], 0x21, `${lba}`);
  }
  assertData(run(unit, '9e 10 0000000000000000 0000000c 00 00'), '001fffffffffffff 00000200');
});

test.run();
