import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { majorOf, minorOf } from '../../../engine/store/file-open.js';
import { type FileStoreOptions, openFileStore } from '../../../engine/store/open-file-store.js';
import { StoreFault } from '../../../engine/store/store.js';
import { assertRefused, hostTest, temporaryFolder } from './store-kit.js';

const folder = temporaryFolder();
const GIB = 1024 * 1024 * 1024;
const NOBODY = 65534;
const asks = (name: string, rest: Partial<FileStoreOptions> = {}): FileStoreOptions => ({ path: join(folder, name), direct: false, readOnly: false, ...rest });
const openDescriptorCount = () => readdirSync('/proc/self/fd').length;

test('a missing file is created sparse, in full size and for the owner only', () => {
  const options = asks('sparse.img', { sizeBytes: 3 * GIB + 512 });
  const store = openFileStore(options);
  const stats = statSync(options.path);
  assert.is(stats.size, 3 * GIB + 512);
  assert.is(store.sizeBytes, 3 * GIB + 512);
  assert.ok(stats.blocks * 512 < 1024 * 1024, `${stats.blocks} sectors are allocated`);
  assert.is(stats.mode & 0o777, 0o600);
  store.close();
});

const strace = spawnSync('strace', ['-V']).error === undefined ? null : 'there is no strace';
hostTest('creation syncs the file and then its directory', strace, () => {
  const script = `
    const { openFileStore } = await import(${JSON.stringify(new URL('../../../engine/store/open-file-store.js', import.meta.url).href)});
    openFileStore({ path: ${JSON.stringify(join(folder, 'synced.img'))}, sizeBytes: 4096, direct: false, readOnly: false }).close();`;
  const calls = 'trace=openat,ftruncate,fsync';
  const child = spawnSync('strace', ['-f', '-y', '-e', calls, process.execPath, '--input-type=module', '-e', script], { encoding: 'utf8', timeout: 60_000 });
  assert.is(child.status, 0, child.stderr);
  const steps = child.stderr.split('\n').filter((line) => /(ftruncate|fsync)\(/.test(line));
  assert.match(steps[0] ?? '', /ftruncate\(\d+<[^>]*synced\.img>, 4096/);
  assert.match(steps[1] ?? '', /fsync\(\d+<[^>]*synced\.img>/);
  assert.match(steps[2] ?? '', /fsync\(\d+<[^>]*lunloom-store-[^/>]*>/);
});

test('a missing file without a size is an error that names it, and stays missing', () => {
  assertRefused(() => openFileStore(asks('absent.img')), 'STORE_NOT_FOUND', join(folder, 'absent.img'), 'size');
  assertRefused(() => openFileStore(asks('absent.img', { sizeBytes: 4096, readOnly: true })), 'STORE_NOT_FOUND', 'absent.img');
  assertRefused(() => openFileStore(asks('no/such/folder.img', { sizeBytes: 4096 })), 'STORE_NOT_FOUND', 'folder.img');
  assert.not.ok(existsSync(join(folder, 'absent.img')));
});

test('an existing file is opened without a size and keeps its bytes', () => {
  const options = asks('existing.img');
  writeFileSync(options.path, Buffer.alloc(1536, 'x'));
  const store = openFileStore(options);
  assert.is(store.sizeBytes, 1536);
  const target = new Uint8Array(1536);
  assert.is(store.read(target, 0, 1536, 0), 1536);
  assert.ok(target.every((byte) => byte === 0x78));
  store.close();
});

test('an existing file of another size is refused and not touched', () => {
  const options = asks('mismatch.img', { sizeBytes: 4096 });
  writeFileSync(options.path, 'precious');
  const before = statSync(options.path);
  const descriptors = openDescriptorCount();
  assertRefused(() => openFileStore(options), 'STORE_SIZE_MISMATCH', options.path, '8 bytes', '4096');
  assert.is(readFileSync(options.path, 'utf8'), 'precious');
  assert.is(statSync(options.path).mtimeMs, before.mtimeMs);
  assert.is(openDescriptorCount(), descriptors, 'nothing stays open');
});

test('an empty file is refused with or without a size', () => {
  const options = asks('empty.img');
  writeFileSync(options.path, '');
  assertRefused(() => openFileStore(options), 'STORE_EMPTY', options.path);
  assertRefused(() => openFileStore({ ...options, sizeBytes: 512 }), 'STORE_SIZE_MISMATCH', options.path);
  assert.is(statSync(options.path).size, 0);
});

test('what is neither file nor block device is refused without waiting for it', async () => {
  mkdirSync(join(folder, 'directory'));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const server = createServer().listen(join(folder, 'socket'));
  await new Promise((listening) => server.once('listening', listening));
  for (const name of ['directory', 'fifo', 'socket']) {
    assertRefused(() => openFileStore(asks(name)), 'STORE_NOT_A_FILE', join(folder, name));
    assertRefused(() => openFileStore(asks(name, { sizeBytes: 4096 })), 'STORE_NOT_A_FILE', join(folder, name));
  }
  server.close();
  assertRefused(() => openFileStore({ path: '/dev/full', direct: false, readOnly: false }), 'STORE_NOT_A_FILE', '/dev/full');
});

test('a file that the user may not open is refused by name', () => {
  const options = asks('secret.img', { sizeBytes: 4096 });
  openFileStore(options).close();
  chmodSync(options.path, 0o000);
  chmodSync(folder, 0o755);
  // Root may open everything, so it steps down for the moment.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    assertRefused(() => openFileStore(options), 'STORE_ACCESS_DENIED', options.path, 'EACCES');
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test('a size that the file system cannot hold leaves no file behind', () => {
  const options = asks('huge.img', { sizeBytes: Number.MAX_SAFE_INTEGER });
  assertRefused(() => openFileStore(options), 'STORE_NO_SPACE', options.path);
  assert.not.ok(existsSync(options.path));
});

test('a dangling link is refused and its target not created', () => {
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link.img'));
  assertRefused(() => openFileStore(asks('link.img', { sizeBytes: 4096 })), 'STORE_OPEN_FAILED', 'link.img');
  assert.not.ok(existsSync(join(folder, 'nowhere')));
});

test('sizes that are no size are refused before the file is looked at', () => {
  assertRefused(() => openFileStore(asks('unsized.img', { sizeBytes: 0 })), 'STORE_SIZE_INVALID', 'unsized.img');
  assertRefused(() => openFileStore(asks('unsized.img', { sizeBytes: 10.5 })), 'STORE_SIZE_INVALID', 'unsized.img');
});

test('closing closes both descriptors, and a second time does nothing', () => {
  const before = openDescriptorCount();
  const store = openFileStore(asks('closed.img', { sizeBytes: 4096 }));
  assert.is(openDescriptorCount(), before + 2);
  store.close();
  store.close();
  assert.is(openDescriptorCount(), before);
  assert.is(store.read(new Uint8Array(512), 0, 512, 0), StoreFault.io);
  assert.is(store.write(new Uint8Array(512), 0, 512, 0, true), StoreFault.io);
  assert.is(store.flush(), StoreFault.io);
});

test('device numbers are taken apart as the kernel does', () => {
  assert.equal([majorOf(0xfe00), minorOf(0xfe00)], [254, 0]);
  assert.equal([majorOf(0x812), minorOf(0x812)], [8, 0x12]);
  // 259:70000, as of a partition of an NVMe disk with large minor numbers: minor 0x11170 has 0x70 low and 0x111 high.
  const encoded = 0x11100000 + (259 << 8) + 0x70;
  assert.equal([majorOf(encoded), minorOf(encoded)], [259, 70_000]);
});

hostTest('device numbers agree with sysfs', existsSync('/sys/dev/char/1:3') ? null : 'there is no /sys/dev', () => {
  const { rdev } = statSync('/dev/null');
  assert.equal([majorOf(rdev), minorOf(rdev)], [1, 3]);
});

test.run();
