import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../../../../engine/limits.js';
import { isFault, makeObject, P, withStore } from './store-fixture.js';

test(
  'attributes come in the order of page and number, in pages that go on where they ended',
  withStore((fixture) => {
    const { store } = fixture;
    const name = makeObject(store);
    const set: [number, number][] = [
      [0xffff_ffff, 1],
      [2, 0xffff_fffe],
      [0, 7],
      [2, 1],
      [2, 0xffff_ffff],
    ];
    for (const [page, number] of set) store.setAttribute(name, page, number, Uint8Array.of(page & 0xff, number & 0xff));
    const numbersOf = (options: Parameters<typeof store.attributes>[1]) => {
      const { entries, next } = fixture.store.attributes(name, options);
      return [entries.map(({ pageNumber, attributeNumber }) => [pageNumber, attributeNumber]), next];
    };
    assert.equal(numbersOf({ countMax: 2 }), [
      [
        [0, 7],
        [2, 1],
      ],
      { pageNumber: 2, attributeNumber: 0xffff_fffe },
    ]);
    fixture.reopen();
    assert.equal(numbersOf({ from: { pageNumber: 2, attributeNumber: 0xffff_ffff }, countMax: 9 }), [
      [
        [2, 0xffff_ffff],
        [0xffff_ffff, 1],
      ],
      null,
    ]);
    assert.equal(numbersOf({ pageNumber: 2, countMax: 2 }), [
      [
        [2, 1],
        [2, 0xffff_fffe],
      ],
      { pageNumber: 2, attributeNumber: 0xffff_ffff },
    ]);
    assert.equal(numbersOf({ pageNumber: 0xffff_ffff, countMax: 2 }), [[[0xffff_ffff, 1]], null]);
    assert.equal(numbersOf({ pageNumber: 1, countMax: 2 }), [[], null]);
    assert.equal(fixture.store.attributePages(name, 0, 2), { pageNumbers: [0, 2], next: 0xffff_ffff });
    assert.equal(fixture.store.attributePages(name, 0xffff_ffff, 2), { pageNumbers: [0xffff_ffff], next: null });
  }),
);

test(
  'an attribute is replaced, and removed by null or no bytes; what it took is given back',
  withStore(({ store }) => {
    const name = makeObject(store);
    store.setAttribute(name, 1, 1, new Uint8Array(65_534).fill(1));
    assert.is(store.information(name).usedBytes, 65_534n + 24n);
    store.setAttribute(name, 1, 1, Uint8Array.of(5));
    assert.equal([...(store.attribute(name, 1, 1) as Uint8Array)], [5]);
    store.setAttribute(name, 1, 1, new Uint8Array(0));
    assert.is(store.attribute(name, 1, 1), null);
    store.setAttribute(name, 1, 1, null);
    assert.equal([store.information(name).attributeCount, store.information({ partitionId: 0n, objectId: 0n }).usedBytes], [0, 0n]);
  }),
);

test(
  'the root, partitions and collections have attributes as user objects have',
  withStore(({ store }) => {
    const root = { partitionId: 0n, objectId: 0n };
    const partition = { partitionId: store.createPartition(P), objectId: 0n };
    const collection = { partitionId: P, objectId: store.createCollection(P, null) };
    for (const name of [root, partition, collection]) store.setAttribute(name, 3, 4, Buffer.from(`${name.objectId}`));
    for (const name of [root, partition, collection]) assert.is(Buffer.from(store.attribute(name, 3, 4) as Uint8Array).toString(), `${name.objectId}`);
    assert.equal(
      [root, partition, collection].map((name) => store.information(name).attributeCount),
      [1, 1, 1],
    );
    store.removePartition(P, { force: true });
    assert.is(store.information(root).usedBytes, 25n);
  }),
);

test(
  'limits of length, of attributes of an object and of its collections',
  withStore(
    ({ store }) => {
      const name = makeObject(store);
      assert.throws(() => store.setAttribute(name, 1, 1, new Uint8Array(65_535)), isFault('limit'));
      for (let number = 1; number <= 16; number++) store.setAttribute(name, 1, number, Uint8Array.of(1));
      assert.throws(() => store.setAttribute(name, 1, 17, Uint8Array.of(1)), isFault('limit'));
      store.setAttribute(name, 1, 16, Uint8Array.of(2));
      store.join(name, store.createCollection(P, null));
      const second = store.createCollection(P, null);
      assert.throws(() => store.join(name, second), isFault('limit'));
      store.setMembership(name, 1, second);
      assert.ok(store.isMember(name, second));
    },
    { limits: { ...defaultLimits, osdAttributeCountMax: 16, osdMembershipCountMax: 1 } },
  ),
);

test(
  'membership is seen from the object and from the collection, under the number it was set by',
  withStore(({ store }) => {
    const name = makeObject(store);
    const [first, second] = [store.createCollection(P, null), store.createCollection(P, null)];
    store.setMembership(name, 2, first);
    assert.is(store.join(name, second), 1);
    assert.is(store.join(name, second), 1);
    assert.equal(store.memberships(name), [
      { attributeNumber: 1, collectionId: second },
      { attributeNumber: 2, collectionId: first },
    ]);
    assert.throws(() => store.setMembership(name, 9, first), isFault('already-member'));
    assert.throws(() => store.setMembership(name, 9, 0x99999n), isFault('not-found'));
    assert.equal(store.listMembers({ partitionId: P, objectId: first }, { from: 0n, countMax: 9 }), { ids: [name.objectId], next: null });
    assert.ok(store.leave(name, first));
    assert.not(store.leave(name, first));
    assert.is(store.information({ partitionId: P, objectId: first }).memberCount, 0n);
    store.removeUserObject(name);
    assert.is(store.information({ partitionId: P, objectId: second }).memberCount, 0n);
    store.removeCollection({ partitionId: P, objectId: second });
  }),
);

test.run();
