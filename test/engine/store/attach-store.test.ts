import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { attachStore } from '../../../engine/store/attach-store.js';
import { openStore, type StoreOptions } from '../../../engine/store/open-store.js';
import { openRamStore } from '../../../engine/store/ram-store.js';
import type { BackingStore } from '../../../engine/store/store.js';
import type { AttachResult, AttachTask } from './attach-worker.js';
import { assertSame, hostTest, temporaryFolder } from './store-kit.js';

const folder = temporaryFolder();
const SIZE_BYTES = 64 * 1024;
const BLOCK_BYTES = 4096;
const use = { readOnly: false, blockLengthBytes: BLOCK_BYTES };

async function onWorker(task: AttachTask): Promise<AttachResult> {
  const worker = new Worker(new URL('./attach-worker.js', import.meta.url), { workerData: task, execArgv: [] });
  const exited = once(worker, 'exit');
  const [result] = (await once(worker, 'message')) as [AttachResult];
  await exited;
  return result;
}

/** Main writes, a worker reads that and writes, main reads that: after the worker closed its store and ended. */
async function checkSharing(store: BackingStore, positionBytes: number): Promise<void> {
  const mine = new Uint8Array(BLOCK_BYTES).fill(0x11);
  const target = new Uint8Array(BLOCK_BYTES);
  assert.is(store.write(mine, 0, BLOCK_BYTES, positionBytes, false), BLOCK_BYTES);
  const result = await onWorker({ descriptor: store.descriptor, positionBytes, lengthBytes: BLOCK_BYTES, fill: 0x22 });
  assertSame(result.bytes, mine, 'what the worker saw');
  assert.is(result.wrote, BLOCK_BYTES);
  assert.is(result.flushed, 0);
  assert.is(result.sizeBytes, store.sizeBytes);
  assert.is(store.read(target, 0, BLOCK_BYTES, positionBytes), BLOCK_BYTES, 'the worker left the store open');
  assertSame(target, new Uint8Array(BLOCK_BYTES).fill(0x22), 'what main saw');
}

test('a worker sees the bytes of a ram store and main sees its, across a segment border', async () => {
  await checkSharing(openRamStore({ sizeBytes: SIZE_BYTES, segmentBytes: 12_288 }), 10_240);
});

test('a worker shares the descriptors of a file store and leaves them open', async () => {
  const store = openStore({ kind: 'file', path: join(folder, 'shared.img'), sizeBytes: SIZE_BYTES, direct: false }, use);
  await checkSharing(store, 8192);
  store.close();
});

const directOptions: StoreOptions = { kind: 'file', path: join(folder, 'direct.img'), sizeBytes: SIZE_BYTES, direct: true };
const directMissing = (() => {
  try {
    openStore(directOptions, use).close();
    return null;
  } catch (error) {
    return String(error);
  }
})();
hostTest('a worker shares a file opened with O_DIRECT', directMissing, async () => {
  const store = openStore(directOptions, use);
  await checkSharing(store, 8192);
  assert.is(attachStore(store.descriptor).alignmentBytes, store.alignmentBytes);
  store.close();
});

test('a worker attaches a null store', async () => {
  const store = openStore({ kind: 'null', sizeBytes: SIZE_BYTES }, use);
  const result = await onWorker({ descriptor: store.descriptor, positionBytes: 0, lengthBytes: BLOCK_BYTES, fill: 0x22 });
  assert.ok(result.bytes.every((byte) => byte === 0));
  assert.is(result.wrote, BLOCK_BYTES);
});

test('every kind opens from its options and attaches with the same properties', () => {
  const options: StoreOptions[] = [
    { kind: 'ram', sizeBytes: SIZE_BYTES },
    { kind: 'null', sizeBytes: SIZE_BYTES },
    { kind: 'file', path: join(folder, 'every.img'), sizeBytes: SIZE_BYTES, direct: false },
  ];
  for (const readOnly of [false, true]) {
    for (const option of options) {
      const store = openStore(option, { ...use, readOnly });
      const other = attachStore(store.descriptor);
      assert.is(store.kind, option.kind);
      for (const name of ['kind', 'sizeBytes', 'readOnly', 'durability', 'alignmentBytes', 'blocking', 'sparse'] as const) {
        assert.is(other[name], store[name], `${option.kind} ${name}`);
      }
      assert.is(store.readOnly, readOnly);
      store.close();
    }
  }
});

test('the null store has zeroes for the longest transfer of the engine', () => {
  const store = openStore({ kind: 'null', sizeBytes: 2 ** 30 }, { ...use, transferLengthBytesMax: 16 * 2 ** 20 });
  assert.ok(store.view(0, 16 * 2 ** 20) !== null);
});

test.run();
