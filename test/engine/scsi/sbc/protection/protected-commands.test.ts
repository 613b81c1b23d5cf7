import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes } from '../../../../support/assert-bytes.js';
import { assertCheck, assertGood, BLOCK, dataInOf, informationOf, run } from '../../scsi-fixture.js';
import {
  assertProtectionFault,
  cdb10,
  cdb16,
  cdb32,
  keepProtection,
  keptProtection,
  makeScene,
  PI_BYTES,
  type ProtectedScene,
  patternBlock,
  protectionOf,
  type Tags,
  type Type,
  travelling,
  types,
} from './protection-fixture.js';

const LBA = 40;
const UNIT = BLOCK + PI_BYTES;
const INITIAL = 0x500;
const ByteCheck = { nothing: 0, everyByte: 2, oneBlock: 6 } as const;
const blocks = [patternBlock(1), patternBlock(2), patternBlock(3)];
const expected = { referenceTag: INITIAL, applicationTag: 0x4321, mask: 0xffff };
const tagsOf =
  (type: Type) =>
  (index: number): Tags => ({ applicationTag: 0x4321, referenceTag: (type === 1 ? LBA : INITIAL) + index });

const verify = (type: Type, protect: number, count: number, flags: number) =>
  type === 2 ? cdb32('000a', protect, LBA, count, expected, flags) : cdb16('8f', protect, LBA, count, flags);

function written(type: Type, which: readonly Uint8Array[] = blocks): { readonly scene: ProtectedScene; readonly dataOut: Uint8Array } {
  const scene = makeScene(type);
  const dataOut = travelling(which, tagsOf(type));
  const cdb = type === 2 ? cdb32('000b', 1, LBA, which.length, expected) : cdb16('8a', 1, LBA, which.length);
  assertGood(run(scene.unit, cdb, { dataOut }));
  return { scene, dataOut };
}

/** Wrong in one field. */
function spoiled(type: Type, field: 'guard' | 'application' | 'reference', index = 1): Uint8Array {
  const { applicationTag, referenceTag } = tagsOf(type)(index);
  const tags = { applicationTag: applicationTag + (field === 'application' ? 1 : 0), referenceTag: referenceTag + (field === 'reference' ? 9 : 0) };
  return protectionOf(blocks[index] as Uint8Array, tags, field === 'guard' ? 1 : 0);
}

for (const type of types) {
  test(`VERIFY (16) and VERIFY (32): without Data-Out what is on the medium is checked as VRPROTECT says, type ${type}`, () => {
    for (const [protect, isChecked] of [true, true, false, false, true, true].entries()) {
      const { scene } = written(type);
      assertGood(run(scene.unit, verify(type, protect, 3, ByteCheck.nothing)));
      keepProtection(scene, LBA + 1, spoiled(type, 'guard'));
      const command = run(scene.unit, verify(type, protect, 3, ByteCheck.nothing));
      if (isChecked) assertProtectionFault(command, 'guard', LBA + 1);
      else assertGood(command);
    }
  });

  test(`VERIFY (16) and VERIFY (32): blocks are compared with their protection information, type ${type}`, () => {
    const { scene, dataOut } = written(type);
    for (const protect of [1, 2, 3, 4, 5]) assertGood(run(scene.unit, verify(type, protect, 3, ByteCheck.everyByte), { dataOut }));
    assertGood(run(scene.unit, verify(type, 0, 3, ByteCheck.everyByte), { dataOut: Buffer.concat(blocks) }));
    for (const field of ['guard', 'application', 'reference'] as const) {
      keepProtection(scene, LBA + 1, spoiled(type, field));
      // With 011b Data-Out is not checked, and compared all the same.
      for (const protect of [1, 3, 4, 5]) {
        const command = run(scene.unit, verify(type, protect, 3, ByteCheck.everyByte), { dataOut });
        assertProtectionFault(command, field, 0, '0e');
        assert.is(informationOf(command), UNIT + BLOCK + { guard: 0, application: 2, reference: 4 }[field]);
      }
      const withoutGuard = run(scene.unit, verify(type, 2, 3, ByteCheck.everyByte), { dataOut });
      if (field === 'guard') assertGood(withoutGuard);
      else assertProtectionFault(withoutGuard, field, 0, '0e');
    }
  });

  test(`VERIFY (16) and VERIFY (32): one block stands for all, and its reference tag goes on but for type 3; type ${type}`, () => {
    const block = blocks[0] as Uint8Array;
    const { scene } = written(type, [block, block, block]);
    const dataOut = travelling([block], tagsOf(type));
    const command = run(scene.unit, verify(type, 1, 3, ByteCheck.oneBlock), { dataOut });
    if (type === 3) assertProtectionFault(command, 'reference', 0, '0e');
    else assertGood(command);
  });

  test(`WRITE AND VERIFY (16) and WRITE AND VERIFY (32): what was written is compared, or checked; type ${type}`, () => {
    for (const flags of [ByteCheck.nothing, ByteCheck.everyByte]) {
      const scene = makeScene(type);
      const dataOut = travelling(blocks, tagsOf(type));
      const cdb = type === 2 ? cdb32('000c', 1, LBA, 3, expected, flags) : cdb16('8e', 1, LBA, 3, flags);
      assertGood(run(scene.unit, cdb, { dataOut }));
      assertBytes(keptProtection(scene, LBA + 2), protectionOf(blocks[2] as Uint8Array, tagsOf(type)(2)));
      dataOut[3] = (dataOut[3] as number) ^ 1;
      assertProtectionFault(run(scene.unit, cdb, { dataOut }), 'guard', LBA);
    }
  });

  test(`WRITE SAME (16) and WRITE SAME (32): one block with protection information for all, whose reference tag goes on but for type 3; type ${type}`, () => {
    const scene = makeScene(type);
    const block = blocks[0] as Uint8Array;
    const dataOut = travelling([block], tagsOf(type));
    const cdb = type === 2 ? cdb32('000d', 1, LBA, 700, expected) : cdb16('93', 1, LBA, 700);
    assertGood(run(scene.unit, cdb, { dataOut }));
    for (const index of [0, 1, 511, 512, 699]) {
      const { applicationTag, referenceTag } = tagsOf(type)(type === 3 ? 0 : index);
      assertBytes(keptProtection(scene, LBA + index), protectionOf(block, { applicationTag, referenceTag }));
      assertBytes(scene.data.bytes.subarray((LBA + index) * BLOCK, (LBA + index + 1) * BLOCK), block);
    }
    assertBytes(keptProtection(scene, LBA + 700), new Uint8Array(PI_BYTES).fill(0xff));
    dataOut[0] = (dataOut[0] as number) ^ 1;
    assertProtectionFault(run(scene.unit, cdb, { dataOut }), 'guard', LBA);
  });
}

test('WRITE SAME (10) and WRITE SAME (16): a block that comes alone gets protection information, and none (NDOB) leaves it blank', () => {
  const scene = makeScene(1);
  const block = blocks[0] as Uint8Array;
  assertGood(run(scene.unit, cdb10('41', 0, LBA, 3), { dataOut: block }));
  assertBytes(keptProtection(scene, LBA + 2), protectionOf(block, { applicationTag: 0xffff, referenceTag: LBA + 2 }));
  assertGood(run(scene.unit, cdb16('93', 0, LBA, 3, 1)));
  assertBytes(keptProtection(scene, LBA, 3), new Uint8Array(3 * PI_BYTES).fill(0xff));
  assertBytes(scene.data.bytes.subarray(LBA * BLOCK, (LBA + 3) * BLOCK), new Uint8Array(3 * BLOCK));
  assertCheck(run(scene.unit, cdb16('93', 1, LBA, 3), { dataOut: block }), '05/24/00');
});

const cawCdb = (protect: number, count: number) =>
  `89 ${((protect << 5) & 0xff).toString(16).padStart(2, '0')} 00 00 00 00 00 00 00 28 00 00 00 0${count} 00 00`;

test('COMPARE AND WRITE: both halves have protection information, of which the second is kept', () => {
  const { scene, dataOut } = written(1);
  const others = [patternBlock(7), patternBlock(8)];
  const second = travelling(others, (index) => ({ applicationTag: 0x99, referenceTag: LBA + index }));
  const both = Buffer.concat([dataOut.subarray(0, 2 * UNIT), second]);
  assertGood(run(scene.unit, cawCdb(1, 2), { dataOut: both }));
  assertBytes(dataInOf(run(scene.unit, cdb16('88', 1, LBA, 2))), second);
  const miscompare = run(scene.unit, cawCdb(1, 2), { dataOut: both });
  assertCheck(miscompare, '0e/1d/00');
  for (const [at, half] of [0, 2 * UNIT].entries()) {
    const wrong = Buffer.concat([second, second]);
    wrong.set(spoiled(1, 'reference'), half + UNIT + BLOCK);
    wrong.set(blocks[1] as Uint8Array, half + UNIT);
    assertProtectionFault(run(scene.unit, cawCdb(1, 2), { dataOut: wrong }), 'reference', LBA + 1);
    assert.ok(at < 2);
  }
  assertCheck(run(scene.unit, cawCdb(1, 2), { dataOut: new Uint8Array(4 * BLOCK) }), '05/24/00', '13');
  assertGood(run(scene.unit, cawCdb(0, 1), { dataOut: Buffer.concat([others[0] as Uint8Array, patternBlock(9)]) }));
  assertBytes(keptProtection(scene, LBA), protectionOf(patternBlock(9), { applicationTag: 0xffff, referenceTag: LBA }));
});

test('COMPARE AND WRITE: a block that fails its checks on the medium is not written over', () => {
  const { scene, dataOut } = written(1);
  keepProtection(scene, LBA, spoiled(1, 'guard', 0));
  const both = Buffer.concat([dataOut.subarray(0, UNIT), travelling([patternBlock(7)], tagsOf(1))]);
  assertProtectionFault(run(scene.unit, cawCdb(1, 1), { dataOut: both }), 'guard', LBA);
  assertBytes(scene.data.bytes.subarray(LBA * BLOCK, (LBA + 1) * BLOCK), blocks[0] as Uint8Array);
  assertGood(run(scene.unit, cawCdb(3, 1), { dataOut: both }));
});

test('ORWRITE (16): what results has a guard of its own, and the tags that came', () => {
  const { scene } = written(1);
  const mask = patternBlock(5);
  const dataOut = travelling([mask, mask], (index) => ({ applicationTag: 0x77, referenceTag: LBA + index }));
  assertGood(run(scene.unit, cdb16('8b', 1, LBA, 2), { dataOut }));
  for (const index of [0, 1]) {
    const result = (blocks[index] as Uint8Array).map((byte, at) => byte | (mask[at] as number));
    assertBytes(scene.data.bytes.subarray((LBA + index) * BLOCK, (LBA + index + 1) * BLOCK), result);
    assertBytes(keptProtection(scene, LBA + index), protectionOf(result, { applicationTag: 0x77, referenceTag: LBA + index }));
  }
  assertGood(run(scene.unit, cdb16('8b', 0, LBA + 2, 1), { dataOut: mask }));
  const last = (blocks[2] as Uint8Array).map((byte, at) => byte | (mask[at] as number));
  assertBytes(keptProtection(scene, LBA + 2), protectionOf(last, { applicationTag: 0xffff, referenceTag: LBA + 2 }));
  keepProtection(scene, LBA, spoiled(1, 'guard', 0));
  assertProtectionFault(run(scene.unit, cdb16('8b', 1, LBA, 2), { dataOut }), 'guard', LBA);
  dataOut[UNIT] = (dataOut[UNIT] as number) ^ 1;
  assertProtectionFault(run(scene.unit, cdb16('8b', 1, LBA, 2), { dataOut }), 'guard', LBA + 1);
});

test('WRITE ATOMIC (16): all blocks with protection information, or none', () => {
  const scene = makeScene(1);
  const dataOut = travelling(blocks, tagsOf(1));
  const cdb = (protect: number) => `9c ${(protect << 5).toString(16).padStart(2, '0')} 00 00 00 00 00 00 00 28 00 00 00 03 00 00`;
  assertGood(run(scene.unit, cdb(1), { dataOut }));
  assertBytes(dataInOf(run(scene.unit, cdb16('88', 1, LBA, 3))), dataOut);
  assertCheck(run(scene.unit, cdb(1), { dataOut: dataOut.subarray(0, 3 * BLOCK) }), '05/24/00', '12');
  assertGood(run(scene.unit, cdb(0), { dataOut: Buffer.concat(blocks) }));
});

for (const form of [10, 32] as const) {
  const xd = (protect: number, flags: number) =>
    form === 10 ? cdb10('53', protect, LBA, 2, flags) : cdb32('0007', protect, LBA, 2, { referenceTag: 0, applicationTag: 0, mask: 0 }, flags);
  const news = [patternBlock(11), patternBlock(12)];
  const exclusive = (left: Uint8Array, right: Uint8Array) => left.map((byte, at) => byte ^ (right[at] as number));

  for (const [name, xorsProtection] of [
    ['alone', 0],
    ['with that of their protection information', 1],
  ] as const) {
    test(`XDWRITEREAD (${form}): blocks with protection information are written, and the exclusive or comes back ${name}`, () => {
      const { scene, dataOut: before } = written(1);
      const dataOut = travelling(news, (index) => ({ applicationTag: 0x31, referenceTag: LBA + index }));
      const command = run(scene.unit, xd(1, xorsProtection), { dataOut });
      assertGood(command);
      const data = news.map((block, index) => exclusive(block, blocks[index] as Uint8Array));
      assertBytes(dataInOf(command), xorsProtection === 0 ? Buffer.concat(data) : exclusive(dataOut, before.subarray(0, 2 * UNIT)));
      assertBytes(dataInOf(run(scene.unit, cdb16('88', 1, LBA, 2))), dataOut);
    });
  }

  test(`XDWRITEREAD (${form}): nothing is written of Data-Out that fails its checks`, () => {
    const { scene } = written(1);
    const before = scene.data.bytes.slice();
    const dataOut = travelling(news, (index) => ({ applicationTag: 0x31, referenceTag: LBA + 2 * index }));
    assertProtectionFault(run(scene.unit, xd(1, 0), { dataOut }), 'reference', LBA + 1);
    assertBytes(scene.data.bytes, before);
  });
}

test.run();
