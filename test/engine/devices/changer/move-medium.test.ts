import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Asc } from '../../../../engine/scsi/sense.js';
import { assertCheck, assertGood, dataInOf, nexus, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { DRIVE_1, DRIVE_2, LIBRARY, MAILSLOT_1, makeScene, PICKER, readElements, SLOT_1, SLOT_2, SLOT_3, SLOT_4 } from './changer-fixture.js';
import { FakeDrive } from './fake-drive.js';

const move = (from: string, to: string, picker = PICKER) => `a500 ${picker} ${from} ${to} 0000 0000`;
const exchange = (source: string, first: string, second: string) => `a600 ${PICKER} ${source} ${first} ${second} 0000`;

test('MOVE MEDIUM: into a drive, which loads the cartridge, and back, with the slot that it came from', async () => {
  const scene = await makeScene();
  assertGood(await runDeferred(scene.unit, move(SLOT_2, DRIVE_1)));
  assert.equal(scene.placed(), ['256: b.tape', '1024: a.tape', '1026: c.tape']);
  assert.is(scene.drives[0]?.current?.barcode, 'BBB002L6');
  const [status] = readElements(dataInOf(run(scene.unit, `b814 ${DRIVE_1} 0001 0000 ffff 0000`)));
  assert.equal(status, { type: 4, address: 0x100, flags: 0x09, asc: 0, source: 0x401, tag: 'BBB002L6', identifier: '' });
  assertGood(await runDeferred(scene.unit, move(DRIVE_1, SLOT_4)));
  assert.equal(scene.placed(), ['1024: a.tape', '1026: c.tape', '1027: b.tape']);
  assert.equal(scene.drives[0]?.log, ['insert b.tape', 'remove b.tape']);
  await scene.close();
});

test('MOVE MEDIUM: from drive to drive, and to where the cartridge is already', async () => {
  const scene = await makeScene();
  for (const cdb of [move(SLOT_1, DRIVE_1), move(DRIVE_1, DRIVE_2), move(DRIVE_2, DRIVE_2)]) assertGood(await runDeferred(scene.unit, cdb));
  assert.equal(
    scene.drives.map(({ log }) => log),
    [['insert a.tape', 'remove a.tape'], ['insert a.tape']],
  );
  await scene.close();
});

test('MOVE MEDIUM: addresses that are of no element or of a picker, INVERT, and reserved bits', async () => {
  const scene = await makeScene();
  for (const cdb of [
    move('0404', DRIVE_1),
    move(SLOT_1, '0102'),
    move(SLOT_1, PICKER),
    move(PICKER, SLOT_4),
    move(SLOT_1, SLOT_4, SLOT_1),
    move('ffff', SLOT_4),
  ]) {
    assertCheck(await runDeferred(scene.unit, cdb), '05/21/01');
  }
  assertCheck(run(scene.unit, `a500 ${PICKER} ${SLOT_1} ${SLOT_4} 0000 0100`), '05/24/00', '10.0');
  assertCheck(run(scene.unit, `a501 ${PICKER} ${SLOT_1} ${SLOT_4} 0000 0000`), '05/24/00', '1.0');
  assert.equal(scene.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape']);
  await scene.close();
});

test('MOVE MEDIUM: an empty source, a full destination, and a drive that an operator has filled', async () => {
  const scene = await makeScene();
  assertCheck(await runDeferred(scene.unit, move(SLOT_4, DRIVE_1)), '05/3b/0e');
  assertCheck(await runDeferred(scene.unit, move(DRIVE_1, SLOT_4)), '05/3b/0e');
  assertCheck(await runDeferred(scene.unit, move(SLOT_1, SLOT_2)), '05/3b/0d');
  (scene.drives[0] as FakeDrive).current = { path: '/elsewhere/x.tape', barcode: null, kind: 'tape' };
  assertCheck(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)), '05/3b/0d');
  assertGood(await runDeferred(scene.unit, move(DRIVE_1, SLOT_4)));
  assert.equal(scene.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape', '1027: x.tape'], 'it has joined the library');
  await scene.close();
});

test('MOVE MEDIUM: a drive that prevents removal, that could not write back, and that does not take the kind', async () => {
  const drives = [new FakeDrive(), new FakeDrive('cdrom')];
  const scene = await makeScene({ drives });
  assertGood(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)));
  const drive = drives[0] as FakeDrive;
  drive.isRemovalPrevented = true;
  assertCheck(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)), '05/53/03');
  drive.isRemovalPrevented = false;
  drive.removeFault = 'MEDIUM_FLUSH_FAILED';
  assertCheck(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)), '04/53/0a');
  drive.removeFault = 'MEDIUM_PREVENTED';
  assertCheck(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)), '05/53/03');
  assertCheck(await runDeferred(scene.unit, move(SLOT_2, DRIVE_2)), '05/30/00');
  assert.equal(scene.placed(), ['256: a.tape', '1025: b.tape', '1026: c.tape']);
  assert.equal(drive.log, ['insert a.tape']);
  await scene.close();
});

test('MOVE MEDIUM: with auto-unload off a drive has to be unloaded first', async () => {
  const scene = await makeScene({ text: `auto-unload: false\n${LIBRARY}` });
  assertGood(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)));
  const accessOf = () => (readElements(dataInOf(run(scene.unit, `b804 ${DRIVE_1} 0001 0000 ffff 0000`)))[0]?.flags ?? 0) & 0x08;
  assert.is(accessOf(), 0);
  assertCheck(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)), '05/53/03');
  (scene.drives[0] as FakeDrive).isUnloaded = true;
  assert.is(accessOf(), 0x08);
  assertGood(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)));
  await scene.close();
});

test('MOVE MEDIUM: an image that is not there keeps the cartridge out of drives', async () => {
  const scene = await makeScene({ images: ['a.tape', 'b.tape'] });
  assert.is(scene.notices.length, 1);
  assert.match(scene.notices[0] as string, 'there is no file at the path of the cartridge CCC003L6');
  const [, , third] = readElements(dataInOf(run(scene.unit, 'b812 0000 ffff 0000 ffff 0000')));
  assert.equal(third, { type: 2, address: 0x402, flags: 0x0d, asc: 0x5300, source: null, tag: 'CCC003L6', identifier: '' });
  assertCheck(await runDeferred(scene.unit, move(SLOT_3, DRIVE_1)), '03/53/00');
  assertGood(await runDeferred(scene.unit, move(SLOT_3, SLOT_4)));
  unlinkSync(join(scene.folder, 'a.tape'));
  assertCheck(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)), '03/53/00');
  await scene.close();
});

test('MOVE MEDIUM: a drive that makes cartridges takes one whose image is not there yet', async () => {
  const drives = [new FakeDrive(), new FakeDrive()];
  (drives[1] as FakeDrive).makesMissing = true;
  const scene = await makeScene({ images: [], drives });
  assert.equal(scene.notices, []);
  assertCheck(await runDeferred(scene.unit, move(SLOT_3, DRIVE_1)), '03/53/00');
  assertGood(await runDeferred(scene.unit, move(SLOT_3, DRIVE_2)));
  await scene.close();
});

test('MOVE MEDIUM: the state that cannot be written moves nothing, and the drive gets its cartridge back', async () => {
  const scene = await makeScene();
  assertGood(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)));
  // A directory where the new state is written first.
  const { mkdirSync, rmdirSync } = await import('node:fs');
  const obstacle = join(scene.folder, 'lab.lib.state.tmp');
  mkdirSync(obstacle);
  assertCheck(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)), '04/44/00');
  assert.equal(scene.placed(), ['256: a.tape', '1025: b.tape', '1026: c.tape']);
  assert.equal(scene.drives[0]?.log, ['insert a.tape', 'remove a.tape', 'insert a.tape']);
  rmdirSync(obstacle);
  assertGood(await runDeferred(scene.unit, move(DRIVE_1, SLOT_1)));
  await scene.close();
});

test('MOVE MEDIUM: conflicts with a reservation of another nexus', async () => {
  const scene = await makeScene();
  assertGood(run(scene.unit, '160000000000'));
  assert.is((await runDeferred(scene.unit, move(SLOT_1, DRIVE_1), { nexus: otherNexus })).status, 0x18);
  assert.is((await runDeferred(scene.unit, exchange(SLOT_1, SLOT_2, SLOT_4), { nexus: otherNexus })).status, 0x18);
  assert.equal(scene.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape']);
  await scene.close();
});

test('EXCHANGE MEDIUM: the first destination makes room for the source, and its cartridge goes on', async () => {
  const scene = await makeScene();
  assertGood(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)));
  assertGood(await runDeferred(scene.unit, exchange(SLOT_2, DRIVE_1, SLOT_1)));
  assert.equal(scene.placed(), ['256: b.tape', '1024: a.tape', '1026: c.tape']);
  assertGood(await runDeferred(scene.unit, exchange(SLOT_1, DRIVE_1, SLOT_1)));
  assert.equal(scene.placed(), ['256: a.tape', '1024: b.tape', '1026: c.tape'], 'the second destination may be the source');
  assert.equal(scene.drives[0]?.log, ['insert a.tape', 'remove a.tape', 'insert b.tape', 'remove b.tape', 'insert a.tape']);
  await scene.close();
});

test('EXCHANGE MEDIUM: when the second drive does not give its cartridge out, the first gets its own back', async () => {
  const scene = await makeScene();
  assertGood(await runDeferred(scene.unit, move(SLOT_1, DRIVE_1)));
  assertGood(await runDeferred(scene.unit, move(SLOT_2, DRIVE_2)));
  (scene.drives[1] as FakeDrive).removeFault = 'MEDIUM_FLUSH_FAILED';
  assertCheck(await runDeferred(scene.unit, exchange(DRIVE_1, DRIVE_2, DRIVE_1)), '04/53/0a');
  assert.equal(scene.placed(), ['256: a.tape', '257: b.tape', '1026: c.tape']);
  assert.equal(scene.drives[0]?.log, ['insert a.tape', 'remove a.tape', 'insert a.tape']);
  (scene.drives[1] as FakeDrive).removeFault = null;
  assertGood(await runDeferred(scene.unit, exchange(DRIVE_1, DRIVE_2, DRIVE_1)));
  assert.equal(scene.placed(), ['256: b.tape', '257: a.tape', '1026: c.tape']);
  await scene.close();
});

test('EXCHANGE MEDIUM: what is empty, full, twice the same, or of no element', async () => {
  const scene = await makeScene();
  assertCheck(await runDeferred(scene.unit, exchange(SLOT_4, SLOT_1, DRIVE_1)), '05/3b/0e');
  assertCheck(await runDeferred(scene.unit, exchange(SLOT_1, SLOT_4, DRIVE_1)), '05/3b/0e');
  assertCheck(await runDeferred(scene.unit, exchange(SLOT_1, SLOT_2, SLOT_3)), '05/3b/0d');
  assertCheck(await runDeferred(scene.unit, exchange(SLOT_1, SLOT_1, SLOT_4)), '05/21/01');
  assertCheck(await runDeferred(scene.unit, exchange(SLOT_1, SLOT_2, SLOT_2)), '05/21/01');
  assertCheck(await runDeferred(scene.unit, exchange(SLOT_1, SLOT_2, '0500')), '05/21/01');
  assertCheck(run(scene.unit, `a600 ${PICKER} ${SLOT_1} ${SLOT_2} ${SLOT_4} 0200`), '05/24/00', '10.1');
  assert.equal(scene.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape']);
  await scene.close();
});

test('MOVE MEDIUM: through an import/export element the cartridge is exported, and one that is open is out of reach', async () => {
  const scene = await makeScene();
  assertGood(await runDeferred(scene.unit, move(SLOT_1, MAILSLOT_1)));
  const [element] = readElements(dataInOf(run(scene.unit, `b813 ${MAILSLOT_1} 0001 0000 ffff 0000`)));
  assert.equal(element, { type: 3, address: 0x300, flags: 0x39, asc: 0, source: 0x400, tag: 'AAA001L6', identifier: '' });
  assertGood(run(scene.unit, `1b00 ${MAILSLOT_1} 0000`));
  assertCheck(await runDeferred(scene.unit, move(MAILSLOT_1, SLOT_1)), '05/3b/11');
  assertGood(run(scene.unit, `1b00 ${MAILSLOT_1} 0100`));
  assert.equal(scene.unit.pendingUnitAttentions(otherNexus), [{ asc: Asc.importOrExportElementAccessed }]);
  assert.equal(scene.unit.pendingUnitAttentions(nexus), []);
  assertGood(await runDeferred(scene.unit, move(MAILSLOT_1, SLOT_1)));
  await scene.close();
});

test.run();
