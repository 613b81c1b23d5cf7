import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AssertionFailure } from '../../../engine/errors.js';
import { openNullStore } from '../../../engine/store/null-store.js';
import { StoreFault } from '../../../engine/store/store.js';
import { assertRefused, checkAgainstModel } from './store-kit.js';

const MIB = 1024 * 1024;

test('whatever is written, zeroes are read', () => {
  checkAgainstModel(openNullStore({ sizeBytes: 100_000 }), { seed: 1, roundCount: 100, unitBytes: 1, lengthUnitsMax: 5_000, keeps: false });
});

test('a read longer than the zeroes is answered in pieces', () => {
  const options = { seed: 2, roundCount: 100, unitBytes: 1, lengthUnitsMax: 5_000, keeps: false };
  checkAgainstModel(openNullStore({ sizeBytes: 100_000, zeroesBytes: 1000 }), options);
});

test('a view up to the size of the zeroes, anywhere in a huge store', () => {
  const store = openNullStore({ sizeBytes: 2 ** 50 });
  const view = store.view(2 ** 50 - 8 * MIB, 8 * MIB);
  assert.ok(view !== null && view.bytes.buffer instanceof SharedArrayBuffer);
  assert.ok(view.bytes.length - view.offset >= 8 * MIB);
  assert.is(store.view(0, 8 * MIB + 1), null);
});

test('a store for reading only refuses writes', () => {
  assert.is(openNullStore({ sizeBytes: 512, readOnly: true }).write(new Uint8Array(512), 0, 512, 0, false), StoreFault.readOnly);
});

test('calls beyond the store are programming errors', () => {
  const store = openNullStore({ sizeBytes: 512 });
  for (const call of [() => store.read(new Uint8Array(1024), 0, 513, 0), () => store.write(new Uint8Array(1024), 0, 512, 1, false), () => store.view(512, 1)]) {
    assert.throws(call, (error: unknown) => error instanceof AssertionFailure);
  }
});

test('sizes that are no size are refused', () => {
  assertRefused(() => openNullStore({ sizeBytes: 0 }), 'STORE_SIZE_INVALID');
});

test.run();
