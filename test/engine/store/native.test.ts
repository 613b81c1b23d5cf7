import { closeSync, fstatSync, openSync, readSync, unlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NativeCalls, nativeCalls, SystemCallError } from '../../../engine/store/native.js';
import { hostTest } from './store-kit.js';

const isInstalled = (() => {
  try {
    createRequire(import.meta.url)('koffi');
    return process.platform === 'linux' && process.env['LUNLOOM_NO_NATIVE'] !== '1';
  } catch {
    return false;
  }
})();
const missing = isInstalled ? null : 'koffi is not installed';
const native = nativeCalls() as NativeCalls;

test('where koffi is installed all calls are there', () => assert.is(nativeCalls() !== null, isInstalled));

hostTest('a system call that fails throws what node:fs would: a code and the name of the call', missing, () => {
  try {
    native.allocate(900_000, 0, 4096);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, SystemCallError);
    const { code, syscall } = error as SystemCallError;
    assert.equal([code, syscall], ['EBADF', 'fallocate']);
  }
});

hostTest('pages of shared memory are given back to zeros', missing, () => {
  const { pageBytes } = native;
  const memory = new Uint8Array(new SharedArrayBuffer(8 * pageBytes)).fill(9);
  const skew = (pageBytes - Number(native.addressOf(memory) % BigInt(pageBytes))) % pageBytes;
  native.releasePages(memory.subarray(skew + pageBytes, skew + 3 * pageBytes));
  assert.ok(memory.subarray(skew + pageBytes, skew + 3 * pageBytes).every((byte) => byte === 0));
  assert.is(memory[skew + pageBytes - 1], 9);
  assert.is(memory[skew + 3 * pageBytes], 9);
  assert.throws(
    () => native.releasePages(memory.subarray(skew + 1, skew + pageBytes)),
    (error: unknown) => error instanceof SystemCallError,
  );
});

hostTest('bytes are written beyond 2^53 where fs.writeSync would write elsewhere', missing, () => {
  const path = join('/dev/shm', `lunloom-native-${process.pid}.img`);
  const fd = openSync(path, 'w+');
  try {
    native.truncate(fd, 2 ** 62);
    assert.is(fstatSync(fd, { bigint: true }).size, 2n ** 62n);
    const positionBytes = 2n ** 61n + 512n;
    assert.is(native.write(fd, new Uint8Array(512).fill(5), positionBytes), 512);
    const bytes = new Uint8Array(1024);
    assert.is(readSync(fd, bytes, 0, 1024, positionBytes - 512n), 1024);
    assert.is(bytes.indexOf(5), 512);
    assert.is(native.seekData(fd, 0), 2 ** 61);
    assert.is(native.seekHole(fd, 2 ** 61), 2 ** 61 + native.pageBytes);
    native.punchHole(fd, 2 ** 61, 4096);
    assert.is(native.seekData(fd, 0), null);
  } finally {
    closeSync(fd);
    unlinkSync(path);
  }
});

hostTest('a thread loads the calls by itself', missing, async () => {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData).then(({ nativeCalls }) => parentPort.postMessage(nativeCalls().pageBytes));`;
  const url = new URL('../../../engine/store/native.js', import.meta.url).href;
  const worker = new Worker(script, { eval: true, workerData: url, execArgv: [] });
  const pageBytes = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.is(pageBytes, native.pageBytes);
  await worker.terminate();
});

test.run();
