import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ObjectName, ObjectStore } from '../../../../../engine/devices/osd/store/object-store.js';
import { isFault, makeObject, P, withStore } from './store-fixture.js';

function bytesOf(store: ObjectStore, name: ObjectName): Buffer {
  const bytes = Buffer.alloc(Number(store.information(name).logicalLengthBytes), 0xee);
  assert.is(store.read(name, 0n, bytes), bytes.length);
  return bytes;
}

const text = (value: string) => Buffer.from(value, 'latin1');

test(
  'read: what is behind the end is told by the count and zeroed',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.write(name, 0n, text('abcdef'));
    const into = Buffer.alloc(8, 0xee);
    assert.is(store.read(name, 4n, into), 2);
    assert.equal(into, text('ef\0\0\0\0\0\0'));
    assert.is(store.read(name, 6n, into), 0);
    assert.is(store.read(name, 2n ** 63n, into), 0);
  }),
);

test(
  'read and write of memory that is shared between threads',
  withStore(({ store }) => {
    const name = makeObject(store);
    const shared = new Uint8Array(new SharedArrayBuffer(4096), 100, 5);
    shared.set(text('hello'));
    store.write(name, 3n, shared);
    store.setAttribute(name, 1, 1, shared);
    shared.fill(0);
    store.read(name, 3n, shared);
    assert.is(Buffer.from(shared).toString(), 'hello');
    assert.is(Buffer.from(store.attribute(name, 1, 1) as Uint8Array).toString(), 'hello');
  }),
);

test(
  'write behind the end leaves a hole that reads as zeros and takes no space',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.write(name, 1_048_576n, text('x'));
    assert.is(store.information(name).logicalLengthBytes, 1_048_577n);
    assert.ok(
      bytesOf(store, name)
        .subarray(0, 1_048_576)
        .every((byte) => byte === 0),
    );
    assert.ok(store.information(name).usedBytes <= 8192n);
    const { extents, next } = store.map(name, 0n, 10);
    assert.equal(
      extents.map(({ kind }) => kind),
      ['hole', 'written'],
    );
    assert.is(next, null);
    assert.throws(() => store.map(name, 1_048_578n, 10), isFault('beyond-end'));
  }),
);

test(
  'append answers where it wrote',
  withStore(({ store }) => {
    const name = makeObject(store);
    assert.is(store.append(name, text('ab')), 0n);
    assert.is(store.append(name, text('cd')), 2n);
    assert.equal(bytesOf(store, name), text('abcd'));
  }),
);

test(
  'clear zeroes inside and lengthens behind the end',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.write(name, 0n, Buffer.alloc(65_536, 1));
    store.clear(name, 4096n, 32_768n);
    assert.ok(
      bytesOf(store, name)
        .subarray(4096, 36_864)
        .every((byte) => byte === 0),
    );
    assert.is(bytesOf(store, name)[36_864], 1);
    store.clear(name, 65_535n, 10n);
    assert.equal(bytesOf(store, name).subarray(65_534), Buffer.of(1, ...Buffer.alloc(10)));
  }),
);

test(
  'punch takes a range out and moves the rest down; from the end it only cuts',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.write(name, 0n, text('0123456789'));
    store.punch(name, 2n, 3n);
    assert.equal(bytesOf(store, name), text('0156789'));
    store.punch(name, 5n, 2n ** 64n - 1n);
    assert.equal(bytesOf(store, name), text('01567'));
    assert.throws(() => store.punch(name, 5n, 1n), isFault('beyond-end'));
  }),
);

test(
  'an object that was cut and grows again reads as zeros where it was cut, also in one transaction that is undone',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.write(name, 0n, text('secret-secret'));
    store.setLogicalLength(name, 3n);
    store.setLogicalLength(name, 6n);
    assert.equal(bytesOf(store, name), text('sec\0\0\0'));
    store.write(name, 0n, text('abcdef'));
    assert.throws(
      () =>
        store.transaction(() => {
          store.setLogicalLength(name, 2n);
          store.write(name, 4n, text('zz'));
          assert.equal(bytesOf(store, name), text('ab\0\0zz'));
          store.punch(name, 100n, 1n);
        }),
      isFault('beyond-end'),
    );
    assert.equal(bytesOf(store, name), text('abcdef'));
  }),
);

test(
  'a write that is undone leaves nothing where the object later grows',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.write(name, 0n, text('ab'));
    assert.throws(
      () =>
        store.transaction(() => {
          store.write(name, 2n, text('garbage'));
          store.setAttribute({ partitionId: P, objectId: 1n }, 1, 1, null);
        }),
      isFault('not-found'),
    );
    assert.is(store.information(name).logicalLengthBytes, 2n);
    store.write(name, 5n, text('z'));
    assert.equal(bytesOf(store, name), text('ab\0\0\0z'));
  }),
);

test(
  'lengths beyond 2^53 are refused as too long, not wrapped',
  withStore(({ store }) => {
    const name = makeObject(store);
    assert.throws(() => store.write(name, 2n ** 53n, text('a')), isFault('too-long'));
    assert.throws(() => store.setLogicalLength(name, 2n ** 64n - 1n), isFault('too-long'));
    assert.throws(() => store.clear(name, 2n ** 64n - 1n, 2n ** 64n - 1n), isFault('too-long'));
    assert.is(store.information(name).logicalLengthBytes, 0n);
  }),
);

test(
  'files of removed and punched objects are gone after maintenance',
  withStore(({ store, directory }) => {
    const name = makeObject(store);
    store.write(name, 0n, Buffer.alloc(10_000, 1));
    store.punch(name, 0n, 10n);
    const filesOf = () => readdirSync(join(directory, 'data.1'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
    assert.is(filesOf(), 2);
    while (store.maintain());
    assert.is(filesOf(), 1);
    store.removeUserObject(name);
    assert.is(store.information({ partitionId: P, objectId: 0n }).usedBytes, 0n);
    while (store.maintain());
    assert.is(filesOf(), 0);
  }),
);

test(
  'flush of an object, a collection with members, a partition and all',
  withStore(({ store }) => {
    const name = makeObject(store);
    const collection = { partitionId: P, objectId: store.createCollection(P, null) };
    store.join(name, collection.objectId);
    store.write(name, 0n, Buffer.alloc(10_000, 1));
    store.flush({ kind: 'object', name, data: true });
    store.write(name, 0n, Buffer.alloc(10_000, 2));
    store.flush({ kind: 'collection', name: collection, members: true });
    store.flush({ kind: 'partition', partitionId: P, data: true });
    store.flush({ kind: 'all' });
    assert.throws(() => store.flush({ kind: 'collection', name, members: true }), isFault('not-found'));
    assert.is(store.information(name).usedBytes, 12_288n);
  }),
);

test.run();
