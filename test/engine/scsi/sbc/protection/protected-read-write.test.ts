import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes } from '../../../../support/assert-bytes.js';
import { assertCheck, assertGood, BLOCK, type CommandOptions, dataInOf, run } from '../../scsi-fixture.js';
import {
  assertProtectionFault,
  cdb10,
  cdb12,
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
const EXPECTED_REFERENCE_TAG = 0xfffffffe;
const blocks = [patternBlock(1), patternBlock(2), patternBlock(3)];

/** The reference tag of the `index`-th block from `LBA` on that the type wants, where the command says what type 2 is to have. */
const referenceTagOf = (type: Type, index: number) => (type === 1 ? LBA + index : (EXPECTED_REFERENCE_TAG + index) % 2 ** 32);
const tagsOf =
  (type: Type) =>
  (index: number): Tags => ({ applicationTag: 0x1234, referenceTag: referenceTagOf(type, index) });

const expected = { referenceTag: EXPECTED_REFERENCE_TAG, applicationTag: 0x1200, mask: 0xff00 };

/** The command that serves a type: with type 2 the 32-byte one. */
const readCdb = (type: Type, protect: number, count = 3) => (type === 2 ? cdb32('0009', protect, LBA, count, expected) : cdb16('88', protect, LBA, count));
const writeCdb = (type: Type, protect: number, count = 3) => (type === 2 ? cdb32('000b', protect, LBA, count, expected) : cdb16('8a', protect, LBA, count));

function written(type: Type): { readonly scene: ProtectedScene; readonly dataOut: Uint8Array } {
  const scene = makeScene(type);
  const dataOut = travelling(blocks, tagsOf(type));
  assertGood(run(scene.unit, writeCdb(type, 1), { dataOut }));
  return { scene, dataOut };
}

for (const type of types) {
  test(`READ (16), READ (32), WRITE (16) and WRITE (32): blocks of type ${type} come back with the protection information that they came with`, () => {
    const { scene, dataOut } = written(type);
    assertBytes(keptProtection(scene, LBA + 1), protectionOf(blocks[1] as Uint8Array, tagsOf(type)(1)));
    for (const protect of [1, 2, 3, 4, 5]) {
      const command = run(scene.unit, readCdb(type, protect));
      assertGood(command);
      assertBytes(dataInOf(command), dataOut);
    }
    const plain = run(scene.unit, readCdb(type, 0));
    assertGood(plain);
    assertBytes(dataInOf(plain), Buffer.concat(blocks));
    assert.is(plain.dataInLength, 3 * BLOCK);
  });
}

type Field = 'guard' | 'application' | 'reference';
/** Which fields the values 000b to 101b of RDPROTECT and WRPROTECT have checked. SBC-3 "READ (10) command". */
const checkedBy: readonly (readonly Field[])[] = [
  ['guard', 'application', 'reference'],
  ['guard', 'application', 'reference'],
  ['application', 'reference'],
  [],
  ['guard'],
  ['guard', 'application', 'reference'],
];
/** Tags that the target knows: those of the 32-byte commands, and the LBA. */
const knownBy: Readonly<Record<Type, readonly Field[]>> = { 1: ['guard', 'reference'], 2: ['guard', 'application', 'reference'], 3: ['guard'] };

/** Protection information of the second block with one field that is wrong. */
function spoiled(type: Type, field: Field): Uint8Array {
  const { applicationTag, referenceTag } = tagsOf(type)(1);
  const tags = { applicationTag: field === 'application' ? 0x2234 : applicationTag, referenceTag: field === 'reference' ? referenceTag + 5 : referenceTag };
  return protectionOf(blocks[1] as Uint8Array, tags, field === 'guard' ? 1 : 0);
}

for (const type of types) {
  for (const [protect, checked] of checkedBy.entries()) {
    for (const field of ['guard', 'application', 'reference'] as const) {
      const fails = checked.includes(field) && knownBy[type].includes(field);
      const outcome = fails ? 'is found' : 'is not looked for';

      test(`READ (16) and READ (32): a wrong ${field} field of type ${type} ${outcome} with RDPROTECT ${protect}`, () => {
        const { scene, dataOut } = written(type);
        keepProtection(scene, LBA + 1, spoiled(type, field));
        const command = run(scene.unit, readCdb(type, protect));
        if (!fails) {
          assertGood(command);
          return;
        }
        assertProtectionFault(command, field, LBA + 1);
        const firstBlock = protect === 0 ? dataOut.subarray(0, BLOCK) : dataOut.subarray(0, BLOCK + PI_BYTES);
        assertBytes(dataInOf(command), firstBlock);
      });

      if (protect === 0) continue;
      test(`WRITE (16) and WRITE (32): a wrong ${field} field of type ${type} ${outcome} with WRPROTECT ${protect}`, () => {
        const { scene } = written(type);
        const before = scene.data.bytes.slice();
        const dataOut = travelling(blocks.toReversed(), tagsOf(type));
        const wrong = spoiled(type, field);
        dataOut.set(wrong, BLOCK + PI_BYTES + BLOCK);
        const command = run(scene.unit, writeCdb(type, protect), { dataOut });
        if (fails) {
          assertProtectionFault(command, field, LBA + 1);
          assertBytes(scene.data.bytes, before);
        } else {
          assertGood(command);
          assertBytes(keptProtection(scene, LBA + 1), wrong);
        }
      });
    }
  }
}

test('READ (10): nothing is checked of a block whose tags disable the checks', () => {
  for (const type of types) {
    const { scene } = written(type);
    const garbage = protectionOf(blocks[0] as Uint8Array, { applicationTag: 0xffff, referenceTag: type === 3 ? 0xffffffff : 7 }, 0x55);
    keepProtection(scene, LBA + 1, garbage);
    const command = type === 2 ? run(scene.unit, cdb32('0009', 1, LBA, 3, expected)) : run(scene.unit, cdb10('28', 1, LBA, 3));
    assertGood(command);
    assertBytes(dataInOf(command).subarray(2 * BLOCK + PI_BYTES, 2 * BLOCK + 2 * PI_BYTES), garbage);
  }
});

test('READ (10): an application tag of FFFFh alone disables no checks of type 3', () => {
  const { scene } = written(3);
  keepProtection(scene, LBA + 1, protectionOf(blocks[1] as Uint8Array, { applicationTag: 0xffff, referenceTag: 7 }, 0x55));
  assertProtectionFault(run(scene.unit, cdb10('28', 1, LBA, 3)), 'guard', LBA + 1);
});

test('READ (16): with DPICZ of the Control mode page nothing is checked of what leaves alone', () => {
  const { scene } = written(1);
  keepProtection(scene, LBA + 1, spoiled(1, 'guard'));
  assertProtectionFault(run(scene.unit, cdb16('88', 0, LBA, 3)), 'guard', LBA + 1);
  const page = dataInOf(run(scene.unit, '1a 08 0a 00 10 00')).slice(4);
  page[2] = (page[2] as number) | 0x08;
  assertGood(run(scene.unit, '15 10 00 00 10 00', { dataOut: Buffer.concat([new Uint8Array(4), page]) }));
  assertGood(run(scene.unit, cdb16('88', 0, LBA, 3)));
  assertProtectionFault(run(scene.unit, cdb16('88', 1, LBA, 3)), 'guard', LBA + 1);
});

test('WRITE (16): what disables the checks of the medium does not disable those of Data-Out', () => {
  const scene = makeScene(1);
  const dataOut = Buffer.concat([blocks[0] as Uint8Array, new Uint8Array(PI_BYTES).fill(0xff)]);
  assertProtectionFault(run(scene.unit, cdb16('8a', 1, LBA, 1), { dataOut }), 'guard', LBA);
});

test('WRITE (6), WRITE (10), WRITE (12) and WRITE (16): blocks that come alone get a guard, and tags that leave them unchecked', () => {
  const cdbs = [`0a 00 00 28 01 00`, cdb10('2a', 0, LBA, 1), cdb12('aa', 0, LBA, 1), cdb16('8a', 0, LBA, 1)];
  for (const type of types) {
    for (const cdb of cdbs) {
      const scene = makeScene(type);
      assertGood(run(scene.unit, cdb, { dataOut: blocks[0] as Uint8Array }));
      const referenceTag = type === 1 ? LBA : 0xffffffff;
      assertBytes(keptProtection(scene, LBA), protectionOf(blocks[0] as Uint8Array, { applicationTag: 0xffff, referenceTag }));
    }
  }
});

test('READ (6), READ (10), READ (12) and READ (16): blocks that were never written have FFh for protection information', () => {
  const scene = makeScene(1);
  assertGood(run(scene.unit, '08 00 00 05 02 00'));
  for (const cdb of [cdb10('28', 1, 5, 1), cdb12('a8', 1, 5, 1), cdb16('88', 1, 5, 1)]) {
    const command = run(scene.unit, cdb);
    assertGood(command);
    assertBytes(dataInOf(command).subarray(BLOCK), new Uint8Array(PI_BYTES).fill(0xff));
  }
});

test('READ (16): the reference tag of type 1 has the least significant 32 bits of the LBA', () => {
  const scene = makeScene(1);
  const block = blocks[0] as Uint8Array;
  keepProtection(scene, LBA, protectionOf(block, { applicationTag: 1, referenceTag: LBA }));
  scene.data.bytes.set(block, LBA * BLOCK);
  assertGood(run(scene.unit, cdb16('88', 1, LBA, 1)));
});

test('READ (16): an initiator that takes part of a block gets it, and of its protection information', () => {
  const { scene, dataOut } = written(1);
  for (const expectedDataInLength of [1, BLOCK, BLOCK + 3, BLOCK + PI_BYTES, 2 * BLOCK + PI_BYTES + 5]) {
    const command = run(scene.unit, cdb16('88', 1, LBA, 3), { expectedDataInLength });
    assertGood(command);
    assert.is(command.dataInLength, 3 * (BLOCK + PI_BYTES));
    assertBytes(dataInOf(command), dataOut.subarray(0, expectedDataInLength));
  }
});

test('WRITE (16): the whole blocks with protection information that came are written', () => {
  const { scene } = written(1);
  const dataOut = travelling(blocks.toReversed(), tagsOf(1)).subarray(0, 2 * BLOCK + PI_BYTES + 5);
  assertGood(run(scene.unit, cdb16('8a', 1, LBA, 3), { dataOut }));
  assertBytes(scene.data.bytes.subarray(LBA * BLOCK, (LBA + 1) * BLOCK), blocks[2] as Uint8Array);
  assertBytes(scene.data.bytes.subarray((LBA + 1) * BLOCK, (LBA + 2) * BLOCK), blocks[1] as Uint8Array);
});

for (const blockLengthBytes of [520, 4096]) {
  test(`READ (16) and WRITE (16): protection information follows blocks of ${blockLengthBytes} bytes, over several pieces`, () => {
    const count = 30;
    const scene = makeScene(1, { blockLengthBytes });
    const many = Array.from({ length: count }, (_, index) => patternBlock(index, blockLengthBytes));
    const dataOut = travelling(many, tagsOf(1));
    assertGood(run(scene.unit, cdb16('8a', 1, LBA, count), { dataOut }));
    assertBytes(dataInOf(run(scene.unit, cdb16('88', 1, LBA, count))), dataOut);
  });
}

test('READ (10) and WRITE (10): RDPROTECT and WRPROTECT 110b and 111b are reserved', () => {
  const options: CommandOptions = { dataOut: new Uint8Array(BLOCK + PI_BYTES) };
  for (const protect of [6, 7]) {
    assertCheck(run(makeScene(1).unit, cdb10('28', protect, 0, 1)), '05/24/00', '1.7');
    assertCheck(run(makeScene(1).unit, cdb10('2a', protect, 0, 1), options), '05/24/00', '1.7');
    assertCheck(run(makeScene(2).unit, cdb32('0009', protect, 0, 1, expected)), '05/24/00', '10.7');
    assertCheck(run(makeScene(2).unit, cdb32('000b', protect, 0, 1, expected), options), '05/24/00', '10.7');
  }
});

test('READ (32) and WRITE (32) serve type 2 alone, and the shorter forms serve it without protection information', () => {
  for (const type of [1, 3] as const) {
    assertCheck(run(makeScene(type).unit, cdb32('0009', 0, 0, 1, expected)), '05/20/00');
    assertCheck(run(makeScene(type).unit, cdb32('000b', 0, 0, 1, expected), { dataOut: patternBlock(0) }), '05/20/00');
  }
  for (const protect of [1, 2, 3, 4, 5]) {
    assertCheck(run(makeScene(2).unit, cdb10('28', protect, 0, 1)), '05/20/00');
    assertCheck(run(makeScene(2).unit, cdb16('8a', protect, 0, 1), { dataOut: new Uint8Array(BLOCK + PI_BYTES) }), '05/20/00');
  }
});

test('WRITE (16): on a store that outlives the process, no block has protection information that its data lacks', () => {
  const scene = makeScene(1, { durability: 'process' });
  assertGood(run(scene.unit, cdb16('8a', 1, LBA, 3), { dataOut: travelling(blocks, tagsOf(1)) }));
  // The same blocks anew, and the process is gone once their data has changed.
  const reversed = travelling(blocks.toReversed(), tagsOf(1));
  scene.beside.write = (source, sourceOffset, lengthBytes, positionBytes) => {
    if (source.subarray(sourceOffset, sourceOffset + lengthBytes).some((byte) => byte !== 0)) return -1;
    scene.beside.bytes.fill(0, positionBytes, positionBytes + lengthBytes);
    return lengthBytes;
  };
  assertCheck(run(scene.unit, cdb16('8a', 1, LBA, 3), { dataOut: reversed }), '03/0c/00');
  assertBytes(keptProtection(scene, LBA, 3), new Uint8Array(3 * PI_BYTES).fill(0xff));
  const read = run(scene.unit, cdb16('88', 1, LBA, 3));
  assertGood(read);
});

test.run();
