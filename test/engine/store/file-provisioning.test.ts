import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { attachStore } from '../../../engine/store/attach-store.js';
import { nativeCalls } from '../../../engine/store/native.js';
import { openStore } from '../../../engine/store/open-store.js';
import { type BackingStore, StoreFault } from '../../../engine/store/store.js';
import { attachLoopDevice, detachLoopDevice, loopDevicesMissing } from './loop-device.js';
import { checkProvisioningAgainstModel, extentsOf, provisioningOf } from './provisioning-kit.js';
import { assertRefused, assertSame, hostTest, temporaryFolder } from './store-kit.js';

const KIB = 1024;
const MIB = KIB * KIB;
const BLOCK = 4096;
const data = new Uint8Array(64 * KIB).fill(0x77);
const noNative = nativeCalls() === null ? 'koffi is not installed' : null;
const folder = temporaryFolder();

interface Wish {
  readonly parent?: string;
  readonly direct?: boolean;
  readonly spaceBytes?: number;
  readonly sizeBytes?: number;
}

function open(name: string, { parent = folder, direct = false, spaceBytes, sizeBytes = MIB }: Wish = {}): BackingStore {
  const use = { readOnly: false, blockLengthBytes: BLOCK, ...(spaceBytes !== undefined && { spaceBytes }) };
  return openStore({ kind: 'file', path: join(parent, name), sizeBytes, direct }, use);
}

/** Why this place has no holes, or no O_DIRECT, or null when it has. */
function missingIn(parent: string, direct: boolean): string | null {
  if (noNative !== null) return noNative;
  try {
    const store = open(`probe-${direct}.img`, { parent, direct });
    store.write(data, 0, data.length, 0, false);
    store.provisioning?.unmap(0, BLOCK, false);
    const extent = store.provisioning?.extentAt(0, BLOCK);
    store.close();
    return extent?.allocated === false ? null : `${parent} has no holes`;
  } catch (error) {
    return String(error);
  }
}

for (const parent of [temporaryFolder(tmpdir()), temporaryFolder('/dev/shm')]) {
  const place = parent.startsWith('/dev/shm') ? 'memory' : 'disk';
  for (const direct of [false, true]) {
    const kind = `${place}, ${direct ? 'direct' : 'page cache'}`;
    const missing = missingIn(parent, direct);

    hostTest(`${kind}: random writes, unmaps and anchors match plain bytes and lose no data`, missing, () => {
      const store = open(`model-${direct}.img`, { parent, direct });
      checkProvisioningAgainstModel(store, { seed: 1, roundCount: 60, unitBytes: BLOCK, lengthUnitsMax: 32 });
      store.close();
    });

    hostTest(`${kind}: holes are punched, told and counted`, missing, () => {
      const store = open(`holes-${direct}.img`, { parent, direct });
      const provisioning = provisioningOf(store);
      assert.is(store.sparse, true);
      assert.is(provisioning.usedBytes, 0);
      store.write(data, 0, 16 * BLOCK, 16 * BLOCK, false);
      assert.ok(provisioning.usedBytes >= 16 * BLOCK);
      assert.is(provisioning.unmap(20 * BLOCK, 4 * BLOCK, true), 0);
      assert.equal(
        extentsOf(provisioning, store.sizeBytes).map((extent) => [extent.allocated, extent.positionBytes / BLOCK, extent.lengthBytes / BLOCK]),
        [
          [false, 0, 16],
          [true, 16, 4],
          [false, 20, 4],
          [true, 24, 8],
          [false, 32, 224],
        ],
      );
      const usedBytes = provisioning.usedBytes;
      assert.is(usedBytes, statSync(join(parent, `holes-${direct}.img`)).blocks * 512);
      assert.is(provisioning.unmap(0, store.sizeBytes, true), 0);
      assert.ok(usedBytes - provisioning.usedBytes >= 12 * BLOCK);
      assert.is(statSync(join(parent, `holes-${direct}.img`)).size, MIB, 'it keeps its size');
      store.close();
    });
  }
}

hostTest('anchored space is there before it is written, and what is read does not change', noNative, () => {
  const store = open('anchored.img');
  const provisioning = provisioningOf(store);
  store.write(data, 0, BLOCK, 4 * BLOCK, false);
  assert.is(provisioning.anchor(0, 64 * BLOCK), 0);
  assert.ok(provisioning.usedBytes >= 64 * BLOCK);
  const bytes = new Uint8Array(2 * BLOCK);
  store.read(bytes, 0, 2 * BLOCK, 4 * BLOCK);
  assertSame(bytes.subarray(0, BLOCK), data.subarray(0, BLOCK), 'kept');
  assert.ok(bytes.subarray(BLOCK).every((byte) => byte === 0));
  store.close();
});

/** Why the file system of the temporary folder does not tell anchored space. */
function anchorMissing(): string | null {
  if (noNative !== null) return noNative;
  const store = open('anchor-probe.img');
  const { tellsAnchored } = provisioningOf(store);
  store.close();
  return tellsAnchored ? null : `${folder} has no FIEMAP`;
}

/** As `first+count` in blocks: - deallocated, A anchored, M mapped; neighbours that are alike are joined. */
function stateOf(store: BackingStore): string {
  const runs: { at: number; count: number; state: string }[] = [];
  for (let at = 0; at < store.sizeBytes; ) {
    const { allocated, anchored, lengthBytes } = provisioningOf(store).extentAt(at, store.sizeBytes - at, true);
    const state = !allocated ? '-' : anchored === true ? 'A' : 'M';
    const before = runs.at(-1);
    if (before?.state === state) before.count += lengthBytes / BLOCK;
    else runs.push({ at: at / BLOCK, count: lengthBytes / BLOCK, state });
    at += lengthBytes;
  }
  return runs.map(({ at, count, state }) => `${at}+${count}${state}`).join(' ');
}

for (const direct of [false, true]) {
  const missing = anchorMissing() ?? missingIn(folder, direct);
  hostTest(`${direct ? 'direct' : 'page cache'}: anchored space is told until it is written, and is not written by a read`, missing, () => {
    const store = open(`told-${direct}.img`, { direct });
    const provisioning = provisioningOf(store);
    assert.is(provisioning.anchor(16 * BLOCK, 64 * BLOCK), 0);
    assert.is(stateOf(store), '0+16- 16+64A 80+176-');
    // A read leaves pages in the cache, which lseek(2) calls data.
    store.read(new Uint8Array(64 * KIB), 0, 64 * KIB, 32 * BLOCK);
    assert.is(stateOf(store), '0+16- 16+64A 80+176-');
    // Enough that no file system writes zeros around it instead of splitting the extent.
    store.write(data, 0, 16 * BLOCK, 32 * BLOCK, false);
    assert.is(stateOf(store), '0+16- 16+16A 32+16M 48+32A 80+176-');
    store.write(data, 0, 16 * BLOCK, 160 * BLOCK, false);
    assert.is(provisioning.unmap(0, 40 * BLOCK, false), 0);
    assert.is(stateOf(store), '0+40- 40+8M 48+32A 80+80- 160+16M 176+80-');
    store.close();
  });
}

hostTest('more extents than one FIEMAP brings are all told', anchorMissing(), () => {
  const store = open('many.img', { sizeBytes: 4 * MIB });
  const provisioning = provisioningOf(store);
  let expected = '';
  for (let at = 0; at < 1024; at += 8) {
    assert.is(provisioning.anchor(at * BLOCK, 4 * BLOCK), 0);
    expected += ` ${at}+4A ${at + 4}+4-`;
  }
  assert.is(stateOf(store), expected.trim());
  store.close();
});

hostTest('anchored space takes a write when there is no other left', anchorMissing(), () => {
  const store = open('anchored-bounded.img', { spaceBytes: 24 * BLOCK });
  const provisioning = provisioningOf(store);
  assert.is(provisioning.anchor(0, 24 * BLOCK), 0);
  assert.is(store.write(data, 0, BLOCK, 30 * BLOCK, false), StoreFault.noSpace);
  assert.is(store.write(data, 0, 8 * BLOCK, 8 * BLOCK, false), 8 * BLOCK);
  store.close();
});

hostTest('a file system without FIEMAP does not claim to tell anchored space', noNative, () => {
  const store = open('tmpfs.img', { parent: temporaryFolder('/dev/shm') });
  const provisioning = provisioningOf(store);
  if (provisioning.tellsAnchored) return store.close();
  assert.is(provisioning.anchor(0, 64 * BLOCK), 0);
  assert.not.match(stateOf(store), 'A');
  store.close();
});

hostTest('beyond its space a file takes no write, and still takes what has space', noNative, () => {
  const store = open('bounded.img', { parent: temporaryFolder('/dev/shm'), spaceBytes: 24 * BLOCK });
  const provisioning = provisioningOf(store);
  assert.is(provisioning.spaceBytes, 24 * BLOCK);
  let taken = 0;
  let answer: number = BLOCK;
  for (let block = 0; block < 64 && answer === BLOCK; block += 2) {
    answer = store.write(data, 0, BLOCK, block * BLOCK, false);
    if (answer === BLOCK) taken++;
  }
  assert.equal([answer, taken], [StoreFault.noSpace, 24]);
  assert.is(provisioning.usedBytes, 24 * BLOCK);
  assert.is(store.write(data, 0, BLOCK, 0, true), BLOCK, 'has space');
  assert.is(store.write(data, 0, 2 * BLOCK, 0, false), StoreFault.noSpace, 'has space in part');
  assert.is(provisioning.anchor(BLOCK, BLOCK), StoreFault.noSpace);
  // Another thread's store has the same budget and the same bound.
  const other = attachStore(store.descriptor);
  assert.is(other.write(data, 0, BLOCK, BLOCK, false), StoreFault.noSpace);
  assert.is(other.provisioning?.unmap(2 * BLOCK, BLOCK, false), 0);
  assert.is(store.write(data, 0, BLOCK, BLOCK, false), BLOCK);
  assert.is(store.write(data, 0, BLOCK, 2 * BLOCK, false), StoreFault.noSpace);
  store.close();
});

hostTest('a file that has all its space is not sparse', null, () => {
  const path = join(folder, 'full.img');
  writeFileSync(path, data);
  const store = openStore({ kind: 'file', path, direct: false }, { readOnly: false, blockLengthBytes: 512 });
  assert.is(store.sparse, false);
  assert.is(attachStore(store.descriptor).sparse, false);
  store.close();
});

test('after it was closed, or for reading only, nothing is given back and other files are left alone', () => {
  const store = open('closed.img');
  const provisioning = provisioningOf(store);
  store.close();
  assert.is(provisioning.unmap(0, BLOCK, false), StoreFault.io);
  assert.is(provisioning.anchor(0, BLOCK), StoreFault.io);
  assert.is(provisioning.usedBytes, 0);
  const readOnly = openStore({ kind: 'file', path: join(folder, 'closed.img'), direct: false }, { readOnly: true, blockLengthBytes: 512 });
  assert.is(readOnly.provisioning?.unmap(0, BLOCK, false), StoreFault.readOnly);
  assert.is(readOnly.provisioning?.anchor(0, BLOCK), StoreFault.readOnly);
  readOnly.close();
});

test('a durable unmap is one with the flush: what a flush cannot promise, it does not either', () => {
  const store = open('durable.img');
  const { descriptor } = store;
  assert.ok(descriptor.kind === 'file');
  const failed = attachStore({ ...descriptor, flushFault: new Int32Array(new SharedArrayBuffer(4)).fill(StoreFault.io).buffer } as typeof descriptor);
  assert.is(failed.provisioning?.unmap(0, BLOCK, true), StoreFault.io);
  assert.is(failed.provisioning?.unmap(0, BLOCK, false), 0);
  const gone = attachStore({ ...descriptor, fd: 900_000, durableFd: 900_000 } as typeof descriptor);
  assert.is(gone.provisioning?.unmap(0, BLOCK, false), StoreFault.io);
  assert.is(gone.provisioning?.anchor(0, BLOCK), StoreFault.io);
  store.close();
});

test('a null store has no space that could be bounded', () => {
  const use = { readOnly: false, blockLengthBytes: 512, spaceBytes: 4096 };
  assertRefused(() => openStore({ kind: 'null', sizeBytes: MIB }, use), 'STORE_SPACE_INVALID');
});

const loopMissing = noNative ?? loopDevicesMissing(join(folder, 'loop-probe.img'));
hostTest('a block device that takes requests for zeros has holes punched, at its sectors, and zeros written at the edges', loopMissing, () => {
  const imagePath = join(folder, 'loop.img');
  const device = attachLoopDevice(imagePath, 4 * MIB, 4096);
  try {
    const use = { readOnly: false, blockLengthBytes: 512 };
    const store = openStore({ kind: 'file', path: device, direct: false }, use);
    try {
      const provisioning = provisioningOf(store);
      assert.is(store.sparse, false);
      assert.is(provisioning.granularityBytes, 4096);
      assert.is(store.write(data, 0, data.length, 0, true), data.length);
      const before = statSync(imagePath).blocks;
      assert.is(provisioning.unmap(512, 40 * KIB, true), 0);
      assert.is(before - statSync(imagePath).blocks, (36 * KIB) / 512);
      const bytes = new Uint8Array(data.length);
      store.read(bytes, 0, bytes.length, 0);
      assertSame(bytes, new Uint8Array(data).fill(0, 512, 512 + 40 * KIB), 'on the device');
      assert.equal(provisioning.extentAt(0, MIB), { allocated: true, lengthBytes: MIB });
      assert.is(provisioning.usedBytes, store.sizeBytes);
      assertRefused(() => openStore({ kind: 'file', path: device, direct: false }, { ...use, readOnly: true, spaceBytes: MIB }), 'STORE_SPACE_INVALID', device);
    } finally {
      store.close();
    }
  } finally {
    detachLoopDevice(device);
  }
});

test('without native calls zeros are written, all counts as allocated, and a full file takes nothing more', () => {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    const { openStore } = await import(${url('../../../engine/store/open-store.js')});
    const { checkProvisioningAgainstModel } = await import(${url('./provisioning-kit.js')});
    const file = (name) => ({ kind: 'file', path: ${JSON.stringify(folder)} + '/' + name, sizeBytes: 1048576, direct: false });
    const use = { readOnly: false, blockLengthBytes: 512 };
    const store = openStore(file('weak.img'), use);
    checkProvisioningAgainstModel(store, { seed: 6, roundCount: 40, unitBytes: 512, lengthUnitsMax: 200, tellsExtents: false });
    const bounded = openStore(file('weak-bounded.img'), { ...use, spaceBytes: 65536 });
    const answers = [];
    for (let block = 0; block < 18; block++) answers.push(bounded.write(new Uint8Array(4096).fill(1), 0, 4096, block * 4096, false));
    const taken = answers.filter((answer) => answer === 4096).length;
    console.log(JSON.stringify([store.sparse, store.provisioning.extentAt(512, 4096), store.provisioning.tellsAnchored, taken <= 16, answers.at(-1)]));`;
  const env = { ...process.env, LUNLOOM_NO_NATIVE: '1' };
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 30_000, env });
  assert.is(child.stdout.trim(), JSON.stringify([true, { allocated: true, lengthBytes: 4096 }, false, true, StoreFault.noSpace]), child.stderr);
});

test.run();
