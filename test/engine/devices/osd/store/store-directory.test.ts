import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { claimObjectStore, openObjectStore } from '../../../../../engine/devices/osd/store/open-object-store.js';
import { TargetError } from '../../../../../engine/errors.js';
import { defaultLimits } from '../../../../../engine/limits.js';
import { isFault, makeObject, P } from './store-fixture.js';

const test = suite<{ folder: string; directory: string }>('directories');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-'));
  context.directory = join(context.folder, 'store');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

const open = (directory: string, more: object = {}) => openObjectStore({ directory, limits: defaultLimits, capacityBytes: null, ...more });
const failsAs = (code: string, text: RegExp) => (error: unknown) => error instanceof TargetError && error.code === code && text.test(error.message);
/** Names and contents of all files: nothing is overwritten. */
const contentsOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'hex')])
    .sort();

test('a directory is made, for its owner only; its parent is not', ({ folder, directory }) => {
  open(directory).close();
  assert.equal(readdirSync(directory).sort(), ['data.1', 'meta', 'version']);
  for (const path of ['', 'meta', 'data.1']) assert.is(statSync(join(directory, path)).mode & 0o777, 0o700, path);
  for (const path of ['version', 'meta/data.mdb', 'meta/flushed']) assert.is(statSync(join(directory, path)).mode & 0o077, 0, path);
  assert.throws(() => open(join(folder, 'missing', 'store')), failsAs('OSD_OPEN_FAILED', /ENOENT/));
});

test('a directory with something else in it is refused, and so is a file', ({ folder, directory }) => {
  mkdirSync(directory);
  writeFileSync(join(directory, 'thesis.txt'), 'years of work');
  const before = contentsOf(folder);
  assert.throws(() => open(directory), failsAs('OSD_NOT_A_STORE', /thesis\.txt/));
  assert.throws(() => open(join(directory, 'thesis.txt')), failsAs('OSD_NOT_A_STORE', /no directory/));
  writeFileSync(join(directory, 'version'), 'something else');
  assert.throws(() => open(directory), failsAs('OSD_NOT_A_STORE', /version/));
  rmSync(join(directory, 'version'));
  assert.equal(contentsOf(folder), before);
});

test('a store of a newer version is refused and left as it is', ({ folder, directory }) => {
  open(directory).close();
  writeFileSync(join(directory, 'version'), 'lunloom object store\nversion 2\n');
  const before = contentsOf(folder);
  assert.throws(() => open(directory), failsAs('OSD_VERSION', /version 2/));
  assert.equal(contentsOf(folder), before);
});

test('a store is open once; a claim keeps others out too', ({ directory }) => {
  const store = open(directory);
  assert.throws(() => open(directory), failsAs('OSD_IN_USE', /in use/));
  store.close();
  const claim = claimObjectStore(directory);
  assert.throws(() => open(directory), failsAs('OSD_IN_USE', /in use/));
  open(directory, { claim: false }).close();
  open(directory, { claim: false }).close();
  claim.release();
  open(directory).close();
});

test('a beginning that was interrupted is finished', ({ directory }) => {
  mkdirSync(directory);
  writeFileSync(join(directory, 'version.tmp'), 'lunlo');
  open(directory).close();
  rmSync(join(directory, 'meta', 'flushed'));
  rmSync(join(directory, 'data.1'), { recursive: true });
  const store = open(directory);
  assert.is(store.generation, 1);
  store.close();
});

test('a store whose metadata are missing or damaged is refused, with its files left alone', ({ folder, directory }) => {
  const store = open(directory);
  const name = makeObject(store);
  store.write(name, 0n, Buffer.alloc(100, 1));
  store.close();
  const whole = join(folder, 'whole');
  cpSync(directory, whole, { recursive: true });
  const restore = () => {
    rmSync(directory, { recursive: true });
    cpSync(whole, directory, { recursive: true });
  };
  rmSync(join(directory, 'meta', 'flushed'));
  let before = contentsOf(directory);
  assert.throws(() => open(directory), failsAs('OSD_CORRUPT', /flushed/));
  assert.equal(contentsOf(directory), before);
  restore();
  writeFileSync(join(directory, 'meta', 'flushed'), Buffer.alloc(40_000, 7));
  assert.throws(() => open(directory), failsAs('OSD_CORRUPT', /damaged/));
  restore();
  writeFileSync(join(directory, 'meta', 'data.mdb'), Buffer.alloc(40_000, 7));
  before = contentsOf(join(directory, 'data.1'));
  assert.throws(() => open(directory), failsAs('OSD_CORRUPT', /data\.mdb|metadata/));
  assert.equal(contentsOf(join(directory, 'data.1')), before);
  restore();
  rmSync(join(directory, 'meta', 'data.mdb'));
  assert.throws(() => open(directory), failsAs('OSD_CORRUPT', /data\.mdb/));
  restore();
  open(directory).close();
});

test('files that no metadata know are removed at the start, and no others', ({ directory }) => {
  const store = open(directory);
  const name = makeObject(store);
  store.write(name, 0n, Buffer.from('abc'));
  store.close();
  const files = join(directory, 'data.1', '00000');
  const nameOf = (fileId: number) => fileId.toString(16).padStart(14, '0');
  // Of a command that was interrupted: the next number, and one in a folder of its own.
  writeFileSync(join(files, '000', nameOf(2)), 'left');
  mkdirSync(join(files, '001'));
  writeFileSync(join(files, '001', nameOf(1024)), 'left');
  writeFileSync(join(files, '000', 'notes.txt'), 'not ours');
  open(directory).close();
  assert.equal(readdirSync(join(files, '000')).sort(), [nameOf(1), 'notes.txt']);
  assert.equal(readdirSync(join(files, '001')), []);
});

test('read-only: nothing may be changed, and everything read', ({ directory }) => {
  const store = open(directory);
  const name = makeObject(store);
  store.write(name, 0n, Buffer.from('abc'));
  store.close();
  const before = contentsOf(join(directory, 'data.1'));
  const reader = open(directory, { readOnly: true });
  const into = Buffer.alloc(3);
  assert.is(reader.read(name, 0n, into), 3);
  assert.is(into.toString(), 'abc');
  reader.noteAccess(name, 'data');
  reader.flush({ kind: 'all' });
  assert.not(reader.maintain());
  for (const change of [() => reader.createPartition(null), () => reader.write(name, 0n, into), () => reader.setKey('a', into), () => reader.format()]) {
    assert.throws(change, isFault('read-only'));
  }
  reader.close();
  assert.equal(contentsOf(join(directory, 'data.1')), before);
});

test('a fault of the file system is a medium error, and the next command works again', ({ directory }) => {
  const store = open(directory);
  const name = makeObject(store);
  store.write(name, 0n, Buffer.from('abc'));
  store.close();
  const again = open(directory);
  const [file] = contentsOf(join(directory, 'data.1')) as [[string, string]];
  cpSync(file[0], join(directory, '..', 'kept'));
  rmSync(file[0]);
  assert.throws(() => again.read(name, 0n, Buffer.alloc(3)), isFault('medium-error'));
  assert.throws(() => again.write(name, 0n, Buffer.alloc(3)), isFault('medium-error'));
  cpSync(join(directory, '..', 'kept'), file[0]);
  assert.is(again.read(name, 0n, Buffer.alloc(3)), 3);
  assert.is(again.information({ partitionId: P, objectId: 0n }).userObjectCount, 1n);
  chmodSync(directory, 0o700);
  again.close();
});

test.run();
