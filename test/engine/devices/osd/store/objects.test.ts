import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../../../../engine/limits.js';
import { isFault, makeObject, P, withStore } from './store-fixture.js';

const ROOT = { partitionId: 0n, objectId: 0n };

test(
  'a new store has the root and nothing else',
  withStore(({ store }) => {
    assert.is(store.kindOf(ROOT), 'root');
    assert.is(store.kindOf({ partitionId: P, objectId: 0n }), null);
    assert.equal(store.listPartitions({ from: 0n, countMax: 10 }), { ids: [], next: null });
    assert.is(store.information(ROOT).usedBytes, 0n);
    assert.is(store.generation, 1);
  }),
);

test(
  'assigned ids begin at 10000h, follow each other, and leave those alone that were asked for',
  withStore(({ store }) => {
    assert.is(store.createPartition(null), P);
    assert.is(store.createUserObjects(P, 0x10002n, 1), 0x10002n);
    assert.is(store.createCollection(P, null), 0x10000n);
    // Three in a row: 10001h alone is no place for them.
    assert.is(store.createUserObjects(P, null, 3), 0x10003n);
    assert.is(store.createUserObjects(P, null, 1), 0x10006n);
    assert.throws(() => store.createUserObjects(P, 0x10001n, 2), isFault('exists'));
    assert.throws(() => store.createCollection(P, 0x10006n), isFault('exists'));
  }),
);

test(
  'ids below 10000h and behind the last are refused, and the last one itself is good',
  withStore(({ store }) => {
    assert.throws(() => store.createPartition(0xffffn), isFault('invalid-id'));
    store.createPartition(P);
    assert.is(store.createUserObjects(P, 0xffff_ffff_ffff_ffffn, 1), 0xffff_ffff_ffff_ffffn);
    assert.throws(() => store.createUserObjects(P, 0xffff_ffff_ffff_ffffn, 2), isFault('invalid-id'));
    assert.equal(store.listUserObjects(P, { from: 0n, countMax: 10 }).ids, [0xffff_ffff_ffff_ffffn]);
    const partitionId = store.createPartition(0xffff_ffff_ffff_ffffn);
    assert.is(store.createUserObjects(partitionId, null, 1), 0x10000n);
    assert.equal(store.listUserObjects(partitionId, { from: 0n, countMax: 10 }).ids, [0x10000n]);
    store.removePartition(partitionId, { force: true });
    assert.is(store.kindOf({ partitionId, objectId: 0x10000n }), null);
  }),
);

test(
  'what is not there is said to be not there, and what is of another kind to be that',
  withStore(({ store }) => {
    assert.throws(() => store.createCollection(P, null), isFault('not-found'));
    const name = makeObject(store);
    const collection = { partitionId: P, objectId: store.createCollection(P, null) };
    assert.throws(() => store.removeCollection(name), isFault('not-found'));
    assert.throws(() => store.write(collection, 0n, Uint8Array.of(1)), isFault('wrong-kind'));
    assert.throws(() => store.read({ partitionId: P, objectId: 0n }, 0n, new Uint8Array(1)), isFault('wrong-kind'));
    assert.throws(() => store.attribute({ partitionId: P, objectId: 0x20000n }, 1, 1), isFault('not-found'));
    assert.throws(() => store.listUserObjects(0x20000n, { from: 0n, countMax: 1 }), isFault('not-found'));
  }),
);

test(
  'a partition with objects and a collection with members go only by force',
  withStore(({ store }) => {
    const name = makeObject(store);
    const collectionId = store.createCollection(P, null);
    store.join(name, collectionId);
    assert.throws(() => store.removeCollection({ partitionId: P, objectId: collectionId }), isFault('not-empty'));
    store.removeCollection({ partitionId: P, objectId: collectionId }, { force: true });
    assert.equal(store.memberships(name), []);
    store.setAttribute(name, 1, 1, Uint8Array.of(1));
    assert.throws(() => store.removePartition(P), isFault('not-empty'));
    store.removePartition(P, { force: true });
    const root = store.information(ROOT);
    assert.equal([root.partitionCount, root.userObjectCount, root.collectionCount, root.usedBytes], [0n, 0n, 0n, 0n]);
    store.createPartition(P);
    assert.is(store.kindOf(name), null);
  }),
);

test(
  'a transaction that throws has done nothing, whatever it did before',
  withStore(({ store, directory }) => {
    const name = makeObject(store);
    const before = store.information(ROOT);
    assert.throws(
      () =>
        store.transaction(() => {
          const id = store.createUserObjects(P, null, 1);
          store.write({ partitionId: P, objectId: id }, 0n, new Uint8Array(10_000).fill(7));
          store.setAttribute(name, 1, 1, Uint8Array.of(1));
          store.join(name, store.createCollection(P, null));
          store.removeUserObject({ partitionId: P, objectId: 0x77777n });
        }),
      isFault('not-found'),
    );
    assert.equal(store.information(ROOT), before);
    assert.is(store.attribute(name, 1, 1), null);
    assert.is(store.createCollection(P, null), 0x10001n, `ids are given out again; ${directory}`);
  }),
);

test(
  'times: creation, modification, access; and none for a command that bypasses them',
  withStore((fixture) => {
    const name = makeObject(fixture.store);
    const timesOf = () => Object.values(fixture.store.information(name).times);
    fixture.nowMs = 2_000_000;
    fixture.store.write(name, 0n, Uint8Array.of(1));
    fixture.nowMs = 3_000_000;
    fixture.store.setAttribute(name, 1, 1, Uint8Array.of(1));
    fixture.nowMs = 4_000_000;
    fixture.store.noteAccess(name, 'data');
    fixture.nowMs = 5_000_000;
    fixture.store.noteAccess(name, 'attributes');
    assert.equal(timesOf(), [1_000_000, 5_000_000, 3_000_000, 4_000_000, 2_000_000]);
    fixture.nowMs = 6_000_000;
    fixture.store.transaction(() => {
      fixture.store.bypassTimestamps();
      fixture.store.write(name, 0n, Uint8Array.of(2));
    });
    fixture.store.transaction(() => fixture.store.setTimes(name, { createdMs: 500 }));
    fixture.reopen();
    assert.equal(timesOf(), [500, 5_000_000, 3_000_000, 4_000_000, 2_000_000]);
  }),
);

test(
  'quotas of objects, partitions and the root are kept to, the nearest first',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.setQuotas(ROOT, { objectLengthBytesMax: 100n, partitionCountMax: 1n, objectCountMax: 2n });
    assert.throws(() => store.createPartition(null), isFault('quota-count'));
    store.createCollection(P, null);
    assert.throws(() => store.createUserObjects(P, null, 1), isFault('quota-count'));
    assert.throws(() => store.write(name, 90n, new Uint8Array(11)), isFault('quota-length'));
    store.setQuotas({ partitionId: P, objectId: 0n }, { objectLengthBytesMax: 1000n, objectCountMax: 3n });
    store.createUserObjects(P, null, 1);
    store.setLogicalLength(name, 1000n);
    assert.throws(() => store.append(name, Uint8Array.of(1)), isFault('quota-length'));
    store.setQuotas(name, { objectLengthBytesMax: 5000n });
    store.append(name, Uint8Array.of(1));
    assert.throws(() => store.setQuotas(name, { partitionCountMax: 1n }), isFault('wrong-kind'));
    assert.is(store.information(name).quotas.objectLengthBytesMax, 5000n);
  }),
);

test(
  'a partition stays within its capacity quota, and may always write what it has',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.setQuotas({ partitionId: P, objectId: 0n }, { capacityBytesMax: 16_384n });
    store.write(name, 0n, new Uint8Array(16_384).fill(1));
    store.write(name, 0n, new Uint8Array(16_384).fill(2));
    assert.throws(() => store.append(name, Uint8Array.of(1)), isFault('quota-capacity'));
    assert.throws(() => store.setAttribute(name, 1, 1, Uint8Array.of(1)), isFault('quota-capacity'));
    assert.is(store.information(name).attributeCount, 0);
    store.punch(name, 0n, 8192n);
    store.append(name, Uint8Array.of(1));
    assert.ok(store.information({ partitionId: P, objectId: 0n }).usedBytes <= 16_384n);
  }),
);

test(
  'the configured capacity is told, and kept to',
  withStore(
    ({ store }) => {
      const name = makeObject(store);
      store.write(name, 0n, new Uint8Array(65_536).fill(1));
      assert.equal(store.capacity(), { totalBytes: 100_000n, usedBytes: 65_536n, freeBytes: 34_464n });
      assert.throws(() => store.write(name, 65_536n, new Uint8Array(65_536)), isFault('no-space'));
      assert.is(store.information(name).logicalLengthBytes, 65_536n);
    },
    { capacityBytes: 100_000n },
  ),
);

test(
  'CREATE of more than the limit is refused',
  withStore(
    ({ store }) => {
      store.createPartition(P);
      assert.throws(() => store.createUserObjects(P, null, 5), isFault('limit'));
    },
    { limits: { ...defaultLimits, osdCreateCountMax: 4 } },
  ),
);

test(
  'format: everything is gone, keys but those that are kept, and the files in quiet moments',
  withStore((fixture) => {
    const name = makeObject(fixture.store);
    fixture.store.write(name, 0n, new Uint8Array(5000).fill(1));
    fixture.store.setKey('master', Uint8Array.of(1));
    fixture.store.setKey('working/1', Uint8Array.of(2));
    fixture.store.format({ keepKey: (keyName) => keyName === 'master' });
    assert.is(fixture.store.generation, 2);
    assert.is(fixture.store.kindOf(name), null);
    assert.equal(fixture.store.keyNames(), ['master']);
    assert.is(fixture.store.information(ROOT).usedBytes, 0n);
    const again = makeObject(fixture.store);
    assert.is(fixture.store.read(again, 0n, new Uint8Array(10)), 0);
    fixture.store.write(again, 0n, Uint8Array.of(9));
    fixture.reopen();
    while (fixture.store.maintain());
    const into = new Uint8Array(1);
    assert.is(fixture.store.read(again, 0n, into), 1);
    assert.is(into[0], 9);
    assert.is(fixture.store.generation, 2);
  }),
);

test(
  'keys: small records by name',
  withStore((fixture) => {
    assert.is(fixture.store.key('drive'), null);
    fixture.store.setKey('drive', Uint8Array.of(1, 2));
    fixture.store.setKey('drive', Uint8Array.of(3));
    fixture.reopen();
    assert.equal([...(fixture.store.key('drive') as Uint8Array)], [3]);
    fixture.store.setKey('drive', null);
    assert.equal(fixture.store.keyNames(), []);
  }),
);

test.run();
