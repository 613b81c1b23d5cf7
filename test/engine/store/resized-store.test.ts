import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { attachStore } from '../../../engine/store/attach-store.js';
import { openNullStore } from '../../../engine/store/null-store.js';
import { openStore } from '../../../engine/store/open-store.js';
import { openRamStore } from '../../../engine/store/ram-store.js';
import { type BackingStore, StoreFault } from '../../../engine/store/store.js';
import { checkProvisioningAgainstModel, extentsOf, provisioningOf } from './provisioning-kit.js';
import { assertRefused, assertSame, checkAgainstModel, temporaryFolder } from './store-kit.js';

const folder = temporaryFolder();
const GRANULE = 4096;
const data = new Uint8Array(16 * GRANULE).map((_, index) => 1 + (index % 250));
const use = { readOnly: false, blockLengthBytes: 512 };

function readAll(store: BackingStore): Uint8Array {
  const bytes = new Uint8Array(store.sizeBytes);
  assert.is(store.read(bytes, 0, bytes.length, 0), bytes.length);
  return bytes;
}

test('a ram store that grows has the same memory and zeros behind it, and the old one goes on', () => {
  const old = openRamStore({ sizeBytes: 10_000, segmentBytes: 2 * GRANULE });
  old.write(data, 0, 10_000, 0, false);
  const grown = old.resized(30_000).resized(60_000);
  assertSame(readAll(grown).subarray(0, 10_000), data.subarray(0, 10_000), 'kept');
  assert.ok(
    readAll(grown)
      .subarray(10_000)
      .every((byte) => byte === 0),
  );
  old.write(Uint8Array.of(77), 0, 1, 9_999, false);
  assert.is(readAll(grown)[9_999], 77);
  assert.is(grown.provisioning.usedBytes, old.provisioning.usedBytes + (12_288 - 10_000));
  const other = attachStore(structuredClone(grown.descriptor));
  assert.is(other.write(data, 0, 50_000, 5_000, false), 50_000);
  assertSame(readAll(grown).subarray(5_000, 55_000), data.subarray(0, 50_000), 'through another thread');
});

test('a ram store that grew in steps inside one segment answers random requests and unmaps', () => {
  const grown = () =>
    openRamStore({ sizeBytes: 5_000, segmentBytes: 16 * GRANULE })
      .resized(20_000)
      .resized(20_480)
      .resized(90_000);
  checkAgainstModel(grown(), { seed: 1, roundCount: 200, unitBytes: 1, lengthUnitsMax: 60_000, borders: [8192, 20_480, 65_536] });
  checkProvisioningAgainstModel(grown(), { seed: 2, roundCount: 100, unitBytes: 8, lengthUnitsMax: 8_000 });
});

test('what a ram store loses when it shrinks is zeros when it grows again, and takes no space', () => {
  const store = openRamStore({ sizeBytes: 10 * GRANULE, segmentBytes: 4 * GRANULE });
  store.write(data, 0, 10 * GRANULE, 0, false);
  const shrunk = store.resized(4 * GRANULE + 512);
  assert.is(shrunk.descriptor.segments.length, 2);
  assert.is(shrunk.provisioning.usedBytes, 4 * GRANULE + 512);
  const grown = shrunk.resized(10 * GRANULE);
  assertSame(
    readAll(grown),
    new Uint8Array(10 * GRANULE).fill(0).map((_, index) => (index < 4 * GRANULE + 512 ? (data[index] ?? 0) : 0)),
    'grown again',
  );
  assert.equal(extentsOf(provisioningOf(grown), grown.sizeBytes), [
    { allocated: true, positionBytes: 0, lengthBytes: 5 * GRANULE },
    { allocated: false, positionBytes: 5 * GRANULE, lengthBytes: 5 * GRANULE },
  ]);
});

test('sizes that are no size leave every store as it is', () => {
  const path = join(folder, 'as-it-is.img');
  const file = openStore({ kind: 'file', path, sizeBytes: 8192, direct: false }, use);
  for (const store of [openRamStore({ sizeBytes: 8192 }), openNullStore({ sizeBytes: 8192 }), file]) {
    assertRefused(() => store.resized(0), 'STORE_SIZE_INVALID');
    assertRefused(() => store.resized(2 ** 63, 512), 'STORE_SIZE_INVALID');
    assert.is(store.sizeBytes, 8192);
  }
  assert.is(statSync(path).size, 8192);
  file.close();
  assertRefused(() => openRamStore({ sizeBytes: 8192 }).resized(2 ** 50), 'STORE_NO_MEMORY');
  assert.is(openNullStore({ sizeBytes: 512 }).resized(2 ** 50).sizeBytes, 2 ** 50);
});

test('a file grows and shrinks, and its descriptors go to the new store', () => {
  const path = join(folder, 'resized.img');
  const before = readdirSync('/proc/self/fd').length;
  const old = openStore({ kind: 'file', path, sizeBytes: 8192, direct: false }, use);
  old.write(data, 0, 8192, 0, false);
  const grown = old.resized(65_536);
  assert.equal([statSync(path).size, grown.sizeBytes], [65_536, 65_536]);
  assert.is(old.read(new Uint8Array(8192), 0, 8192, 0), 8192, 'the old one goes on');
  old.close();
  assert.is(grown.write(data, 0, 512, 65_024, true), 512);
  assertSame(readAll(grown).subarray(0, 8192), data.subarray(0, 8192), 'kept');
  const shrunk = grown.resized(4096);
  assert.equal([statSync(path).size, shrunk.sizeBytes], [4096, 4096]);
  assertSame(readAll(shrunk), data.subarray(0, 4096), 'kept');
  assert.is(grown.read(new Uint8Array(512), 0, 512, 4096), StoreFault.shortRead);
  shrunk.close();
  assert.is(readdirSync('/proc/self/fd').length, before);
});

test('a file that somebody else has resized is taken as it is, for reading only as well', () => {
  const path = join(folder, 'elsewhere.img');
  openStore({ kind: 'file', path, sizeBytes: 8192, direct: false }, use).close();
  const store = openStore({ kind: 'file', path, direct: false }, { ...use, readOnly: true });
  assertRefused(() => store.resized(16_384), 'STORE_READ_ONLY', path, '8192');
  truncateSync(path, 16_384);
  const grown = store.resized(16_384);
  assert.is(grown.sizeBytes, 16_384);
  grown.close();
});

test.run();
