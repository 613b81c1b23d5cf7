import * as assert from 'uvu/assert';
import { type ObjectName, type ObjectStore, ObjectStoreFault } from '../../engine/devices/osd/store/object-store.js';
import type { SeededRandom } from '../support/random.js';
import type { ReferenceObject, ReferenceObjects, ReferencePartition } from './reference-objects.js';

const LENGTH_BYTES_MAX = 40_000;
const PARTITION_COUNT_MAX = 3;
const OBJECT_COUNT_MAX = 30;

/** The caller's own reason to undo a transaction. */
export class Undo extends Error {
  override readonly name = 'Undo';
}

/** Does one random thing to the store and to what it has to be. Answers what it was. */
export function randomOperation(store: ObjectStore, reference: ReferenceObjects, random: SeededRandom): string {
  const partitionIds = [...reference.partitions.keys()];
  if (partitionIds.length === 0 || (partitionIds.length < PARTITION_COUNT_MAX && random.below(40) === 0)) return createPartition(store, reference, random);
  const partitionId = pick(random, partitionIds);
  const partition = reference.partitions.get(partitionId) as ReferencePartition;
  if (random.below(150) === 0) return removePartition(store, reference, partitionId, random);
  if (random.below(25) === 0) return setAttribute(store, { partitionId, objectId: 0n }, partition.attributes, random);
  const objectIds = [...partition.objects.keys()];
  if (objectIds.length === 0 || (objectIds.length < OBJECT_COUNT_MAX && random.below(6) === 0)) return create(store, partitionId, partition, random);
  const objectId = pick(random, objectIds);
  const name = { partitionId, objectId };
  const object = partition.objects.get(objectId) as ReferenceObject;
  if (random.below(12) === 0) return remove(store, name, partition, object, random);
  if (random.below(3) === 0) return setAttribute(store, name, object.attributes, random);
  if (object.kind === 'collection') return 'nothing';
  return random.below(4) === 0 ? setMembership(store, name, partition, object, random) : changeData(store, name, object, random);
}

function createPartition(store: ObjectStore, reference: ReferenceObjects, random: SeededRandom): string {
  const requested = random.boolean() ? null : 0x10000n + BigInt(random.below(6));
  if (requested !== null && reference.partitions.has(requested)) {
    assert.throws(() => store.createPartition(requested), isFault('exists'));
    return 'create a partition that is there';
  }
  reference.partitions.set(store.createPartition(requested), { attributes: new Map(), objects: new Map() });
  return 'create partition';
}

function removePartition(store: ObjectStore, reference: ReferenceObjects, partitionId: bigint, random: SeededRandom): string {
  const force = random.boolean();
  if (!force && (reference.partitions.get(partitionId) as ReferencePartition).objects.size > 0) {
    assert.throws(() => store.removePartition(partitionId), isFault('not-empty'));
    return 'remove a partition that is not empty';
  }
  store.removePartition(partitionId, { force });
  reference.partitions.delete(partitionId);
  return 'remove partition';
}

function create(store: ObjectStore, partitionId: bigint, { objects }: ReferencePartition, random: SeededRandom): string {
  const kind = random.below(4) === 0 ? 'collection' : 'user';
  const requested = random.boolean() ? null : 0x10000n + BigInt(random.below(50));
  const count = kind === 'user' ? 1 + random.below(3) : 1;
  const make = () => (kind === 'user' ? store.createUserObjects(partitionId, requested, count) : store.createCollection(partitionId, requested));
  const wanted = Array.from({ length: count }, (_, index) => (requested ?? 0n) + BigInt(index));
  if (requested !== null && wanted.some((id) => objects.has(id))) {
    assert.throws(make, isFault('exists'));
    return 'create what is there';
  }
  const first = make();
  for (let index = 0; index < count; index++) {
    const id = first + BigInt(index);
    assert.not(objects.has(id), 'an id that is free');
    objects.set(id, { kind, bytes: new Uint8Array(0), attributes: new Map(), memberships: new Map() });
  }
  return `create ${count} ${kind}`;
}

function remove(store: ObjectStore, name: ObjectName, { objects }: ReferencePartition, object: ReferenceObject, random: SeededRandom): string {
  if (object.kind === 'user') {
    store.removeUserObject(name);
  } else {
    const isIn = ({ memberships }: ReferenceObject) => [...memberships.values()].includes(name.objectId);
    const force = random.boolean();
    if (!force && [...objects.values()].some(isIn)) {
      assert.throws(() => store.removeCollection(name), isFault('not-empty'));
      return 'remove a collection with members';
    }
    store.removeCollection(name, { force });
    for (const { memberships } of objects.values()) {
      for (const [number, collectionId] of memberships) if (collectionId === name.objectId) memberships.delete(number);
    }
  }
  objects.delete(name.objectId);
  return `remove ${object.kind}`;
}

function setAttribute(store: ObjectStore, name: ObjectName, attributes: Map<string, Uint8Array>, random: SeededRandom): string {
  const pageNumber = pick(random, [0, 5, 0xffff_ffff]);
  const attributeNumber = 1 + random.below(4);
  const key = `${pageNumber}.${attributeNumber}`;
  const value = random.below(4) === 0 ? null : random.bytes(1 + random.below(random.below(10) === 0 ? 9000 : 60));
  store.setAttribute(name, pageNumber, attributeNumber, value);
  if (value === null) attributes.delete(key);
  else attributes.set(key, value);
  return 'set attribute';
}

function setMembership(store: ObjectStore, name: ObjectName, { objects }: ReferencePartition, { memberships }: ReferenceObject, random: SeededRandom): string {
  const collections = [...objects].filter(([, { kind }]) => kind === 'collection').map(([id]) => id);
  const number = 1 + random.below(3);
  if (collections.length === 0 || random.below(3) === 0) {
    store.setMembership(name, number, null);
    memberships.delete(number);
    return 'leave';
  }
  const collectionId = pick(random, collections);
  const present = [...memberships].find(([, id]) => id === collectionId)?.[0];
  if (present !== undefined && present !== number) {
    assert.throws(() => store.setMembership(name, number, collectionId), isFault('already-member'));
    return 'join twice';
  }
  store.setMembership(name, number, collectionId);
  memberships.set(number, collectionId);
  return 'join';
}

function changeData(store: ObjectStore, name: ObjectName, object: ReferenceObject, random: SeededRandom): string {
  const { bytes } = object;
  const offset = random.below(Math.min(LENGTH_BYTES_MAX, bytes.length + (random.boolean() ? 1 : 9000)));
  const length = random.below(6) === 0 ? random.below(12_000) : 1 + random.below(300);
  switch (random.below(6)) {
    case 0:
    case 1: {
      const data = random.bytes(length);
      store.write(name, BigInt(offset), data);
      object.bytes = resized(bytes, Math.max(bytes.length, offset + length));
      object.bytes.set(data, offset);
      return 'write';
    }
    case 2: {
      const data = random.bytes(length);
      assert.is(store.append(name, data), BigInt(bytes.length));
      object.bytes = resized(bytes, bytes.length + length);
      object.bytes.set(data, bytes.length);
      return 'append';
    }
    case 3:
      store.clear(name, BigInt(offset), BigInt(length));
      object.bytes = resized(bytes, Math.max(bytes.length, offset + length)).fill(0, offset, offset + length);
      return 'clear';
    case 4: {
      if (offset >= bytes.length) {
        assert.throws(() => store.punch(name, BigInt(offset), BigInt(length)), isFault('beyond-end'));
        return 'punch behind the end';
      }
      store.punch(name, BigInt(offset), BigInt(length));
      object.bytes = Uint8Array.from([...bytes.subarray(0, offset), ...bytes.subarray(offset + length)]);
      return 'punch';
    }
    default:
      store.setLogicalLength(name, BigInt(offset));
      object.bytes = resized(bytes, offset);
      return 'set length';
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  result.set(bytes.subarray(0, length));
  return result;
}

export function isFault(fault: string): (error: unknown) => boolean {
  return (error) => error instanceof ObjectStoreFault && error.fault === fault;
}

function pick<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}
