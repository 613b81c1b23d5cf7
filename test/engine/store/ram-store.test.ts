import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { openRamStore, RAM_SEGMENT_BYTES, RamStore } from '../../../engine/store/ram-store.js';
import { StoreFault } from '../../../engine/store/store.js';
import { assertRefused, assertSame, checkAgainstModel } from './store-kit.js';

const KIB = 1024;
const GIB = KIB * KIB * KIB;

test('random requests across segment borders match plain bytes', () => {
  for (const seed of [1, 2, 3]) {
    const store = openRamStore({ sizeBytes: 30_000, segmentBytes: 8192 });
    checkAgainstModel(store, { seed, roundCount: 300, unitBytes: 1, lengthUnitsMax: 20_000, borders: [8192, 16_384, 24_576] });
  }
});

test('random requests in a single segment match plain bytes', () => {
  checkAgainstModel(openRamStore({ sizeBytes: 64 * KIB }), { seed: 4, roundCount: 200, unitBytes: 512, lengthUnitsMax: 32 });
});

test('a view is the memory itself, and null across a border', () => {
  const store = openRamStore({ sizeBytes: 8192, segmentBytes: 4096 });
  assert.is(store.view(4000, 97), null);
  assert.is(store.view(8192, 0), null);
  const view = store.view(4096 + 10, 100);
  assert.ok(view !== null && view.bytes.buffer instanceof SharedArrayBuffer);
  assert.is(view.offset, 10);
  store.write(Uint8Array.of(7, 8, 9), 0, 3, 4096 + 10, false);
  assertSame(view.bytes.subarray(view.offset, view.offset + 3), Uint8Array.of(7, 8, 9), 'seen through the view');
});

test('real segments: a request crosses the first GiB and only touched pages are resident', () => {
  const before = process.memoryUsage().rss;
  const store = openRamStore({ sizeBytes: 20 * GIB + 4096 });
  assert.is(store.descriptor.segments.length, 21);
  const data = new Uint8Array(64 * KIB).map((_, index) => index * 7);
  const target = new Uint8Array(64 * KIB);
  for (const positionBytes of [RAM_SEGMENT_BYTES - 1000, 20 * GIB + 4096 - 64 * KIB]) {
    assert.is(store.write(data, 0, data.length, positionBytes, true), data.length);
    assert.is(store.read(target, 0, target.length, positionBytes), target.length);
    assertSame(target, data, `at ${positionBytes}`);
  }
  assert.ok(process.memoryUsage().rss - before < 256 * KIB * KIB, 'untouched memory is not resident');
});

test('a store for reading only refuses writes and stays as it is', () => {
  const store = openRamStore({ sizeBytes: 4096, readOnly: true });
  assert.is(store.write(Uint8Array.of(1), 0, 1, 0, false), StoreFault.readOnly);
  assert.is(store.view(0, 1)?.bytes[0], 0);
});

test('calls beyond the store or beyond the source are programming errors', () => {
  const store = openRamStore({ sizeBytes: 4096 });
  const memory = new Uint8Array(8192);
  const isAssertion = (error: unknown) => error instanceof AssertionFailure;
  assert.throws(() => store.read(memory, 0, 2, 4095), isAssertion);
  assert.throws(() => store.read(memory, 0, 1, -1), isAssertion);
  assert.throws(() => store.write(memory, 0, 8192, 0, false), isAssertion);
  assert.throws(() => store.write(memory, 8190, 512, 0, false), isAssertion);
  assert.throws(() => store.view(4096, 1), isAssertion);
});

test('sizes that are no size are refused', () => {
  for (const sizeBytes of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 63]) {
    assertRefused(() => openRamStore({ sizeBytes }), 'STORE_SIZE_INVALID', String(sizeBytes));
  }
  for (const spaceBytes of [0, -1, 0.5, Number.NaN]) {
    assertRefused(() => openRamStore({ sizeBytes: 8192, spaceBytes }), 'STORE_SPACE_INVALID', String(spaceBytes));
  }
});

test('more segments than a process may map are refused before any is made', () => {
  assertRefused(() => openRamStore({ sizeBytes: 2 ** 50 }), 'STORE_NO_MEMORY', String(2 ** 50));
});

test('an allocation that fails is a clear error and not a crash', () => {
  const script = `
    const { openRamStore } = await import(${JSON.stringify(new URL('../../../engine/store/ram-store.js', import.meta.url).href)});
    try { openRamStore({ sizeBytes: 128 * 2 ** 30 }); } catch (error) { console.log(error.code + ' ' + error.message); }`;
  const limited = 'ulimit -v 67108864 && exec "$0" --input-type=module -e "$1"';
  const child = spawnSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8', timeout: 30_000 });
  assert.match(child.stdout, /^STORE_NO_MEMORY a ram store of 137438953472 bytes/, child.stderr);
});

test('the same memory through a second object', () => {
  const store = openRamStore({ sizeBytes: 4096 });
  const other = new RamStore(structuredClone(store.descriptor));
  store.write(Uint8Array.of(1, 2, 3), 0, 3, 100, false);
  const target = new Uint8Array(3);
  other.read(target, 0, 3, 100);
  assertSame(target, Uint8Array.of(1, 2, 3), 'shared');
});

test('promises nothing and needs no alignment', () => {
  const store = openRamStore({ sizeBytes: 4096 });
  assert.is(store.durability, 'none');
  assert.is(store.alignmentBytes, 1);
  assert.is(store.blocking, false);
  assert.is(store.flush(), 0);
  store.close();
});

test.run();
