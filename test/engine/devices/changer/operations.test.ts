import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Element } from '../../../../engine/devices/changer/element-layout.js';
import { TargetError } from '../../../../engine/errors.js';
import { Asc } from '../../../../engine/scsi/sense.js';
import { assertCheck, assertGood, dataInOf, nexus, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { DRIVE_1, LIBRARY, makeScene, readElements, type Scene, SLOT_1 } from './changer-fixture.js';
import type { FakeDrive } from './fake-drive.js';

function operate(scene: Scene, name: string, ...args: string[]): Promise<unknown> {
  const operation = scene.device.operations?.[name];
  assert.ok(operation, name);
  return operation.run(args);
}

async function refuse(scene: Scene, code: string, name: string, ...args: string[]): Promise<void> {
  try {
    await operate(scene, name, ...args);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    assert.is(error.code, code, error.message);
    return;
  }
  assert.unreachable(`${name} ${args.join(' ')} is refused`);
}

function takeAttentions(scene: Scene): number[] {
  const attentions = [nexus, otherNexus].map((each) => scene.unit.takeUnitAttention(each)?.asc ?? 0);
  assert.is(attentions[0], attentions[1], 'all nexuses are told the same');
  return attentions.slice(0, 1).filter((asc) => asc !== 0);
}

test('add: into the mail slot, then into slots, and initiators are told', async () => {
  const scene = await makeScene({ images: ['a.tape', 'b.tape', 'c.tape', 'd.tape', 'e.iso', 'f.tape', 'g.tape'] });
  const path = (name: string) => join(scene.folder, name);
  assert.equal(await operate(scene, 'add', path('d.tape'), 'barcode=DDD004L6'), {
    element: 'import-export 1',
    address: 768,
    barcode: 'DDD004L6',
    path: path('d.tape'),
    kind: 'tape',
  });
  assert.equal(takeAttentions(scene), [Asc.importOrExportElementAccessed]);
  assert.is(readElements(dataInOf(run(scene.unit, 'b813 0300 0001 0000 ffff 0000')))[0]?.flags, 0x3b, 'FULL and IMPEXP');
  assertGood(await runDeferred(scene.unit, 'a500 0000 0300 0301 0000 0000'));
  assert.is(readElements(dataInOf(run(scene.unit, 'b813 0301 0001 0000 ffff 0000')))[0]?.flags, 0x39, 'the picker put it there');
  assertGood(await runDeferred(scene.unit, 'a500 0000 0301 0300 0000 0000'));
  await operate(scene, 'add', path('e.iso'), 'slot=4');
  assert.equal(takeAttentions(scene), [Asc.mediumMayHaveChanged]);
  assert.is(scene.library.contents.get(0x403)?.cartridge.kind, 'cdrom');
  await operate(scene, 'add', path('f.tape'));
  await refuse(scene, 'LIBRARY_FULL', 'add', path('g.tape'));
  await scene.close();
  const again = await makeScene({ folder: scene.folder });
  assert.equal(again.placed(), ['768: d.tape', '769: f.tape', '1024: a.tape', '1025: b.tape', '1026: c.tape', '1027: e.iso']);
  await again.close();
});

test('add: a blank cartridge where a drive makes images that are not there', async () => {
  const scene = await makeScene({ images: ['a.tape', 'b.tape', 'c.tape'] });
  const blank = join(scene.folder, 'blank.tape');
  await refuse(scene, 'LIBRARY_IMAGE', 'add', blank);
  const drive = scene.library.drives.at(scene.library.layout.named('drive 1') as Element) as FakeDrive;
  drive.makesMissing = true;
  await operate(scene, 'add', blank, 'slot=4');
  assert.is(scene.library.contents.get(0x403)?.cartridge.path, blank);
  await refuse(scene, 'LIBRARY_IMAGE', 'add', join(scene.folder, 'none.iso'));
  await scene.close();
});

test('add: what is there already, is no file, has no place, or is misspelt', async () => {
  const scene = await makeScene({ images: ['a.tape', 'b.tape', 'c.tape', 'd.tape'] });
  const path = (name: string) => join(scene.folder, name);
  await refuse(scene, 'LIBRARY_PATH', 'add', path('a.tape'));
  await refuse(scene, 'LIBRARY_BARCODE', 'add', path('d.tape'), 'barcode=AAA001L6');
  await refuse(scene, 'LIBRARY_IMAGE', 'add', path('x.tape'));
  await refuse(scene, 'LIBRARY_OCCUPIED', 'add', path('d.tape'), 'slot=1');
  await refuse(scene, 'LIBRARY_ELEMENT', 'add', path('d.tape'), 'slot=5');
  await refuse(scene, 'OPERATION_INVALID', 'add', path('d.tape'), 'drive=1');
  await refuse(scene, 'OPERATION_INVALID', 'add', path('d.tape'), 'slot=4', 'import-export=1');
  await refuse(scene, 'OPERATION_INVALID', 'add', path('d.tape'), 'slot=4', 'slot=4');
  await refuse(scene, 'OPERATION_INVALID', 'add', path('d.tape'), `barcode=${'x'.repeat(33)}`);
  await refuse(scene, 'OPERATION_INVALID', 'add', path('d.tape'), 'kind=floppy');
  await refuse(scene, 'OPERATION_INVALID', 'add');
  assert.equal(takeAttentions(scene), []);
  await scene.close();
});

test('remove: by barcode or path; it stays out over restarts, and add brings it back', async () => {
  const scene = await makeScene();
  assertGood(await runDeferred(scene.unit, `a500 0000 ${SLOT_1} ${DRIVE_1} 0000 0000`));
  await refuse(scene, 'LIBRARY_IN_DRIVE', 'remove', 'AAA001L6');
  await refuse(scene, 'LIBRARY_UNKNOWN', 'remove', 'AAA');
  await refuse(scene, 'OPERATION_INVALID', 'remove', 'BBB002L6', 'CCC003L6');
  await operate(scene, 'remove', 'BBB002L6');
  assert.equal(takeAttentions(scene), [Asc.mediumMayHaveChanged]);
  await operate(scene, 'remove', join(scene.folder, 'c.tape'));
  await scene.close();
  const again = await makeScene({ folder: scene.folder });
  assert.equal(again.placed(), ['256: a.tape']);
  await operate(again, 'add', join(again.folder, 'b.tape'), 'barcode=XXX', 'slot=2');
  await again.close();
  const third = await makeScene({ folder: scene.folder });
  assert.equal(third.placed(), ['256: a.tape', '1025: b.tape']);
  assert.is(third.library.contents.get(0x401)?.cartridge.barcode, 'BBB002L6', 'it is the cartridge of the library file again');
  await third.close();
  const without = await makeScene({ folder: scene.folder, text: LIBRARY.replace(/.*c\.tape.*\n/, '') });
  await without.close();
  const readded = await makeScene({ folder: scene.folder, text: LIBRARY });
  assert.equal(readded.placed(), ['256: a.tape', '1024: c.tape', '1025: b.tape'], 'the file did not name c.tape for a while: it is new');
  await readded.close();
});

test('add and remove: not while an initiator prevents the removal of media', async () => {
  const scene = await makeScene({ images: ['a.tape', 'b.tape', 'c.tape', 'd.tape'] });
  assertGood(run(scene.unit, '1e0000000100'));
  await refuse(scene, 'LIBRARY_PREVENTED', 'add', join(scene.folder, 'd.tape'));
  await refuse(scene, 'LIBRARY_PREVENTED', 'remove', 'AAA001L6');
  assertGood(run(scene.unit, '1e0000000000'));
  await operate(scene, 'remove', 'AAA001L6');
  await scene.close();
});

test('move: as the picker does for initiators, who are told', async () => {
  const scene = await makeScene();
  assert.equal(await operate(scene, 'move', 'slot=2', 'drive=1'), {
    element: 'drive 1',
    address: 256,
    barcode: 'BBB002L6',
    path: join(scene.folder, 'b.tape'),
    kind: 'tape',
  });
  assert.equal(takeAttentions(scene), [Asc.mediumMayHaveChanged]);
  (scene.drives[0] as FakeDrive).isRemovalPrevented = true;
  await refuse(scene, 'LIBRARY_PREVENTED', 'move', 'drive=1', 'slot=2');
  await refuse(scene, 'LIBRARY_EMPTY', 'move', 'slot=2', 'slot=4');
  await refuse(scene, 'LIBRARY_ELEMENT', 'move', 'slot=2', 'slot=9');
  await refuse(scene, 'OPERATION_INVALID', 'move', 'slot=2');
  await refuse(scene, 'OPERATION_INVALID', 'move', 'slot=2', 'picker=1');
  assert.equal(takeAttentions(scene), []);
  await scene.close();
});

test('list: every element that holds a cartridge', async () => {
  const scene = await makeScene();
  (scene.drives[1] as FakeDrive).current = { path: '/elsewhere/x.tape', barcode: null, kind: 'tape' };
  const listed = (await operate(scene, 'list')) as readonly { element: string; path: string }[];
  assert.equal(
    listed.map(({ element, path }) => `${element} ${path.slice(path.lastIndexOf('/') + 1)}`),
    ['drive 2 x.tape', 'slot 1 a.tape', 'slot 2 b.tape', 'slot 3 c.tape'],
  );
  await refuse(scene, 'OPERATION_INVALID', 'list', 'all');
  assert.is(scene.device.describe().detail, '3 cartridges; 2 drives, 4 slots, 2 import/export');
  await scene.close();
});

test('a move and an operation at the same time happen one after the other', async () => {
  const scene = await makeScene();
  const drive = scene.drives[0] as FakeDrive;
  let arrive: () => void = () => {};
  drive.onInsert = () => new Promise((resolve) => (arrive = resolve));
  const move = runDeferred(scene.unit, `a500 0000 ${SLOT_1} ${DRIVE_1} 0000 0000`);
  while (!scene.library.contents.has(0x100)) await new Promise((resolve) => setTimeout(resolve, 1));
  const removal = operate(scene, 'remove', 'BBB002L6');
  const second = runDeferred(scene.unit, `a500 0000 ${DRIVE_1} ${SLOT_1} 0000 0000`);
  arrive();
  drive.onInsert = () => Promise.resolve();
  assertGood(await move);
  await removal;
  assertGood(await second);
  assert.equal(scene.placed(), ['1024: a.tape', '1026: c.tape']);
  takeAttentions(scene);
  assertCheck(await runDeferred(scene.unit, `a500 0000 ${DRIVE_1} ${SLOT_1} 0000 0000`), '05/3b/0e');
  await scene.close();
});

test.run();
