// test-timeout: 60 s
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { claimObjectStore, openObjectStore } from '../../../../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../../../../engine/limits.js';

const LIFE_COUNT = 6;

// LMDB's binding does not survive the end of a thread inside a transaction: docs/devices/osd-format.md, "Threads".
test('a thread that was ended without closing the store is followed by another, which finds all that was done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-thread-'));
  const directory = join(folder, 'store');
  const claim = claimObjectStore(directory);
  for (let life = 0; life < LIFE_COUNT; life++) {
    const worker = new Worker(new URL('./store-thread.js', import.meta.url), { workerData: directory });
    worker.postMessage('work');
    await once(worker, 'message');
    await worker.terminate();
  }
  const store = openObjectStore({ directory, limits: defaultLimits, capacityBytes: null, claim: false });
  const { userObjectCount } = store.information({ partitionId: 0x10000n, objectId: 0n });
  assert.is(userObjectCount, BigInt(LIFE_COUNT * 50));
  let count = 0n;
  for (let from: bigint | null = 0n; from !== null; ) {
    const page: ReturnType<typeof store.listUserObjects> = store.listUserObjects(0x10000n, { from, countMax: 1000 });
    for (const objectId of page.ids) {
      const bytes = Buffer.alloc(4);
      const length = store.read({ partitionId: 0x10000n, objectId }, 0n, bytes);
      assert.is(bytes.toString('latin1', 0, length), Buffer.from(store.attribute({ partitionId: 0x10000n, objectId }, 1, 1) as Uint8Array).toString());
      count++;
    }
    from = page.next;
  }
  assert.is(count, userObjectCount);
  store.close();
  claim.release();
  rmSync(folder, { recursive: true });
});

test('without the package lmdb the store says what to install, and makes nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-missing-'));
  const module = new URL('../../../../../engine/devices/osd/store/open-object-store.js', import.meta.url).href;
  const script = `
    import { Module } from 'node:module';
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (name, ...rest) => { if (name === 'lmdb') throw new Error('not there'); return resolve(name, ...rest); };
    const { openObjectStore } = await import(${JSON.stringify(module)});
    try { openObjectStore({ directory: ${JSON.stringify(join(folder, 'store'))}, limits: {}, capacityBytes: null }); }
    catch (error) { process.stdout.write(error.code + ' ' + error.message); }`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.match(stdout, /^OSD_LMDB_MISSING .*install the optional package lmdb/);
  assert.not(existsSync(join(folder, 'store')));
  rmSync(folder, { recursive: true });
});

test.run();
