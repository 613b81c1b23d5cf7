import * as assert from 'uvu/assert';
import type { ObjectName, ObjectStore } from '../../engine/devices/osd/store/object-store.js';

export interface ReferenceObject {
  readonly kind: 'user' | 'collection';
  bytes: Uint8Array;
  /** Keys are `page.number`. */
  readonly attributes: Map<string, Uint8Array>;
  /** Of a user object: collection by attribute number. */
  readonly memberships: Map<number, bigint>;
}

export interface ReferencePartition {
  readonly attributes: Map<string, Uint8Array>;
  readonly objects: Map<bigint, ReferenceObject>;
}

/** What the store has to hold: maps of bytes and attributes. */
export class ReferenceObjects {
  readonly partitions: Map<bigint, ReferencePartition>;

  constructor(partitions: Map<bigint, ReferencePartition> = new Map()) {
    this.partitions = partitions;
  }

  /** All that a store holds. */
  static of(store: ObjectStore): ReferenceObjects {
    const partitions = new Map<bigint, ReferencePartition>();
    for (const partitionId of idsOf((from) => store.listPartitions({ from, countMax: 100 }))) {
      const objects = new Map<bigint, ReferenceObject>();
      for (const id of idsOf((from) => store.listCollections(partitionId, { from, countMax: 100 }))) {
        const attributes = attributesOf(store, { partitionId, objectId: id });
        objects.set(id, { kind: 'collection', bytes: new Uint8Array(0), attributes, memberships: new Map() });
      }
      for (const id of idsOf((from) => store.listUserObjects(partitionId, { from, countMax: 100 }))) {
        const name = { partitionId, objectId: id };
        const bytes = new Uint8Array(Number(store.information(name).logicalLengthBytes));
        store.read(name, 0n, bytes);
        const memberships = new Map(store.memberships(name).map(({ attributeNumber, collectionId }) => [attributeNumber, collectionId]));
        objects.set(id, { kind: 'user', bytes, attributes: attributesOf(store, name), memberships });
      }
      partitions.set(partitionId, { attributes: attributesOf(store, { partitionId, objectId: 0n }), objects });
    }
    return new ReferenceObjects(partitions);
  }

  copy(): ReferenceObjects {
    return new ReferenceObjects(structuredClone(this.partitions));
  }

  /** Every list, attribute, membership and byte of the store against what was done to it. */
  check(store: ObjectStore): void {
    assert.equal(
      idsOf((from) => store.listPartitions({ from, countMax: 3 })),
      sorted(this.partitions.keys()),
      'partitions',
    );
    let userObjectCount = 0;
    let usedBytes = usedOf(store, { partitionId: 0n, objectId: 0n });
    for (const [partitionId, partition] of this.partitions) {
      const of = (kind: string) => sorted([...partition.objects].filter(([, object]) => object.kind === kind).map(([id]) => id));
      const users = of('user');
      userObjectCount += users.length;
      assert.equal(
        idsOf((from) => store.listUserObjects(partitionId, { from, countMax: 5 })),
        users,
        'user objects',
      );
      assert.equal(
        idsOf((from) => store.listCollections(partitionId, { from, countMax: 2 })),
        of('collection'),
        'collections',
      );
      const name = { partitionId, objectId: 0n };
      const information = store.information(name);
      assert.is(information.userObjectCount, BigInt(users.length));
      assert.is(information.collectionCount, BigInt(of('collection').length));
      this.#checkAttributes(store, name, partition.attributes);
      let inside = attributeSpace(partition.attributes);
      for (const [objectId, object] of partition.objects) {
        this.#checkObject(store, { partitionId, objectId }, object, partition);
        inside += usedOf(store, { partitionId, objectId });
      }
      assert.is(information.usedBytes, inside, 'a partition takes what its objects take');
      usedBytes -= inside;
    }
    assert.is(usedBytes, 0n, 'the device takes what its partitions take');
    assert.is(store.information({ partitionId: 0n, objectId: 0n }).userObjectCount, BigInt(userObjectCount));
  }

  #checkObject(store: ObjectStore, name: ObjectName, object: ReferenceObject, partition: ReferencePartition): void {
    assert.is(store.kindOf(name), object.kind);
    this.#checkAttributes(store, name, object.attributes);
    const information = store.information(name);
    if (object.kind === 'collection') {
      const members = [...partition.objects].filter(([, { memberships }]) => [...memberships.values()].includes(name.objectId)).map(([id]) => id);
      assert.equal(
        idsOf((from) => store.listMembers(name, { from, countMax: 2 })),
        sorted(members),
        'members',
      );
      assert.is(information.memberCount, BigInt(members.length));
      return;
    }
    assert.is(information.logicalLengthBytes, BigInt(object.bytes.length), 'length');
    const into = new Uint8Array(object.bytes.length + 10).fill(0xee);
    assert.is(store.read(name, 0n, into), object.bytes.length);
    assert.is(Buffer.compare(into.subarray(0, object.bytes.length), object.bytes), 0, `bytes of ${name.objectId}`);
    assert.ok(into.subarray(object.bytes.length).every((byte) => byte === 0));
    checkMap(store, name, object.bytes);
    const memberships = [...object.memberships].sort(([a], [b]) => a - b).map(([attributeNumber, collectionId]) => ({ attributeNumber, collectionId }));
    assert.equal(store.memberships(name), memberships);
    assert.is(information.membershipCount, memberships.length);
  }

  #checkAttributes(store: ObjectStore, name: ObjectName, attributes: ReadonlyMap<string, Uint8Array>): void {
    const found = attributesOf(store, name);
    const order = (key: string) => key.split('.').reduce((sum, part) => sum * 1e6 + Number(part), 0);
    const expected = [...attributes].sort(([a], [b]) => order(a) - order(b));
    assert.equal(
      [...found].map(([key, value]) => [key, hex(value)]),
      expected.map(([key, value]) => [key, hex(value)]),
      'attributes',
    );
    const pages = [...new Set(expected.map(([key]) => Number(key.split('.')[0])))];
    assert.equal(store.attributePages(name, 0, 100).pageNumbers, pages);
    assert.is(store.information(name).attributeCount, attributes.size);
  }
}

function attributesOf(store: ObjectStore, name: ObjectName): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (let from: { pageNumber: number; attributeNumber: number } | null = { pageNumber: 0, attributeNumber: 0 }; from !== null; ) {
    const step: ReturnType<ObjectStore['attributes']> = store.attributes(name, { from, countMax: 3 });
    for (const { pageNumber, attributeNumber, value } of step.entries) found.set(`${pageNumber}.${attributeNumber}`, value);
    from = step.next;
  }
  return found;
}

/** Extents tile the object, and no byte that is not zero lies in a hole. */
function checkMap(store: ObjectStore, name: ObjectName, bytes: Uint8Array): void {
  let at = 0;
  for (let from: bigint | null = 0n; from !== null; ) {
    const { extents, next }: ReturnType<ObjectStore['map']> = store.map(name, from, 2);
    for (const { kind, offsetBytes, lengthBytes } of extents) {
      assert.is(offsetBytes, BigInt(at));
      at += Number(lengthBytes);
      if (kind === 'hole')
        assert.ok(
          bytes.subarray(Number(offsetBytes), at).every((byte) => byte === 0),
          'a hole is zero',
        );
    }
    from = next;
  }
  assert.is(at, bytes.length, 'extents reach to the end');
}

export function idsOf(pageFrom: (from: bigint) => { readonly ids: readonly bigint[]; readonly next: bigint | null }): bigint[] {
  const ids: bigint[] = [];
  for (let from: bigint | null = 0n; from !== null; ) {
    const page: ReturnType<typeof pageFrom> = pageFrom(from);
    ids.push(...page.ids);
    from = page.next;
  }
  return ids;
}

function attributeSpace(attributes: ReadonlyMap<string, Uint8Array>): bigint {
  return [...attributes.values()].reduce((sum, value) => sum + BigInt(value.length + 24), 0n);
}

function usedOf(store: ObjectStore, name: ObjectName): bigint {
  return store.information(name).usedBytes;
}

function sorted(ids: Iterable<bigint>): bigint[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
