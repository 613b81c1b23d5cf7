import { execFileSync } from 'node:child_process';
import { readdirSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure, TargetError } from '../../../engine/errors.js';
import { allocateAligned } from '../../../engine/store/aligned-memory.js';
import type { FileStore } from '../../../engine/store/file-store.js';
import { openFileStore } from '../../../engine/store/open-file-store.js';
import { StoreFault } from '../../../engine/store/store.js';
import { assertRefused, assertSame, checkAgainstModel, hostTest, temporaryFolder } from './store-kit.js';

const KIB = 1024;
const MIB = KIB * KIB;
const SIZE_BYTES = 256 * KIB;
/** Big enough for every sector there is, so that these tests run on any disk. */
const BLOCK_BYTES = 4096;

function open(folder: string, name: string, sizeBytes = SIZE_BYTES): FileStore {
  return openFileStore({ path: join(folder, name), sizeBytes, direct: true, readOnly: false, blockLengthBytes: BLOCK_BYTES });
}

/** A folder below `parent` whose file system takes O_DIRECT, or the reason why there is none. */
function directFolder(parent: string): { readonly folder: string; readonly missing: string | null } {
  try {
    const folder = temporaryFolder(parent);
    open(folder, 'probe.img').close();
    return { folder, missing: null };
  } catch (error) {
    return { folder: '', missing: error instanceof TargetError ? error.message : `${parent}: ${String(error)}` };
  }
}

const besideThis = fileURLToPath(new URL('.', import.meta.url));
const places = [tmpdir(), '/dev/shm', '/var/tmp', besideThis].map((parent) => ({ parent, ...directFolder(parent) }));

for (const { parent, folder, missing } of places) {
  hostTest(`${parent}: random requests on aligned memory match plain bytes`, missing, () => {
    const store = open(folder, 'aligned.img');
    assert.ok([512, 4096].includes(store.alignmentBytes));
    const memory = allocateAligned(SIZE_BYTES);
    checkAgainstModel(store, { seed: 1, roundCount: 60, unitBytes: BLOCK_BYTES, lengthUnitsMax: 16, memory });
    store.close();
  });

  hostTest(`${parent}: memory at odd addresses goes through the bounce buffer`, missing, () => {
    const store = open(folder, 'odd.img');
    const memory = allocateAligned(SIZE_BYTES).subarray(1);
    checkAgainstModel(store, { seed: 2, roundCount: 60, unitBytes: BLOCK_BYTES, lengthUnitsMax: 16, memory });
    store.close();
  });

  hostTest(`${parent}: buffers that begin anywhere are found out and still served`, missing, () => {
    const store = open(folder, 'anywhere.img');
    checkAgainstModel(store, { seed: 3, roundCount: 60, unitBytes: BLOCK_BYTES, lengthUnitsMax: 16, memory: new Uint8Array(SIZE_BYTES) });
    store.close();
  });

  hostTest(`${parent}: more than the bounce buffer holds goes in pieces`, missing, () => {
    const store = open(folder, 'large.img', 4 * MIB);
    const lengthBytes = 3 * MIB + BLOCK_BYTES;
    const source = allocateAligned(4 * MIB).subarray(3);
    for (let index = 0; index < lengthBytes; index++) source[index] = index % 251;
    assert.is(store.write(source, 0, lengthBytes, BLOCK_BYTES, true), lengthBytes);
    const target = allocateAligned(4 * MIB).subarray(5);
    assert.is(store.read(target, 0, lengthBytes, BLOCK_BYTES), lengthBytes);
    assertSame(target.subarray(0, lengthBytes), source.subarray(0, lengthBytes), 'in pieces');
    store.close();
  });

  hostTest(`${parent}: a file truncated beneath is a short read, inside a sector too`, missing, () => {
    for (const memory of [allocateAligned(64 * KIB), allocateAligned(64 * KIB).subarray(1)]) {
      const store = open(folder, `truncated-${memory.byteOffset}.img`);
      truncateSync(store.descriptor.path, 10_000);
      assert.is(store.read(memory, 0, 2 * BLOCK_BYTES, BLOCK_BYTES), StoreFault.shortRead);
      assert.is(store.read(memory, 0, BLOCK_BYTES, 16 * BLOCK_BYTES), StoreFault.shortRead);
      assert.is(store.read(memory, 0, 2 * BLOCK_BYTES, 0), 2 * BLOCK_BYTES);
      store.close();
    }
  });

  hostTest(`${parent}: a request that cuts a sector is a programming error`, missing, () => {
    const store = open(folder, 'cut.img');
    const memory = allocateAligned(64 * KIB);
    const isAssertion = (error: unknown) => error instanceof AssertionFailure;
    assert.throws(() => store.read(memory, 0, 100, 0), isAssertion);
    assert.throws(() => store.write(memory, 0, BLOCK_BYTES, 100, false), isAssertion);
    store.close();
  });
}

function mountRamfs(): { readonly folder: string; readonly missing: string | null } {
  const folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'ramfs', 'none', folder], { stdio: 'pipe' });
    return { folder, missing: null };
  } catch (error) {
    return { folder, missing: `ramfs cannot be mounted here: ${String(error).split('\n', 1)[0]}` };
  }
}

const ramfs = mountRamfs();
hostTest('a file system without O_DIRECT is refused by name, and the image made for it removed', ramfs.missing, () => {
  try {
    assertRefused(() => open(ramfs.folder, 'indirect.img'), 'STORE_DIRECT_UNSUPPORTED', 'indirect.img');
    assert.equal(readdirSync(ramfs.folder), []);
  } finally {
    execFileSync('umount', [ramfs.folder]);
  }
});

const sysfsFile = '/sys/kernel/uevent_seqnum';
test('an existing file that refuses O_DIRECT is refused by name', () => {
  const options = { path: sysfsFile, direct: true, readOnly: true };
  assertRefused(() => openFileStore(options), 'STORE_DIRECT_UNSUPPORTED', sysfsFile);
});

test.run();
