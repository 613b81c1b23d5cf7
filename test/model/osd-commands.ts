import * as assert from 'uvu/assert';
import { decodeList, decodeObjects, Osd, queryList } from '../support/osd-cdb.js';
import type { SeededRandom } from '../support/random.js';
import { randomDataCommand, randomDataOut } from './osd-data-commands.js';
import { byNumber, keyOf, type OsdKind, type OsdModel, type OsdName, PAGE_BASE, ROOT } from './osd-model.js';
import {
  applySets,
  checkGets,
  checkValues,
  type Draft,
  Ending,
  NO_ATTRIBUTES,
  type Order,
  type OsdStep,
  Permission,
  pick,
  randomAttributes,
} from './osd-steps.js';

const PARTITION_COUNT_MAX = 3;
const ID_COUNT = 40;
const ID_FIRST = 0x20000n;
const CURRENT_COMMAND = 0xfffffffe;

const levelOf = (kind: OsdKind) => (kind === 'root' || kind === 'partition' ? kind : 'working');

/** Random commands about what is in the model, and now and then about what is not. */
export class OsdCommands {
  readonly #random: SeededRandom;
  readonly #model: OsdModel;

  constructor(random: SeededRandom, model: OsdModel) {
    this.#random = random;
    this.#model = model;
  }

  next(): OsdStep {
    const random = this.#random;
    const partitions = this.#model.partitionIds;
    if (partitions.length === 0 || (partitions.length < PARTITION_COUNT_MAX && random.below(40) === 0)) return this.#createPartition();
    const partition = pick(random, partitions);
    const users = this.#model.ids(partition, 'user').map((object) => ({ kind: 'user', partition, object }) as const);
    const collections = this.#model.ids(partition, 'collection').map((object) => ({ kind: 'collection', partition, object }) as const);
    const choice = random.below(100);
    if (choice < 2) return this.#ofPartition({ kind: 'partition', partition, object: 0n });
    if (choice < 10 || users.length === 0) return this.#create(partition);
    if (choice < 14) return this.#createCollection(partition);
    if (choice < 52) return this.#data(pick(random, users));
    if (choice < 64) return this.#attributes(pick(random, [ROOT, { kind: 'partition', partition, object: 0n }, ...collections, ...users]));
    if (choice < 72) return this.#list(partition);
    if (choice < 76) return this.#removeUser(pick(random, users));
    return this.#ofCollection(partition, collections);
  }

  /** With the attributes that go with it. */
  #step(draft: Draft): OsdStep {
    const { target, creates = false, count = 1, order = 'after', objectSense = '' } = draft;
    const part = draft.attributes ?? randomAttributes(this.#random, this.#model, target, { present: !creates, count });
    const names = Array.from({ length: count }, (_, index) => ({ ...target, object: target.object + BigInt(index) }));
    const sense = objectSense || part.sense || draft.sense || '';
    return {
      name: draft.name,
      target,
      creates,
      sense,
      keyLevel: draft.keyLevel ?? levelOf(target.kind),
      permissions: draft.permissions | part.permissions,
      command: { action: draft.action, partition: target.partition, object: target.object, ...draft.command, ...part.fields },
      apply: (model, answer) => {
        if (sense !== '' && sense !== Ending.readPastEnd) return;
        const set = () => applySets(model, names, part);
        const get = () => checkGets(model, names, part, answer);
        const run = () => draft.run(model, answer);
        const steps = { after: [run, set, get], before: [set, get, run], 'get-first': [run, get, set] }[order];
        for (const step of steps) step();
      },
    };
  }

  #createPartition(): OsdStep {
    const partition = 0x10000n + BigInt(this.#random.below(6));
    return this.#step({
      name: 'CREATE PARTITION',
      action: Osd.CREATE_PARTITION,
      target: { kind: 'partition', partition, object: 0n },
      permissions: Permission.create,
      keyLevel: 'root',
      creates: true,
      objectSense: this.#model.partitions.has(partition) ? Ending.wrongField : '',
      run: (model) => model.addPartition(partition),
    });
  }

  #ofPartition(target: OsdName): OsdStep {
    const all = this.#random.boolean();
    if (this.#random.below(4) > 0) return this.#flush(target);
    return this.#step({
      name: 'REMOVE PARTITION',
      action: Osd.REMOVE_PARTITION,
      command: { specific: all ? 1 : 0 },
      target,
      permissions: Permission.remove | (all ? Permission.globalRemove : 0),
      keyLevel: 'root',
      order: 'before',
      sense: !all && this.#model.partition(target.partition).objects.size > 0 ? Ending.notEmpty : '',
      run: (model) => void model.partitions.delete(target.partition),
    });
  }

  #flush(target: OsdName): OsdStep {
    const actions = { root: Osd.FLUSH_OSD, partition: Osd.FLUSH_PARTITION, collection: Osd.FLUSH_COLLECTION, user: Osd.FLUSH } as const;
    const options = this.#random.below(3);
    const name = `FLUSH of a ${target.kind}`;
    return this.#step({ name, action: actions[target.kind], command: { options }, target, permissions: Permission.objectManagement, run: () => {} });
  }

  #isFull(partition: bigint, count: number): boolean {
    const { objects, countMax } = this.#model.partition(partition);
    return BigInt(objects.size + count) > countMax;
  }

  #create(partition: bigint): OsdStep {
    const random = this.#random;
    const withData = random.below(3) === 0;
    const count = withData ? 1 : 1 + random.below(3);
    const object = ID_FIRST + BigInt(random.below(ID_COUNT));
    const target: OsdName = { kind: 'user', partition, object };
    const { objects, lengthMax } = this.#model.partition(partition);
    const ids = Array.from({ length: count }, (_, index) => object + BigInt(index));
    const fault = this.#isFull(partition, count) ? Ending.quota : ids.some((id) => objects.has(id)) ? Ending.wrongField : '';
    const create = (model: OsdModel) => {
      for (const id of ids) model.addObject('user', partition, id);
    };
    if (!withData && random.below(5) === 0) return this.#createSomewhere(partition, count);
    if (!withData) {
      const number = [32, Buffer.from([count >> 8, count & 0xff])] as const;
      const command = { patches: [number] };
      return this.#step({
        name: `CREATE ${count}`,
        action: Osd.CREATE,
        command,
        target,
        permissions: Permission.create,
        creates: true,
        count,
        sense: fault,
        run: create,
      });
    }
    const start = random.below(3) === 0 ? random.below(9000) : 0;
    const { command, data, pieces } = randomDataOut(random, start);
    const tooLong = pieces.some(({ at, length }) => length > 0 && BigInt(at + length) > lengthMax);
    return this.#step({
      name: 'CREATE AND WRITE',
      action: Osd.CREATE_AND_WRITE,
      command,
      target,
      permissions: Permission.create | Permission.write,
      creates: true,
      sense: fault || (tooLong ? Ending.quota : ''),
      run(model) {
        create(model);
        for (const { at, length, from } of pieces) model.write(target, at, data.subarray(from, from + length));
      },
    });
  }

  /** The device says which number it took. */
  #createSomewhere(partition: bigint, count: number): OsdStep {
    return this.#step({
      name: `CREATE ${count} of any number`,
      action: Osd.CREATE,
      command: { patches: [[32, Buffer.from([0, count])]], get: [{ page: CURRENT_COMMAND, number: 4 }] },
      target: { kind: 'user', partition, object: 0n },
      permissions: Permission.create,
      creates: true,
      sense: this.#isFull(partition, count) ? Ending.quota : '',
      attributes: NO_ATTRIBUTES,
      run(model, answer) {
        if (answer === null) return;
        const at = count === 1 ? 24 : 40;
        const first = answer.retrieved.readBigUInt64BE(at);
        for (let index = 0n; index < count; index++) {
          assert.not(model.partition(partition).objects.has(first + index), 'an id that is free');
          model.addObject('user', partition, first + index);
        }
      },
    });
  }

  #createCollection(partition: bigint): OsdStep {
    const object = ID_FIRST + BigInt(this.#random.below(ID_COUNT));
    return this.#step({
      name: 'CREATE COLLECTION',
      action: Osd.CREATE_COLLECTION,
      target: { kind: 'collection', partition, object },
      permissions: Permission.create,
      creates: true,
      sense: this.#isFull(partition, 1) ? Ending.quota : this.#model.partition(partition).objects.has(object) ? Ending.wrongField : '',
      run: (model) => model.addObject('collection', partition, object),
    });
  }

  #data(target: OsdName): OsdStep {
    const draft = randomDataCommand(this.#random, this.#model, target);
    return draft === null ? this.#flush(target) : this.#step(draft);
  }

  #attributes(target: OsdName): OsdStep {
    const sets = this.#random.boolean();
    const name = `${sets ? 'SET' : 'GET'} ATTRIBUTES of a ${target.kind}`;
    const permissions = sets ? Permission.setAttributes : Permission.getAttributes;
    const order: Order = sets ? 'after' : 'get-first';
    if (this.#random.below(10) > 0)
      return this.#step({ name, action: sets ? Osd.SET_ATTRIBUTES : Osd.GET_ATTRIBUTES, target, permissions, order, run: () => {} });
    return target.kind === 'root' || target.kind === 'user' ? this.#flush(target) : this.#list(target.partition);
  }

  #removeUser(target: OsdName): OsdStep {
    const permissions = Permission.remove;
    return this.#step({ name: 'REMOVE', action: Osd.REMOVE, target, permissions, order: 'before', run: (model) => model.removeObject(target) });
  }

  /** LIST of partitions or objects, in one command or in pieces: the first of them here, as there is no other command between them. */
  #list(partition: bigint): OsdStep {
    const random = this.#random;
    const isRoot = random.below(4) === 0;
    const isOfCollections = !isRoot && random.below(3) === 0;
    const withAttributes = random.below(3) === 0;
    const target: OsdName = isRoot ? ROOT : { kind: 'partition', partition, object: 0n };
    const kind = isRoot ? 'partition' : isOfCollections ? 'collection' : 'user';
    const ids = isRoot ? this.#model.partitionIds : this.#model.ids(partition, kind as 'user' | 'collection');
    const start = ids.length > 0 && random.boolean() ? pick(random, ids) : 0n;
    const wanted = ids.filter((id) => id >= start);
    const length = random.boolean() ? 24 + 8 * random.below(6) : 8192;
    const get = [
      { page: PAGE_BASE[kind] + 1, number: 9 },
      { page: PAGE_BASE[kind] + 0x10000, number: 1 },
    ];
    const fields = withAttributes ? { specific: 0x40, get } : {};
    return this.#step({
      name: `LIST of ${kind}s`,
      action: isOfCollections ? Osd.LIST_COLLECTION : Osd.LIST,
      command: { length, dataInLength: length, start, ...fields },
      target,
      permissions: Permission.read | (withAttributes ? Permission.getAttributes : 0),
      ...(withAttributes ? { attributes: NO_ATTRIBUTES } : {}),
      run(model, answer) {
        if (answer === null) return;
        const list = decodeList(answer.dataIn);
        assert.equal(list.ids, wanted.slice(0, list.ids.length), 'what is listed');
        const next = wanted[list.ids.length];
        assert.is(list.continuation, next ?? 0n, 'where it goes on');
        assert.is(list.identifier !== 0, next !== undefined, 'a list that goes on has an identifier');
        if (!withAttributes) assert.is(list.ids.length, Math.min(wanted.length, (length - 24) >> 3), 'as many as have room');
        else if (length > 1000) assert.is(next, undefined, 'all have room');
        if (!withAttributes) return;
        for (const { id, attributes } of decodeObjects(list.body)) {
          const name: OsdName = kind === 'partition' ? { kind, partition: id, object: 0n } : { kind, partition, object: id };
          checkValues(model, name, get, attributes);
        }
      },
    });
  }

  #ofCollection(partition: bigint, collections: readonly OsdName[]): OsdStep {
    const random = this.#random;
    const choice = random.below(9);
    if (choice < 2 || choice > 6) return this.#query(partition, collections);
    if (collections.length === 0) return this.#createCollection(partition);
    const target = pick(random, collections);
    const members = this.#model.members(target);
    const each = members.map((object) => ({ kind: 'user', partition, object }) as const);
    switch (choice) {
      case 2:
        return this.#removeCollection(target, members.length > 0);
      case 3:
        return this.#step({
          name: 'LIST COLLECTION',
          action: Osd.LIST_COLLECTION,
          command: { length: 4096, dataInLength: 4096 },
          target,
          permissions: Permission.read,
          run(_, answer) {
            if (answer !== null) assert.equal(decodeList(answer.dataIn).ids, members, 'members');
          },
        });
      case 4: {
        const number = 1 + random.below(3);
        const value = random.bytes(random.below(20));
        return this.#step({
          name: 'SET MEMBER ATTRIBUTES',
          action: Osd.SET_MEMBER_ATTRIBUTES,
          command: { set: [{ page: 0x10000, number, value }] },
          target,
          permissions: Permission.multiObject | Permission.setAttributes,
          attributes: NO_ATTRIBUTES,
          run: (model) => {
            for (const name of each) model.set(name, 0x10000, number, Buffer.from(value));
          },
        });
      }
      case 5: {
        const get = [
          { page: 1, number: 0x82 },
          { page: 0x10000, number: 1 + random.below(3) },
        ];
        return this.#step({
          name: 'GET MEMBER ATTRIBUTES',
          action: Osd.GET_MEMBER_ATTRIBUTES,
          command: { get, getAllocation: 16384 },
          target,
          permissions: Permission.multiObject | Permission.getAttributes,
          attributes: NO_ATTRIBUTES,
          run(model, answer) {
            if (answer === null) return;
            const objects = decodeObjects(answer.retrieved.subarray(8, 8 + answer.retrieved.readUInt32BE(4)));
            assert.equal(
              objects.map(({ id }) => id),
              members,
              'members with attributes',
            );
            for (const { id, attributes } of objects) checkValues(model, { kind: 'user', partition, object: id }, get, attributes);
          },
        });
      }
      default:
        if (random.below(3) > 0) return this.#flush(target);
        return this.#step({
          name: 'REMOVE MEMBER OBJECTS',
          action: Osd.REMOVE_MEMBER_OBJECTS,
          target,
          permissions: Permission.multiObject | Permission.remove,
          run: (model) => {
            for (const name of each) model.removeObject(name);
          },
        });
    }
  }

  #removeCollection(target: OsdName, hasMembers: boolean): OsdStep {
    const force = this.#random.boolean();
    return this.#step({
      name: 'REMOVE COLLECTION',
      action: Osd.REMOVE_COLLECTION,
      command: { specific: force ? 1 : 0 },
      target,
      permissions: Permission.remove,
      order: 'before',
      sense: hasMembers && !force ? Ending.notEmpty : '',
      run: (model) => model.removeObject(target),
    });
  }

  #query(partition: bigint, collections: readonly OsdName[]): OsdStep {
    const random = this.#random;
    const source = collections.length > 0 && random.boolean() ? pick(random, collections) : null;
    const matches = collections.length > 0 && random.boolean() ? pick(random, collections).object : 0n;
    const mode = random.boolean() ? 'any' : 'all';
    const criteria = Array.from({ length: 1 + random.below(2) }, () => {
      const min = random.boolean() ? random.bytes(1) : Buffer.alloc(0);
      const max = random.boolean() ? random.bytes(1) : Buffer.alloc(0);
      return { page: 0x10000, number: 1 + random.below(3), min: Buffer.from(min), max: Buffer.from(max) };
    });
    const target: OsdName = source ?? { kind: 'partition', partition, object: 0n };
    const candidates = source === null ? this.#model.ids(partition, 'user') : this.#model.members(source);
    const found = candidates.filter((object) => {
      const results = criteria.map(({ page, number, min, max }) => {
        const value = this.#model.object({ partition, object }).attributes.get(keyOf(page, number));
        if (value === undefined) return false;
        return (min.length === 0 || Buffer.compare(value, min) >= 0) && (max.length === 0 || Buffer.compare(value, max) <= 0);
      });
      return mode === 'all' ? results.every(Boolean) : results.some(Boolean);
    });
    return this.#step({
      name: 'QUERY',
      action: Osd.QUERY,
      command: { length: 4096, dataInLength: 4096, start: matches, continuation: [queryList(mode, criteria)] },
      target,
      permissions: Permission.query,
      run(model, answer) {
        if (matches !== 0n) for (const object of found) model.join({ partition, object }, matches);
        if (answer === null) return;
        const count = (Number(answer.dataIn.readBigUInt64BE(0)) - 4) / 8;
        const ids = Array.from({ length: count }, (_, index) => answer.dataIn.readBigUInt64BE(12 + 8 * index));
        assert.equal(ids.sort(byNumber), found, 'matches');
      },
    });
  }
}
