import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DiscOptions, openDisc } from '../../../../engine/devices/cdrom/disc/open-disc.js';
import { profileOfSize } from '../../../../engine/devices/cdrom/disc/profile.js';
import { decodeSidecar } from '../../../../engine/devices/cdrom/disc/sidecar.js';
import { cdromKind } from '../../../../engine/devices/cdrom/index.js';
import { TargetError } from '../../../../engine/errors.js';
import { seededRandom } from '../../../support/random.js';
import { good, imageFolder, isoImage, opticalScene, writeBlocks } from './optical-fixture.js';

const images = imageFolder();
test.after(images.remove);

async function openFailure(path: string, options: Partial<DiscOptions> = {}): Promise<{ readonly code: string; readonly message: string }> {
  try {
    const disc = await openDisc({ path, readOnly: false, recordBytesMax: 65_536, onNotice: () => {}, ...options });
    await disc.close();
  } catch (error) {
    if (error instanceof TargetError) return error;
    throw error;
  }
  return { code: '', message: '' };
}

async function noticesOf(path: string): Promise<string> {
  const notices: string[] = [];
  const disc = await openDisc({ path, readOnly: false, recordBytesMax: 65_536, onNotice: (message) => notices.push(message) });
  await disc.close();
  return notices.join('; ');
}

/** A blank DVD+R with a few blocks, as files. */
async function recorded(name: string): Promise<string> {
  const path = images.path(name);
  const { unit, drive } = await opticalScene(path, { profile: 'dvd+r', blockCount: 1024 });
  await writeBlocks(unit, 0, 16);
  await good(unit, '35 00 00000000 00 0000 00');
  await drive.close();
  return path;
}

test('an image that is missing, empty, a directory, or less than a block is refused with a sentence', async () => {
  const path = images.path('bad.iso');
  assert.is((await openFailure(path)).code, 'DISC_NOT_FOUND');
  writeFileSync(path, '');
  const empty = await openFailure(path);
  assert.is(empty.code, 'DISC_EMPTY');
  assert.match(empty.message, /bad\.iso is empty: there is nothing to read\. Nothing was changed/);
  assert.is(statSync(path).size, 0);
  writeFileSync(path, 'short');
  assert.match((await openFailure(path)).message, /has 5 bytes, which is less than one block of 2048/);
  mkdirSync(images.path('folder'));
  assert.is((await openFailure(images.path('folder'))).code, 'STORE_NOT_A_FILE');
});

test('an image that is cut off, ragged, or no volume is served with a notice', async () => {
  const path = images.path('odd.iso');
  writeFileSync(path, isoImage(100, 120));
  assert.match(await noticesOf(path), /cut off: its volume descriptor tells of 120 blocks and 100 are there/);
  writeFileSync(path, Buffer.concat([isoImage(100), Buffer.alloc(7)]));
  assert.match(await noticesOf(path), /its last 7 bytes cannot be read/);
  writeFileSync(path, Buffer.alloc(100 * 2048));
  assert.match(await noticesOf(path), /no volume of ISO 9660 or UDF/);
  // Padding behind the volume is usual.
  writeFileSync(path, isoImage(100, 90));
  assert.is(await noticesOf(path), '');
  // What no disc can be is not believed.
  writeFileSync(path, isoImage(100, 0xffffffff));
  assert.is(await noticesOf(path), '');
});

test('the profile of an image is that of the smallest disc that holds it', () => {
  const nameOf = (mebibytes: number) => profileOfSize((mebibytes * 1024 * 1024) / 2048).name;
  assert.equal([1, 700, 870, 900, 4400, 8100, 8500, 90_000].map(nameOf), ['cd', 'cd', 'cd', 'dvd', 'dvd', 'dvd', 'bd', 'bd']);
});

test('a blank disc is made where nothing is, and nothing that is there is taken for one', async () => {
  const path = images.path('mine.iso');
  writeFileSync(path, isoImage(512));
  const before = readFileSync(path);
  assert.is((await openFailure(path, { profile: 'dvd+r' })).code, 'DISC_NOT_BLANK');
  assert.equal(readFileSync(path), before);
  assert.not.ok(existsSync(`${path}.disc`));
  const blank = images.path('blank');
  assert.is((await openFailure(blank, { profile: 'dvd+r', sizeBytes: 4096 })).code, 'DISC_SIZE_INVALID');
  assert.is((await openFailure(blank, { profile: 'dvd+r', sizeBytes: 10 ** 12 })).code, 'DISC_SIZE_INVALID');
  assert.is((await openFailure(blank, { profile: 'dvd+r', readOnly: true })).code, 'DISC_NOT_FOUND');
  assert.not.ok(existsSync(blank) || existsSync(`${blank}.disc`));
  assert.is((await openFailure(blank, { profile: 'dvd+r' })).code, '');
  assert.is(statSync(blank).size, 2_295_104 * 2048);
  assert.ok(statSync(blank).blocks * 512 < 1024 * 1024, 'a blank disc takes no space');
  assert.is((await openFailure(blank, { profile: 'dvd+rw' })).code, 'DISC_PROFILE_MISMATCH');
  // Somebody died between the record and the image.
  rmSync(blank);
  assert.is((await openFailure(blank)).code, '');
});

test('an image and a record that do not belong together are refused', async () => {
  const path = await recorded('apart');
  const before = readFileSync(`${path}.disc`);
  truncateSync(path, 1000 * 2048);
  assert.match((await openFailure(path)).message, /has 2048000 bytes and .*apart\.disc speaks of 2097152/);
  rmSync(path);
  assert.is((await openFailure(path)).code, 'DISC_NOT_FOUND');
  assert.equal(readFileSync(`${path}.disc`), before);
});

test('a record that is torn, changed, foreign or of a newer version is refused, and left as it is', async () => {
  const path = await recorded('torn');
  const sidecar = `${path}.disc`;
  const whole = readFileSync(sidecar, 'utf8');
  const cases: readonly (readonly [string, string])[] = [
    [whole.slice(0, -20), 'DISC_RECORD_CORRUPT'],
    ['', 'DISC_RECORD_CORRUPT'],
    ['[]', 'DISC_RECORD_CORRUPT'],
    [whole.replace('"written": 16', '"written": 32'), 'DISC_RECORD_CORRUPT'],
    [`${whole} `, 'DISC_RECORD_CORRUPT'],
    [whole.replace('lunloom-disc', 'something-else'), 'DISC_RECORD_FOREIGN'],
    ['x'.repeat(70_000), 'DISC_RECORD_FOREIGN'],
    [whole.replace('"version": 1', '"version": 2'), 'DISC_RECORD_VERSION'],
  ];
  for (const [text, code] of cases) {
    writeFileSync(sidecar, text);
    const failure = await openFailure(path);
    assert.is(failure.code, code, failure.message);
    assert.is(readFileSync(sidecar, 'utf8'), text);
  }
  writeFileSync(sidecar, whole);
  assert.is((await openFailure(path)).code, '');
});

test('no byte of a record can change unseen', async () => {
  const path = await recorded('bytes');
  const whole = readFileSync(`${path}.disc`);
  const random = seededRandom(5);
  for (let at = 0; at < whole.length; at++) {
    const changed = Uint8Array.from(whole);
    changed[at] = (changed[at] as number) ^ (1 << random.below(8));
    assert.throws(
      () => decodeSidecar(changed, path),
      (error: unknown) => error instanceof TargetError,
    );
  }
});

test('a record with a right checksum and impossible tracks is refused', async () => {
  const { encodeSidecar } = await import('../../../../engine/devices/cdrom/disc/sidecar.js');
  const state = { profile: 'dvd+r', blockCount: 1024, discId: 1, finalized: false, format: null } as const;
  const open = (tracks: readonly object[]) => [{ tracks, closed: false }];
  const track = { start: 0, size: 16, written: 16, closed: true };
  const impossible = [
    [],
    open([{ ...track, start: 1020 }]),
    open([{ ...track, start: -1 }]),
    open([{ ...track, written: 8 }]),
    open([track, { ...track, start: 8 }]),
    open([
      { ...track, size: null, closed: false },
      { ...track, start: 32 },
    ]),
    open([{ ...track, size: 1.5 }]),
    [
      { tracks: [], closed: true },
      { tracks: [], closed: false },
    ],
    [{ tracks: [track], closed: true }],
    'sessions',
  ];
  for (const sessions of impossible) {
    const bytes = encodeSidecar({ ...state, sessions: sessions as never });
    assert.throws(
      () => decodeSidecar(bytes, 'x'),
      (error: unknown) => error instanceof TargetError && error.code === 'DISC_RECORD_CORRUPT',
      JSON.stringify(sessions),
    );
  }
  for (const wrong of [
    { profile: 'dvd' },
    { blockCount: 0 },
    { blockCount: 10 ** 9 },
    { discId: -1 },
    { finalized: 1 },
    { format: { blockCount: 1, type: 1, background: 'complete' } },
  ]) {
    const bytes = encodeSidecar({ ...state, sessions: open([]), ...wrong } as never);
    assert.throws(
      () => decodeSidecar(bytes, 'x'),
      (error: unknown) => error instanceof TargetError,
      JSON.stringify(wrong),
    );
  }
  assert.equal(decodeSidecar(encodeSidecar({ ...state, sessions: open([track]) as never }), 'x').sessions, open([track]));
});

test('a disc that may be written to is in one drive alone, and a drive that only reads it waits for that', async () => {
  const path = images.path('locked');
  const { drive, unit } = await opticalScene(path, { profile: 'dvd+r', blockCount: 1024 });
  const refused = await openFailure(path);
  assert.is(refused.code, 'DISC_IN_USE');
  assert.match(refused.message, /locked is in use by another drive of this process, which may write to it\. Nothing was changed/);
  assert.is((await openFailure(path, { readOnly: true })).code, 'DISC_IN_USE');
  // In a drive that is served it is there, and cannot be read.
  const second = await opticalScene(null);
  await second.drive.insert({ path, barcode: null, kind: 'cdrom' });
  assert.is(second.drive.disc, null);
  assert.match(second.notices.join(), /in use by another drive/);
  await good(unit, '1b 00 0000 02 00');
  await second.drive.eject();
  await second.drive.load();
  assert.is(second.drive.disc?.profile.name, 'dvd+r');
  await second.drive.close();
  await drive.load();
  await drive.close();
  assert.not.ok(existsSync(`${path}.lock`));
  // Those who only read do not keep each other out.
  const readers = await Promise.all([1, 2].map(() => opticalScene(path, { readOnly: true })));
  for (const reader of readers) await reader.drive.close();
  // A lock of a process that is gone keeps nobody out.
  writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, startTicks: '0', boot: 'another', owner: '' }));
  assert.is((await openFailure(path)).code, '');
});

test('options: a size is of a blank disc, and an empty drive has no profile', () => {
  const check = (source: string, options: Readonly<Record<string, unknown>>, isReadOnly = false) =>
    (cdromKind.check?.({ kind: 'cdrom', source, options }, isReadOnly) ?? []).map(({ key }) => key);
  assert.equal(check('/x', {}), []);
  assert.equal(check('', {}), []);
  assert.equal(check('', { profile: 'dvd+r' }), ['profile']);
  assert.equal(check('/x', { size: 1 }), ['size']);
  assert.equal(check('/x', { size: 1, profile: 'dvd' }), ['size']);
  assert.equal(check('/x', { size: 1, profile: 'dvd+r' }), []);
  assert.equal(check('/x', { size: 1, profile: 'dvd+r' }, true), ['size']);
});

test.run();
