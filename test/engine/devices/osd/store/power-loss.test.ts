import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openObjectStore } from '../../../../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../../../../engine/limits.js';
import { randomOperation } from '../../../../model/object-operations.js';
import { ReferenceObjects } from '../../../../model/reference-objects.js';
import { type SeededRandom, seededRandom } from '../../../../support/random.js';
import { StoreFixture } from './store-fixture.js';

const PAGE_BYTES = 4096;
const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);

/** What a disk may have after a loss of power: of every page written since the flush, the old or the new one. */
function mixedPages(flushed: Buffer, latest: Buffer, random: SeededRandom): Buffer {
  const mixed = Buffer.from(latest);
  for (let at = 0; at < mixed.length; at += PAGE_BYTES) {
    if (random.boolean()) continue;
    // A page behind the end of what was flushed may have nothing in it yet.
    mixed.fill(0, at, at + PAGE_BYTES);
    if (at < flushed.length) flushed.copy(mixed, at, at, at + PAGE_BYTES);
  }
  return mixed;
}

for (let round = 0; round < 4; round++) {
  test(`a loss of power: the metadata are those of the last flush, whichever pages got to the disk since (${round})`, () => {
    const random = seededRandom(SEED + round);
    // No flush but those of this test.
    const limits = { ...defaultLimits, osdUnsyncedCommitCountMax: 1_000_000 };
    const fixture = new StoreFixture({ boot: 'first', limits });
    const environment = join(fixture.directory, 'meta', 'data.mdb');
    try {
      const reference = new ReferenceObjects();
      for (let count = 0; count < 150; count++) randomOperation(fixture.store, reference, random);
      if (round > 1) fixture.reopen({ boot: 'first', limits });
      fixture.store.flush({ kind: 'all' });
      for (let count = 0; count < 5; count++) fixture.store.flush({ kind: 'all' });
      const flushed = readFileSync(environment);
      const expected = ReferenceObjects.of(fixture.store);
      for (let count = 0; count < 300; count++) randomOperation(fixture.store, reference, random);
      const copy = join(fixture.folder, 'after');
      cpSync(fixture.directory, copy, { recursive: true });
      writeFileSync(join(copy, 'meta', 'data.mdb'), mixedPages(flushed, readFileSync(environment), random));
      const store = openObjectStore({ directory: copy, limits, capacityBytes: null, boot: 'second', claim: false });
      const found = ReferenceObjects.of(store);
      // Bytes that were overwritten since may be there or not; everything else is what it was.
      for (const [partitionId, { objects }] of expected.partitions) {
        for (const [objectId, object] of objects) {
          const bytes = found.partitions.get(partitionId)?.objects.get(objectId)?.bytes;
          assert.is(bytes?.length, object.bytes.length, `seed ${SEED + round}`);
          object.bytes = bytes as Uint8Array;
        }
      }
      expected.check(store);
      store.close();
    } catch (error) {
      process.stdout.write(`LUNLOOM_SEED=${SEED}\n`);
      throw error;
    } finally {
      fixture.remove();
    }
  });
}

test('objects that were flushed and then cut, punched or removed are whole after a loss of power', () => {
  const fixture = new StoreFixture({ boot: 'first' });
  const { store } = fixture;
  try {
    store.createPartition(0x10000n);
    const first = store.createUserObjects(0x10000n, null, 3);
    const names = [0n, 1n, 2n].map((index) => ({ partitionId: 0x10000n, objectId: first + index }));
    for (const name of names) store.write(name, 0n, Buffer.alloc(20_000, Number(name.objectId & 0xffn) + 1));
    store.flush({ kind: 'all' });
    const flushed = readFileSync(join(fixture.directory, 'meta', 'data.mdb'));
    store.setLogicalLength(names[0] as never, 10n);
    store.punch(names[1] as never, 5n, 10_000n);
    store.removeUserObject(names[2] as never);
    const copy = join(fixture.folder, 'after');
    cpSync(fixture.directory, copy, { recursive: true });
    writeFileSync(join(copy, 'meta', 'data.mdb'), mixedPages(flushed, readFileSync(join(copy, 'meta', 'data.mdb')), seededRandom(SEED)));
    const after = openObjectStore({ directory: copy, limits: defaultLimits, capacityBytes: null, boot: 'second', claim: false });
    for (const name of names) {
      const bytes = Buffer.alloc(20_000);
      assert.is(after.read(name, 0n, bytes), 20_000);
      assert.ok(bytes.every((byte) => byte === Number(name.objectId & 0xffn) + 1));
    }
    after.close();
  } finally {
    fixture.remove();
  }
});

test('a file is removed only when no loss of power can bring its object back', () => {
  // Each removed object is settled at once.
  const limits = { ...defaultLimits, osdFreedFileCountMax: 1 };
  const fixture = new StoreFixture({ boot: 'first', limits });
  const { store } = fixture;
  try {
    store.createPartition(0x10000n);
    const name = { partitionId: 0x10000n, objectId: store.createUserObjects(0x10000n, null, 1) };
    store.write(name, 0n, Buffer.alloc(5000, 1));
    store.flush({ kind: 'all' });
    store.removeUserObject(name);
    const copy = join(fixture.folder, 'after');
    cpSync(fixture.directory, copy, { recursive: true });
    const after = openObjectStore({ directory: copy, limits, capacityBytes: null, boot: 'second', claim: false });
    const isThere = after.kindOf(name) !== null;
    if (isThere) assert.is(after.read(name, 0n, Buffer.alloc(5000)), 5000);
    assert.not(isThere, 'the file was removed, so the metadata were flushed');
    after.close();
  } finally {
    fixture.remove();
  }
});

test.run();
