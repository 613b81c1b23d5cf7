import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ObjectStore } from '../../../../../engine/devices/osd/store/object-store.js';
import { openObjectStore } from '../../../../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../../../../engine/limits.js';
import { isFault, P } from './store-fixture.js';

const limits = { ...defaultLimits, osdReserveBytes: 256 * 1024 };

/** Runs `work` in a file system of 2 MiB, where one may be mounted. */
function inSmallFileSystem(work: (directory: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-full-'));
  const mounted = join(folder, 'small');
  mkdirSync(mounted);
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mounted]).status !== 0) {
      process.stdout.write('not tried: this user may not mount\n');
      return;
    }
    try {
      work(join(mounted, 'store'));
    } finally {
      spawnSync('umount', ['-l', mounted]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Until the store is full; answers how many objects there are. */
function fill(store: ObjectStore): number {
  for (let count = 0; ; count++) {
    try {
      store.transaction(() => {
        const name = { partitionId: P, objectId: store.createUserObjects(P, null, 1) };
        store.setAttribute(name, 1, 1, new Uint8Array(300));
        if (count % 4 === 0) store.write(name, 0n, new Uint8Array(4096).fill(1));
      });
    } catch (error) {
      assert.ok(isFault('no-space')(error), String(error));
      return count;
    }
  }
}

test('a full file system: nothing is half done, objects can be read, written over and removed, and then there is room again', () => {
  inSmallFileSystem((directory) => {
    let store = openObjectStore({ directory, limits, capacityBytes: null });
    store.createPartition(P);
    const count = fill(store);
    assert.ok(count > 20, `${count} objects fit`);
    const { userObjectCount } = store.information({ partitionId: P, objectId: 0n });
    assert.is(userObjectCount, BigInt(count));
    const { ids } = store.listUserObjects(P, { from: 0n, countMax: 4096 });
    const [first] = ids as [bigint];
    store.write({ partitionId: P, objectId: first }, 0n, new Uint8Array(4096).fill(2));
    assert.throws(() => store.write({ partitionId: P, objectId: first }, 4096n, new Uint8Array(4096)), isFault('no-space'));
    store.flush({ kind: 'all' });
    store.close();
    store = openObjectStore({ directory, limits, capacityBytes: null });
    for (const objectId of ids.slice(0, Math.floor(ids.length / 2))) store.removeUserObject({ partitionId: P, objectId });
    while (store.maintain());
    assert.ok(fill(store) > 5, 'there is room again');
    store.format();
    while (store.maintain());
    store.createPartition(P);
    assert.ok(fill(store) > 5);
    store.close();
  });
});

test.run();
