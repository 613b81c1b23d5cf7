import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ElementType } from '../../../../engine/devices/changer/element-layout.js';
import { type ElementStatus, encodeElementStatus } from '../../../../engine/devices/changer/element-status.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertData, assertGood, dataInOf, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { DRIVE_1, hexOf, makeScene, readElements, SLOT_1, SLOT_2 } from './changer-fixture.js';

const empty: Omit<ElementStatus, 'address' | 'type'> = {
  isFull: false,
  isImported: false,
  isAccessible: true,
  isDisabled: false,
  exceptionAsc: null,
  sourceAddress: null,
  barcode: null,
  drive: null,
};

test('READ ELEMENT STATUS: element status data, byte by byte', () => {
  const statuses: ElementStatus[] = [
    { ...empty, address: 0, type: ElementType.transport },
    {
      ...empty,
      address: 0x100,
      type: ElementType.dataTransfer,
      isFull: true,
      sourceAddress: 0x401,
      barcode: 'A1',
      drive: { lun: 5, designator: Buffer.from('VENDOR') },
    },
    { ...empty, address: 0x101, type: ElementType.dataTransfer, isAccessible: false, isDisabled: true, exceptionAsc: 0x3b18 },
    { ...empty, address: 0x300, type: ElementType.importExport, isFull: true, isImported: true },
  ];
  const tagA1 = `4131${'20'.repeat(30)}00000000`;
  const noTag = '00'.repeat(36);
  assertBytes(
    encodeElementStatus(statuses, { withVolumeTags: true, withDriveIds: true, allocationLength: 65535 }),
    hex(`
      0000 0004 00 0000f4
      01 80 0034 00 000034   0000 00 00 0000 00 00 00 00 0000 ${noTag} 00000000
      04 80 003a 00 000074   0100 09 00 0000 15 00 00 80 0401 ${tagA1} 02 01 00 06 56454e444f52
                             0101 04 00 3b18 00 00 00 08 0000 ${noTag} 00000000 000000000000
      03 80 0034 00 000034   0300 3b 00 0000 00 00 00 00 0000 ${noTag} 00000000`),
  );
  assertBytes(
    encodeElementStatus(statuses.slice(0, 2), { withVolumeTags: false, withDriveIds: false, allocationLength: 65535 }),
    hex(`
      0000 0002 00 000030
      01 00 0010 00 000010   0000 00 00 0000 00 00 00 00 0000 00000000
      04 00 0010 00 000010   0100 09 00 0000 15 00 00 80 0401 00000000`),
  );
});

test('READ ELEMENT STATUS: everything at once, as mtx asks for it', async () => {
  const { unit, close } = await makeScene();
  const command = run(unit, 'b810 0000 ffff 01 00ffff 0000');
  assertGood(command);
  const elements = readElements(dataInOf(command));
  assert.equal(
    elements.map(({ type, address, flags, tag }) => `${type} ${address} ${flags.toString(16)} ${tag}`.trim()),
    ['1 0 0', '4 256 8', '4 257 8', '3 768 38', '3 769 38', '2 1024 9 AAA001L6', '2 1025 9 BBB002L6', '2 1026 9 CCC003L6', '2 1027 8'],
  );
  assert.equal(
    elements.slice(1, 3).map(({ identifier }) => identifier),
    ['LUNLOOM TAPE            DRIVE-1', 'LUNLOOM TAPE            DRIVE-2'],
  );
  await close();
});

test('READ ELEMENT STATUS: by type, from an address on, and only so many', async () => {
  const { unit, close } = await makeScene();
  const addressesOf = (cdb: string) => readElements(dataInOf(run(unit, cdb))).map(({ address }) => address);
  assert.equal(addressesOf('b802 0000 ffff 0000 ffff 0000'), [1024, 1025, 1026, 1027]);
  assert.equal(addressesOf('b802 0401 0002 0000 ffff 0000'), [1025, 1026]);
  assert.equal(addressesOf('b800 0101 0003 0000 ffff 0000'), [257, 768, 769]);
  assert.equal(addressesOf('b804 0000 0000 0000 ffff 0000'), []);
  assertData(run(unit, 'b802 0500 ffff 0000 ffff 0000'), '0000000000000000');
  assertCheck(run(unit, 'b805 0000 ffff 0000 ffff 0000'), '05/24/00', '1.3');
  assertCheck(run(unit, 'b800 0000 ffff 0400 ffff 0000'), '05/24/00', '6.2');
  await close();
});

test('READ ELEMENT STATUS: only whole descriptors are returned, and the header tells of all', async () => {
  const { unit, close } = await makeScene();
  const of = (allocationLength: string) => hexOf(run(unit, `b802 0000 ffff 00 ${allocationLength} 0000`));
  const header = '0400000400000048';
  const page = '0200001000000040';
  assert.is(of('000000'), '');
  assert.is(of('000005'), header.slice(0, 10));
  assert.is(of('000008'), header);
  assert.is(of('00000f'), header);
  assert.is(of('000010'), header + page);
  assert.is(of('00001f'), header + page);
  assert.is(of('000020'), `${header}${page}04000900000000000000000000000000`);
  assert.is(of('00004f').length, 2 * 64);
  assert.is(of('000050').length, 2 * 80);
  assert.is(of('ffffff').length, 2 * 80);
  await close();
});

test('READ ELEMENT STATUS: with CURDATA it runs beside a reservation, without it conflicts', async () => {
  const { unit, close } = await makeScene();
  assertGood(run(unit, '160000000000'));
  assertGood(run(unit, 'b800 0000 ffff 0200 ffff 0000', { nexus: otherNexus }));
  assert.is(run(unit, 'b800 0000 ffff 0000 ffff 0000', { nexus: otherNexus }).status, 0x18);
  await close();
});

test('READ ELEMENT STATUS: the slot that a cartridge came from goes with it from slot to slot', async () => {
  const { unit, close } = await makeScene();
  const sourceIn = (address: string) => readElements(dataInOf(run(unit, `b800 ${address} 0001 0000 ffff 0000`)))[0]?.source;
  assert.is(sourceIn(SLOT_1), null);
  assertGood(await runDeferred(unit, `a500 0000 ${SLOT_1} 0300 0000 0000`));
  assertGood(await runDeferred(unit, `a500 0000 0300 ${DRIVE_1} 0000 0000`));
  assert.is(sourceIn(DRIVE_1), 0x400);
  assertGood(await runDeferred(unit, `a500 0000 ${SLOT_2} ${SLOT_1} 0000 0000`));
  assert.is(sourceIn(SLOT_1), 0x401);
  await close();
});

test.run();
