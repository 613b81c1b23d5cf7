import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AttributeCriterion, QueryStep } from '../../../../../engine/devices/osd/store/object-store.js';
import { defaultLimits } from '../../../../../engine/limits.js';
import { P, withStore } from './store-fixture.js';

test(
  'lists go on where they ended, and a list of one kind or partition has nothing of another',
  withStore(({ store }) => {
    store.createPartition(P);
    store.createPartition(P + 1n);
    store.createUserObjects(P + 1n, 0x10003n, 2);
    const first = store.createUserObjects(P, null, 3);
    const collectionId = store.createCollection(P, null);
    assert.equal(store.listPartitions({ from: 0n, countMax: 1 }), { ids: [P], next: P + 1n });
    assert.equal(store.listPartitions({ from: P + 1n, countMax: 1 }), { ids: [P + 1n], next: null });
    assert.equal(store.listUserObjects(P, { from: 0n, countMax: 2 }), { ids: [first, first + 1n], next: first + 2n });
    assert.equal(store.listUserObjects(P, { from: first + 2n, countMax: 2 }), { ids: [first + 2n], next: null });
    assert.equal(store.listCollections(P, { from: 0n, countMax: 2 }), { ids: [collectionId], next: null });
    assert.equal(store.listCollections(P + 1n, { from: 0n, countMax: 2 }), { ids: [], next: null });
  }),
);

test(
  'a page is never longer than the limit, whatever was asked for',
  withStore(
    ({ store }) => {
      store.createPartition(P);
      store.createUserObjects(P, null, 40);
      const { ids, next } = store.listUserObjects(P, { from: 0n, countMax: 1_000_000 });
      assert.equal([ids.length, next], [16, P + 16n]);
    },
    { limits: { ...defaultLimits, osdListCountMax: 16 } },
  ),
);

/** Attribute 1.1 of one byte between two. */
const between = (low: number, high: number): AttributeCriterion => ({
  pageNumber: 1,
  attributeNumber: 1,
  matches: (value) => value !== null && (value[0] as number) >= low && (value[0] as number) <= high,
});

test(
  'a query looks at no more than it may, answers no more than it may, and goes on where it ended',
  withStore(({ store }) => {
    store.createPartition(P);
    const collectionId = store.createCollection(P, null);
    const first = store.createUserObjects(P, null, 20);
    for (let index = 0; index < 20; index++) {
      const name = { partitionId: P, objectId: first + BigInt(index) };
      if (index % 2 === 0) store.join(name, collectionId);
      if (index !== 4) store.setAttribute(name, 1, 1, Uint8Array.of(index));
    }
    const query = (from: bigint, examinedCountMax: number, countMax: number): QueryStep =>
      store.query({ partitionId: P, collectionId, from, criteria: [between(3, 12)], mode: 'all', countMax, examinedCountMax });
    const at = (index: number) => first + BigInt(index);
    assert.equal(query(0n, 100, 100), { matches: [6, 8, 10, 12].map(at), examinedCount: 10, next: null });
    assert.equal(query(0n, 5, 100), { matches: [6, 8].map(at), examinedCount: 5, next: at(10) });
    assert.equal(query(at(10), 5, 100), { matches: [10, 12].map(at), examinedCount: 5, next: null });
    assert.equal(query(0n, 100, 2), { matches: [6, 8].map(at), examinedCount: 5, next: at(10) });
    assert.equal(query(at(12), 100, 1).next, at(14));
    assert.equal(query(at(18), 100, 1), { matches: [], examinedCount: 1, next: null });
  }),
);

test(
  'criteria: any, all, none, of all objects of a partition, and of attributes that are computed',
  withStore(({ store }) => {
    store.createPartition(P);
    const first = store.createUserObjects(P, null, 4);
    for (let index = 0; index < 4; index++) {
      store.setAttribute({ partitionId: P, objectId: first + BigInt(index) }, 1, 1, Uint8Array.of(index));
      store.setLogicalLength({ partitionId: P, objectId: first + BigInt(index) }, BigInt(10 * index));
    }
    const whole = { partitionId: P, collectionId: null, from: 0n, countMax: 100, examinedCountMax: 100 } as const;
    const indexesOf = ({ matches }: QueryStep) => matches.map((id) => Number(id - first));
    const criteria = [between(0, 1), between(1, 2)];
    assert.equal(indexesOf(store.query({ ...whole, criteria, mode: 'any' })), [0, 1, 2]);
    assert.equal(indexesOf(store.query({ ...whole, criteria, mode: 'all' })), [1]);
    assert.equal(indexesOf(store.query({ ...whole, criteria: [], mode: 'any' })), [0, 1, 2, 3]);
    const length: AttributeCriterion = { pageNumber: 9, attributeNumber: 9, matches: (value) => value !== null && (value[0] as number) >= 20 };
    const computed = (_name: unknown, page: number, _number: number, information: () => { logicalLengthBytes: bigint }) =>
      page === 9 ? Uint8Array.of(Number(information().logicalLengthBytes)) : undefined;
    assert.equal(indexesOf(store.query({ ...whole, criteria: [length, between(0, 2)], mode: 'all', computed })), [2]);
  }),
);

test.run();
