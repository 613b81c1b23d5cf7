import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProtectedStore } from '../../../../../engine/store/protected-store.js';
import { openRamStore } from '../../../../../engine/store/ram-store.js';
import { assertBytes } from '../../../../support/assert-bytes.js';
import { InlineIo, MemoryState } from '../../internal-io.js';
import { assertCheck, assertGood, BLOCK, dataInOf, makeUnit, run, runDeferred } from '../../scsi-fixture.js';
import { cdb10, cdb16, cdb32, makeScene, PI_BYTES, PROTECTED_BLOCKS, patternBlock, protectionOf, type Type, travelling, types } from './protection-fixture.js';

const LBA = 40;
const FMTPINFO: Readonly<Record<Type, string>> = { 1: '90', 2: 'd0', 3: 'd0' };
const FIELD_USAGE: Readonly<Record<Type, string>> = { 1: '00', 2: '00', 3: '01' };
const blank = (count: number) => new Uint8Array(count * PI_BYTES).fill(0xff);

/** Thin or not, with memory that gives space back. */
function makeRamScene(type: Type, thin: boolean) {
  const sizeBytes = PROTECTED_BLOCKS * BLOCK;
  const store = new ProtectedStore(openRamStore({ sizeBytes }), openRamStore({ sizeBytes: PROTECTED_BLOCKS * PI_BYTES }), BLOCK);
  const io = new InlineIo();
  const unit = makeUnit({ store, protectionType: type, thin, host: { io, state: new MemoryState() } });
  io.unit = unit;
  const kept = (lba: number, count: number) => {
    const bytes = new Uint8Array(count * PI_BYTES);
    store.readProtection(bytes, 0, lba, count);
    return bytes;
  };
  const dataOut = travelling([patternBlock(1), patternBlock(2)], (index) => ({ applicationTag: 5, referenceTag: LBA + index }));
  const tags = { referenceTag: LBA, applicationTag: 0, mask: 0 };
  assertGood(run(unit, type === 2 ? cdb32('000b', 1, LBA, 2, tags) : cdb16('8a', 1, LBA, 2), { dataOut }));
  return { unit, store, kept };
}

for (const type of types) {
  for (const thin of [false, true]) {
    test(`FORMAT UNIT: blocks of type ${type} have FFh for protection information afterwards, ${thin ? 'thin' : 'fully provisioned'}`, async () => {
      const { unit, kept } = makeRamScene(type, thin);
      const command = await runDeferred(unit, `04 ${FMTPINFO[type]} 00 00 00 00`, { dataOut: Buffer.from(`${FIELD_USAGE[type]}000000`, 'hex') });
      assertGood(command);
      assertBytes(kept(0, PROTECTED_BLOCKS), blank(PROTECTED_BLOCKS));
      assertBytes(dataInOf(run(unit, cdb10('28', 0, LBA, 2))), new Uint8Array(2 * BLOCK));
    });
  }

  test(`FORMAT UNIT: blocks of type ${type} with an initialization pattern have FFh for protection information too`, async () => {
    const { unit, kept } = makeRamScene(type, true);
    const list = Buffer.from(`${FIELD_USAGE[type]}880000 00010002 cafe`.replaceAll(' ', ''), 'hex');
    assertGood(await runDeferred(unit, `04 ${FMTPINFO[type]} 00 00 00 00`, { dataOut: list }));
    assertBytes(kept(0, PROTECTED_BLOCKS), blank(PROTECTED_BLOCKS));
    assert.equal([...dataInOf(run(unit, cdb10('28', 0, LBA, 1))).subarray(0, 4)], [0xca, 0xfe, 0xca, 0xfe]);
  });

  test(`FORMAT UNIT: a unit of type ${type} is formatted with its own type alone`, async () => {
    const { unit } = makeRamScene(type, true);
    assertCheck(await runDeferred(unit, '04 00 00 00 00 00'), '05/24/00', '1.7');
    if (type !== 1) assertCheck(await runDeferred(unit, '04 80 00 00 00 00'), '05/24/00', '1.7');
    else assertCheck(await runDeferred(unit, '04 c0 00 00 00 00'), '05/24/00', '1.7');
  });
}

test('UNMAP and WRITE SAME (16) with UNMAP: what is unmapped has FFh for protection information', () => {
  const { unit, kept } = makeRamScene(1, true);
  const list = Buffer.from('0016 0010 00000000 0000000000000028 00000001 00000000'.replaceAll(' ', ''), 'hex');
  assertGood(run(unit, '42 00 00 00 00 00 00 00 18 00', { dataOut: list }));
  assertBytes(kept(LBA, 1), blank(1));
  assertBytes(kept(LBA + 1, 1), protectionOf(patternBlock(2), { applicationTag: 5, referenceTag: LBA + 1 }));
  assertGood(run(unit, cdb16('93', 0, LBA + 1, 1, 0x08), { dataOut: new Uint8Array(BLOCK) }));
  assertBytes(kept(LBA + 1, 1), blank(1));
});

test('a protected store that shrinks and grows again has lost what lay behind its end', () => {
  const { store } = makeRamScene(1, true);
  const grown = store.resized(LBA * BLOCK, BLOCK).resized(PROTECTED_BLOCKS * BLOCK, BLOCK);
  const bytes = new Uint8Array(2 * PI_BYTES);
  assert.is(grown.readProtection(bytes, 0, LBA, 2), bytes.length);
  assertBytes(bytes, blank(2));
  assert.is(grown.read(new Uint8Array(BLOCK), 0, BLOCK, LBA * BLOCK), BLOCK);
});

test('a write to a protected store that brings no protection information leaves blocks that are not checked', () => {
  const scene = makeScene(1);
  const dataOut = travelling([patternBlock(1)], () => ({ applicationTag: 5, referenceTag: LBA }));
  assertGood(run(scene.unit, cdb16('8a', 1, LBA, 1), { dataOut }));
  assert.is(scene.store.write(patternBlock(9), 0, BLOCK, LBA * BLOCK, false), BLOCK);
  assertGood(run(scene.unit, cdb16('88', 1, LBA, 1)));
});

test.run();
