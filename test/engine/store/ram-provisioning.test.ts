import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeCalls } from '../../../engine/store/native.js';
import { openRamStore } from '../../../engine/store/ram-store.js';
import { type StoreDescriptor, StoreFault } from '../../../engine/store/store.js';
import { checkProvisioningAgainstModel, extentsOf, provisioningOf } from './provisioning-kit.js';
import type { ProvisioningAnswers, ProvisioningTask } from './provisioning-worker.js';
import { assertSame, hostTest } from './store-kit.js';

const KIB = 1024;
const MIB = KIB * KIB;
const GRANULE = 4096;
const pattern = new Uint8Array(64 * KIB).fill(0x5a);
const missing = nativeCalls() === null ? 'koffi is not installed' : null;
const pageIsGranule = nativeCalls()?.pageBytes === GRANULE || nativeCalls() === null ? null : 'pages are larger here';

hostTest('random writes, unmaps and anchors across segments match plain bytes and lose no data', pageIsGranule, () => {
  for (const seed of [1, 2, 3]) {
    const store = openRamStore({ sizeBytes: 75_000, segmentBytes: 16_384 });
    checkProvisioningAgainstModel(store, { seed, roundCount: 200, unitBytes: 8, lengthUnitsMax: 4_000 });
  }
});

hostTest('space is taken by writes in granules, and given back by granules that are unmapped whole', pageIsGranule, () => {
  const provisioned = openRamStore({ sizeBytes: 10 * GRANULE, segmentBytes: 4 * GRANULE });
  const provisioning = provisioningOf(provisioned);
  assert.is(provisioned.sparse, true);
  assert.is(provisioning.granularityBytes, GRANULE);
  assert.equal([provisioning.usedBytes, provisioning.spaceBytes], [0, null]);
  provisioned.write(pattern, 0, 3 * GRANULE, 2 * GRANULE + 512, false);
  assert.is(provisioning.usedBytes, 4 * GRANULE);
  assert.equal(extentsOf(provisioning, provisioned.sizeBytes), [
    { allocated: false, positionBytes: 0, lengthBytes: 2 * GRANULE },
    { allocated: true, positionBytes: 2 * GRANULE, lengthBytes: 4 * GRANULE },
    { allocated: false, positionBytes: 6 * GRANULE, lengthBytes: 4 * GRANULE },
  ]);
  assert.equal(provisioning.extentAt(3 * GRANULE + 512, 512), { allocated: true, lengthBytes: 512 });
  // From the middle of granule 2 to the middle of granule 5: 3 and 4 go.
  assert.is(provisioning.unmap(2 * GRANULE + 1024, 3 * GRANULE, false), 0);
  assert.is(provisioning.usedBytes, 2 * GRANULE);
  const bytes = new Uint8Array(1024);
  provisioned.read(bytes, 0, 1024, 2 * GRANULE + 512);
  assertSame(bytes.subarray(0, 512), pattern.subarray(0, 512), 'before what was unmapped');
  assert.ok(bytes.subarray(512).every((byte) => byte === 0));
});

hostTest('a last granule that reaches beyond the end is given back with the end of the store', pageIsGranule, () => {
  const store = openRamStore({ sizeBytes: 2 * GRANULE + 512 });
  const provisioning = provisioningOf(store);
  store.write(pattern, 0, 512, 2 * GRANULE, false);
  assert.is(provisioning.usedBytes, GRANULE);
  provisioning.unmap(2 * GRANULE, 512, false);
  assert.is(provisioning.usedBytes, 0);
});

hostTest('memory of unmapped granules goes back to the system, and comes as zeros again', missing, () => {
  const store = openRamStore({ sizeBytes: 64 * MIB });
  const big = new Uint8Array(MIB).fill(7);
  for (let position = 0; position < store.sizeBytes; position += MIB) store.write(big, 0, MIB, position, false);
  const before = residentBytes();
  assert.is(provisioningOf(store).unmap(4096, 60 * MIB, false), 0);
  assert.ok(before - residentBytes() > 56 * MIB, `${before - residentBytes()} bytes went back`);
  const bytes = new Uint8Array(8192);
  store.read(bytes, 0, 8192, 0);
  assertSame(bytes.subarray(0, 4096), big.subarray(0, 4096), 'the granule before');
  assert.ok(bytes.subarray(4096).every((byte) => byte === 0));
});

function residentBytes(): number {
  return Number(readFileSync('/proc/self/statm', 'ascii').split(' ')[1]) * (nativeCalls()?.pageBytes ?? 0);
}

hostTest('beyond its space a store takes no write, changes nothing, and still takes what has space', pageIsGranule, () => {
  const store = openRamStore({ sizeBytes: 16 * GRANULE, segmentBytes: 4 * GRANULE, spaceBytes: 3 * GRANULE + 100 });
  const provisioning = provisioningOf(store);
  assert.is(provisioning.spaceBytes, 3 * GRANULE + 100);
  assert.is(store.write(pattern, 0, 2 * GRANULE, 0, false), 2 * GRANULE);
  assert.is(store.write(pattern, 0, 4 * GRANULE, GRANULE, false), StoreFault.noSpace, 'three more where one is left');
  assert.is(provisioning.usedBytes, 2 * GRANULE);
  assert.is(store.view(GRANULE * 2, 1)?.bytes[2 * GRANULE], 0, 'nothing of it was written');
  assert.is(store.write(pattern, 0, 512, 5 * GRANULE, false), 512);
  assert.is(store.write(pattern, 0, 512, 6 * GRANULE, false), StoreFault.noSpace);
  assert.is(store.write(pattern, 0, 2 * GRANULE, 0, false), 2 * GRANULE, 'written again');
  assert.is(provisioning.anchor(8 * GRANULE, 512), StoreFault.noSpace);
  provisioning.unmap(0, GRANULE, false);
  assert.is(provisioning.anchor(8 * GRANULE, 512), 0);
  assert.is(store.write(pattern, 0, 512, 6 * GRANULE, false), StoreFault.noSpace, 'anchored space is taken');
  assert.is(store.write(pattern, 0, 512, 8 * GRANULE + 1024, false), 512);
});

test('a store for reading only gives nothing back', () => {
  const provisioning = provisioningOf(openRamStore({ sizeBytes: 8192, readOnly: true }));
  assert.is(provisioning.unmap(0, 8192, false), StoreFault.readOnly);
  assert.is(provisioning.anchor(0, 8192), StoreFault.readOnly);
});

async function together(descriptor: StoreDescriptor, jobs: readonly Omit<ProvisioningTask, 'descriptor' | 'start'>[]): Promise<ProvisioningAnswers[]> {
  const start = new SharedArrayBuffer(4);
  const workers = jobs.map(
    (job) => new Worker(new URL('./provisioning-worker.js', import.meta.url), { workerData: { ...job, descriptor, start }, execArgv: [] }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const answers = workers.map(async (worker) => ((await once(worker, 'message')) as [ProvisioningAnswers])[0]);
  Atomics.store(new Int32Array(start), 0, 1);
  Atomics.notify(new Int32Array(start), 0);
  return Promise.all(answers);
}

hostTest('threads that write at once never take more than the space, and exactly all of it', pageIsGranule, async () => {
  const granuleCount = 2048;
  const spaceCount = 700;
  const store = openRamStore({ sizeBytes: granuleCount * GRANULE, spaceBytes: spaceCount * GRANULE });
  // Two halves of every granule, one by each thread, so they meet at the same bits as well.
  const halves = [0, 1].map((half) => Array.from({ length: granuleCount }, (_, index) => index * GRANULE + half * 2048));
  const answers = await together(
    store.descriptor,
    halves.map((positionsBytes, index) => ({ positionsBytes, lengthBytes: 2048, fill: index + 1, unmaps: false })),
  );
  const touched = new Set(
    answers.flatMap((list, half) => list.flatMap((answer, index) => (answer === 2048 ? [Math.floor((halves[half]?.[index] ?? 0) / GRANULE)] : []))),
  );
  assert.is(touched.size, spaceCount);
  assert.is(provisioningOf(store).usedBytes, spaceCount * GRANULE);
  const allocated = extentsOf(provisioningOf(store), store.sizeBytes).filter((extent) => extent.allocated);
  assert.is(
    allocated.reduce((sum, extent) => sum + extent.lengthBytes, 0),
    spaceCount * GRANULE,
  );
});

hostTest('threads that write and unmap neighbouring granules lose neither bits nor bytes', pageIsGranule, async () => {
  const granuleCount = 2048;
  const store = openRamStore({ sizeBytes: granuleCount * GRANULE });
  const data = new Uint8Array(GRANULE).fill(9);
  for (let index = 1; index < granuleCount; index += 2) store.write(data, 0, GRANULE, index * GRANULE, false);
  const positions = (first: number) => Array.from({ length: granuleCount / 2 }, (_, index) => (2 * index + first) * GRANULE);
  await together(store.descriptor, [
    { positionsBytes: positions(0), lengthBytes: GRANULE, fill: 3, unmaps: false },
    { positionsBytes: positions(1), lengthBytes: GRANULE, fill: 0, unmaps: true },
  ]);
  assert.is(provisioningOf(store).usedBytes, (granuleCount / 2) * GRANULE);
  const extents = extentsOf(provisioningOf(store), store.sizeBytes);
  assert.is(extents.length, granuleCount);
  const bytes = new Uint8Array(GRANULE);
  for (let index = 0; index < granuleCount; index++) {
    assert.is(extents[index]?.allocated, index % 2 === 0);
    store.read(bytes, 0, GRANULE, index * GRANULE);
    assert.ok(
      bytes.every((byte) => byte === (index % 2 === 0 ? 3 : 0)),
      `granule ${index}`,
    );
  }
});

test('without native calls all is the same but that the memory stays with the process', () => {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    const { openRamStore } = await import(${url('../../../engine/store/ram-store.js')});
    const { nativeCalls } = await import(${url('../../../engine/store/native.js')});
    const { checkProvisioningAgainstModel } = await import(${url('./provisioning-kit.js')});
    checkProvisioningAgainstModel(openRamStore({ sizeBytes: 75_000, segmentBytes: 16_384 }), { seed: 5, roundCount: 200, unitBytes: 8, lengthUnitsMax: 4_000 });
    console.log(nativeCalls());`;
  const env = { ...process.env, LUNLOOM_NO_NATIVE: '1' };
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 30_000, env });
  assert.is(child.stdout.trim(), 'null', child.stderr);
});

test.run();
