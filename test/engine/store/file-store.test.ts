import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { attachStore } from '../../../engine/store/attach-store.js';
import { faultOf } from '../../../engine/store/file-io.js';
import type { FileStore, FileStoreDescriptor } from '../../../engine/store/file-store.js';
import { openFileStore } from '../../../engine/store/open-file-store.js';
import { StoreFault } from '../../../engine/store/store.js';
import { assertSame, checkAgainstModel, hostTest, temporaryFolder } from './store-kit.js';

const folder = temporaryFolder();
const GIB = 1024 * 1024 * 1024;
const O_DSYNC = 0o10000;
const TMPFS = 0x01021994;
/** No process of this test has that many files open. */
const UNUSED_FD = 900_000;
const block = new Uint8Array(512).fill(0x42);

function fresh(name: string, sizeBytes = 64 * 1024): FileStore {
  return openFileStore({ path: join(folder, name), sizeBytes, direct: false, readOnly: false });
}

/** The store as a worker attaches it, with parts of the descriptor replaced: so the system's own faults can be met. */
function attached(store: FileStore, changes: Partial<FileStoreDescriptor>) {
  return attachStore({ ...store.descriptor, ...changes });
}

test('random requests match plain bytes', () => {
  for (const seed of [1, 2]) {
    const store = fresh(`model-${seed}.img`, 100_000);
    checkAgainstModel(store, { seed, roundCount: 200, unitBytes: 1, lengthUnitsMax: 9_000 });
    store.close();
  }
});

test('bytes reach the file, and a new opening finds them', () => {
  const store = fresh('kept.img');
  store.write(block, 0, 512, 1024, false);
  store.close();
  assertSame(readFileSync(store.descriptor.path).subarray(1024, 1536), block, 'in the file');
  const again = openFileStore({ path: store.descriptor.path, direct: false, readOnly: true });
  const target = new Uint8Array(512);
  assert.is(again.read(target, 0, 512, 1024), 512);
  assertSame(target, block, 'read again');
  again.close();
});

test('positions beyond 2^32 are not cut', () => {
  const store = fresh('far.img', 9 * GIB);
  const target = new Uint8Array(512);
  assert.is(store.write(block, 0, 512, 8 * GIB + 512, true), 512);
  assert.is(store.read(target, 0, 512, 8 * GIB + 512), 512);
  assertSame(target, block, 'at 8 GiB');
  store.read(target, 0, 512, 512);
  assert.ok(target.every((byte) => byte === 0));
  store.close();
});

test('a file truncated beneath is a short read, and whole again once written', () => {
  const store = fresh('truncated.img');
  const target = new Uint8Array(4096);
  truncateSync(store.descriptor.path, 10_000);
  assert.is(store.read(target, 0, 512, 9_000), 512);
  assert.is(store.read(target, 0, 4096, 8192), StoreFault.shortRead);
  assert.is(store.read(target, 0, 512, 32_768), StoreFault.shortRead);
  assert.is(store.write(block, 0, 512, 65_536 - 512, false), 512);
  assert.is(store.read(target, 0, 512, 32_768), 512);
  store.close();
});

test('a full device is no space, for plain and durable writes', () => {
  const store = fresh('full.img');
  const fullFd = openSync('/dev/full', 'r+');
  const full = attached(store, { fd: fullFd, durableFd: fullFd });
  assert.is(full.write(block, 0, 512, 0, false), StoreFault.noSpace);
  assert.is(full.write(block, 0, 512, 0, true), StoreFault.noSpace);
  closeSync(fullFd);
  store.close();
});

test('a file larger than the process may write is no space', () => {
  const path = join(folder, 'limited.img');
  fresh('limited.img', 1024 * 1024).close();
  const script = `
    const { openFileStore } = await import(${JSON.stringify(new URL('../../../engine/store/open-file-store.js', import.meta.url).href)});
    const store = openFileStore({ path: ${JSON.stringify(path)}, direct: false, readOnly: false });
    console.log(store.write(new Uint8Array(4096), 0, 4096, 512 * 1024, false), store.write(new Uint8Array(512), 0, 512, 0, false));`;
  const limited = 'ulimit -f 64 && exec "$0" --input-type=module -e "$1"';
  const child = spawnSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8', timeout: 30_000 });
  assert.is(child.stdout.trim(), `${StoreFault.noSpace} 512`, child.stderr);
});

test('a descriptor that is gone is an I/O fault for every call', () => {
  const store = fresh('gone.img');
  const gone = attached(store, { fd: UNUSED_FD, durableFd: UNUSED_FD, flushFault: new SharedArrayBuffer(4) });
  assert.is(gone.read(new Uint8Array(512), 0, 512, 0), StoreFault.io);
  assert.is(gone.write(block, 0, 512, 0, false), StoreFault.io);
  assert.is(gone.write(block, 0, 512, 0, true), StoreFault.io);
  assert.is(gone.flush(), StoreFault.io);
  store.close();
});

test('a store for reading only refuses writes without asking the system, and flushes', () => {
  const path = join(folder, 'read-only.img');
  writeFileSync(path, block);
  const store = openFileStore({ path, direct: false, readOnly: true });
  assert.is(store.write(new Uint8Array(512), 0, 512, 0, false), StoreFault.readOnly);
  assert.is(store.write(new Uint8Array(512), 0, 512, 0, true), StoreFault.readOnly);
  assert.is(store.flush(), 0);
  store.close();
  // Over descriptors that could write, it is the store that must say no.
  const writable = fresh('writable.img', 512);
  const refusing = attached(writable, { readOnly: true });
  for (const durable of [false, true]) assert.is(refusing.write(block, 0, 512, 0, durable), StoreFault.readOnly);
  assertSame(readFileSync(writable.descriptor.path), new Uint8Array(512), 'unchanged beneath');
  writable.close();
  assertSame(readFileSync(path), block, 'unchanged');
});

test('errors of the system become the fault that names them', () => {
  const fault = (code: string, readOnly = false) => faultOf(Object.assign(new TypeError(code), { code, syscall: 'write' }), readOnly);
  for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) assert.is(fault(code), StoreFault.noSpace, code);
  assert.is(fault('EROFS'), StoreFault.readOnly);
  assert.is(fault('EBADF', true), StoreFault.readOnly);
  for (const code of ['EIO', 'EBADF', 'EINVAL', 'ENOMEDIUM', 'EAGAIN']) assert.is(fault(code), StoreFault.io, code);
});

test('a programming error is no fault of the medium', () => {
  const store = fresh('misused.img');
  const isAssertion = (error: unknown) => error instanceof AssertionFailure;
  assert.throws(() => store.write(block, 0, 512, 64 * 1024, false), isAssertion);
  assert.throws(() => store.write(block, 1, 512, 0, false), isAssertion);
  assert.throws(() => store.read(block, 0, 512, -512), isAssertion);
  assert.throws(
    () => store.read(block, 256, 512, 0),
    (error: unknown) => error instanceof RangeError,
  );
  assert.is(statSync(store.descriptor.path).size, 64 * 1024, 'the image did not grow');
  store.close();
});

test('durable writes go through a descriptor of their own, opened with O_DSYNC', () => {
  const store = fresh('durable.img');
  const flags = (fd: number) => Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8);
  assert.is(flags(store.descriptor.durableFd) & O_DSYNC, O_DSYNC);
  assert.is(flags(store.descriptor.fd) & O_DSYNC, 0);
  const other = fresh('other.img');
  const split = attached(store, { durableFd: other.descriptor.durableFd });
  split.write(block, 0, 512, 0, true);
  split.write(block, 0, 512, 512, false);
  const zeroes = new Uint8Array(512);
  assertSame(readFileSync(other.descriptor.path).subarray(0, 1024), Buffer.concat([block, zeroes]), 'the durable write');
  assertSame(readFileSync(store.descriptor.path).subarray(0, 1024), Buffer.concat([zeroes, block]), 'the plain write');
  store.close();
  other.close();
});

test('once a flush failed on any thread, none succeeds until the store is opened anew', () => {
  const store = fresh('lost.img');
  const fullFd = openSync('/dev/full', 'r+');
  // fdatasync on a character device is EINVAL, which stands here for a write-back that failed.
  assert.is(attached(store, { fd: fullFd }).flush(), StoreFault.io);
  closeSync(fullFd);
  assert.is(store.flush(), StoreFault.io);
  assert.is(attachStore(store.descriptor).flush(), StoreFault.io);
  store.close();
  const again = fresh('lost.img');
  assert.is(again.flush(), 0);
  again.close();
});

const isOnDisk = statfsSync(folder).type !== TMPFS;
hostTest('a file on a disk promises to survive power loss', isOnDisk ? null : `${folder} is in memory`, () => {
  const store = fresh('promise.img');
  assert.is(store.durability, 'power-loss');
  assert.is(store.blocking, true);
  assert.is(store.alignmentBytes, 1);
  assert.is(store.view(0, 512), null);
  store.close();
});

const memoryFolder = (() => {
  try {
    return statfsSync('/dev/shm').type === TMPFS ? temporaryFolder('/dev/shm') : null;
  } catch {
    return null;
  }
})();
hostTest('a file in memory promises no more than to outlive the process', memoryFolder === null ? '/dev/shm is no writable tmpfs' : null, () => {
  const store = openFileStore({ path: join(memoryFolder as string, 'volatile.img'), sizeBytes: 4096, direct: false, readOnly: false });
  assert.is(store.durability, 'process');
  assert.is(attachStore(store.descriptor).durability, 'process');
  store.close();
});

test.run();
