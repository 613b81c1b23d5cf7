import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLibraryState, encodeLibraryState, type KeptLibrary } from '../../../../engine/devices/changer/library-state-file.js';
import { TargetError } from '../../../../engine/errors.js';
import { assertGood, runDeferred } from '../../scsi/scsi-fixture.js';
import { DRIVE_1, LIBRARY, MAILSLOT_1, makeFolder, makeScene, SLOT_1, SLOT_2, SLOT_3, SLOT_4 } from './changer-fixture.js';
import { FakeDrive } from './fake-drive.js';

const move = (from: string, to: string) => `a500 0000 ${from} ${to} 0000 0000`;

const kept: KeptLibrary = {
  cartridges: [
    { path: '/srv/a.tape', barcode: 'AAA', kind: 'tape', place: 'drive 1', source: 'slot 3', isImported: false, isAdded: false },
    { path: '/srv/b.iso', barcode: null, kind: 'cdrom', place: 'import-export 1', source: null, isImported: true, isAdded: true },
  ],
  removedPaths: ['/srv/c.tape'],
};

function codeOf(bytes: Uint8Array): string {
  try {
    decodeLibraryState(bytes, '/srv/lab.lib.state');
    return 'fine';
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    assert.match(error.message, '/srv/lab.lib.state');
    return error.code;
  }
}

test('the state file: what was kept is read back', () => {
  assert.equal(decodeLibraryState(encodeLibraryState(kept), '/srv/lab.lib.state'), kept);
});

test('the state file: any byte that is changed or cut off is noticed', () => {
  const bytes = encodeLibraryState(kept);
  for (let length = 0; length < bytes.length; length++) assert.is.not(codeOf(bytes.subarray(0, length)), 'fine', `${length} bytes`);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 0x04;
    assert.is.not(codeOf(changed), 'fine', `byte ${at}`);
  }
});

test('the state file: of another version, of something else, and with what cannot be', () => {
  const textOf = (state: KeptLibrary) => encodeLibraryState(state).toString();
  assert.is(codeOf(Buffer.from(textOf(kept).replace('"version": 1', '"version": 2'))), 'STATE_VERSION');
  assert.is(codeOf(Buffer.from(textOf(kept).replace('lunloom-library-state', 'lunloom-unit-state'))), 'STATE_FOREIGN');
  assert.is(codeOf(Buffer.from('[]')), 'STATE_CORRUPT');
  const [first] = kept.cartridges as [KeptLibrary['cartridges'][number]];
  assert.is(codeOf(encodeLibraryState({ ...kept, cartridges: [first, { ...first, place: 'slot 9' }] })), 'STATE_CORRUPT', 'a cartridge twice');
  assert.is(codeOf(encodeLibraryState({ ...kept, cartridges: [first, { ...first, path: '/x' }] })), 'STATE_CORRUPT', 'a place twice');
  assert.is(codeOf(encodeLibraryState({ ...kept, removedPaths: [1 as unknown as string] })), 'STATE_CORRUPT');
});

test('a restart: cartridges are where they were, and drives get theirs back', async () => {
  const first = await makeScene();
  assertGood(await runDeferred(first.unit, move(SLOT_1, DRIVE_1)));
  assertGood(await runDeferred(first.unit, move(SLOT_2, MAILSLOT_1)));
  const before = first.placed();
  await first.close();
  const second = await makeScene({ folder: first.folder });
  assert.equal(second.placed(), before);
  assert.equal(second.drives[0]?.log, ['insert a.tape']);
  assert.is(second.library.contents.get(0x100)?.sourceAddress, 0x400);
  await second.close();
});

test('a restart: cartridges without a place stay where they went at first, whatever stands before them in the file by then', async () => {
  const first = await makeScene();
  await first.close();
  const text = LIBRARY.replace('cartridges:', 'cartridges:\n  - { path: new.tape }');
  const second = await makeScene({ folder: first.folder, text, images: ['new.tape'] });
  assert.equal(second.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape', '1027: new.tape']);
  await second.close();
});

test('a restart: a drive that has something else by now keeps it, and the cartridge stays at the drive for the picker', async () => {
  const first = await makeScene();
  assertGood(await runDeferred(first.unit, move(SLOT_1, DRIVE_1)));
  await first.close();
  const drive = new FakeDrive();
  drive.current = { path: '/elsewhere/x.tape', barcode: null, kind: 'tape' };
  const second = await makeScene({ folder: first.folder, drives: [drive, new FakeDrive()] });
  assert.is(second.notices.length, 1);
  assert.match(second.notices[0] as string, 'drive 1 did not take AAA001L6');
  assertGood(await runDeferred(second.unit, move(DRIVE_1, SLOT_1)));
  assertGood(await runDeferred(second.unit, move(DRIVE_1, SLOT_4)));
  assert.equal(second.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape', '1027: x.tape']);
  await second.close();
});

test('the library file was edited: new cartridges come, missing ones go, labels are heard, and what has no place gets a slot', async () => {
  const first = await makeScene();
  assertGood(await runDeferred(first.unit, move(SLOT_1, MAILSLOT_1)));
  assertGood(await runDeferred(first.unit, move(SLOT_2, SLOT_1)));
  await first.close();
  const text = `drives: [1]
slots: 4
cartridges:
  - { path: a.tape, barcode: NEW001L6 }
  - { path: b.tape, barcode: BBB002L6, slot: 4 }
  - { path: d.tape, barcode: DDD004L6, slot: 1 }
  - { path: e.tape }
`;
  const second = await makeScene({ folder: first.folder, text, images: ['d.tape', 'e.tape'], drives: [new FakeDrive()] });
  assert.equal(second.placed(), ['1024: b.tape', '1025: a.tape', '1026: d.tape', '1027: e.tape']);
  assert.is(second.library.contents.get(0x401)?.cartridge.barcode, 'NEW001L6');
  assert.equal(
    second.notices.map((notice) => notice.split(': ').slice(1).join(': ')),
    [
      `import-export 1 is not free for NEW001L6 (${join(first.folder, 'a.tape')}): it is in slot 2`,
      `slot 1 is not free for DDD004L6 (${join(first.folder, 'd.tape')}): it is in slot 3`,
    ],
  );
  await second.close();
});

async function refusal(folder: string, text?: string): Promise<TargetError> {
  try {
    await (await makeScene({ folder, ...(text === undefined ? {} : { text }) })).close();
  } catch (error) {
    if (error instanceof TargetError) return error;
    throw error;
  }
  throw new TargetError('TEST', 'the library was opened');
}

test('what keeps a library from starting: no slot is free, a barcode twice, a drive that is none', async () => {
  const first = await makeScene();
  await first.device.operations?.['add']?.run([join(first.folder, 'a.tape').replace('a.tape', 'lab.lib.yaml'), 'barcode=DDD004L6']);
  await first.close();
  assert.is((await refusal(first.folder, 'drives: [1]\nslots: 1\ncartridges: [{ path: a.tape }]\n')).code, 'LIBRARY_FULL');
  const doubled = LIBRARY.replace('CCC003L6', 'DDD004L6');
  const error = await refusal(first.folder, doubled);
  assert.is(error.code, 'LIBRARY_BARCODE');
  assert.match(error.message, 'have the same barcode DDD004L6');
  const noDrive = await refusal(first.folder, LIBRARY.replace('[1, 2]', '[1, 7]'));
  assert.is(noDrive.code, 'LIBRARY_DRIVE');
  assert.match(noDrive.message, 'LUN 3: the library has LUN 7 as a drive, and there is no such LUN');
});

test('a state that is damaged or in use is refused, and nothing is written', async () => {
  const first = await makeScene();
  assertGood(await runDeferred(first.unit, move(SLOT_3, SLOT_4)));
  assert.is((await refusal(first.folder)).code, 'STATE_IN_USE');
  await first.close();
  const statePath = join(first.folder, 'lab.lib.state');
  const torn = readFileSync(statePath).subarray(0, 100);
  writeFileSync(statePath, torn);
  const error = await refusal(first.folder);
  assert.is(error.code, 'STATE_CORRUPT');
  assert.match(error.message, 'lab.lib.state is damaged');
  assert.equal(readFileSync(statePath), torn);
  assert.is((await refusal(first.folder)).code, 'STATE_CORRUPT', 'and the lock was let go');
});

test('what a crash left of a save does not stand in the way of the next', async () => {
  const first = await makeScene();
  assertGood(await runDeferred(first.unit, move(SLOT_3, SLOT_4)));
  await first.close();
  writeFileSync(join(first.folder, 'lab.lib.state.tmp'), 'half a st');
  const second = await makeScene({ folder: first.folder });
  assertGood(await runDeferred(second.unit, move(SLOT_4, SLOT_3)));
  assert.equal(second.placed(), ['1024: a.tape', '1025: b.tape', '1026: c.tape']);
  await second.close();
});

test('a directory where the state should be is told as a fault of the file system', async () => {
  const folder = makeFolder();
  mkdirSync(join(folder, 'lab.lib.state'));
  assert.is((await refusal(folder, LIBRARY)).code, 'STATE_OPEN_FAILED');
});

test.run();
