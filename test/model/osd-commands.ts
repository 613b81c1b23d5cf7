import * as assert from 'uvu/assert';
import { descriptorAt } from '../engine/devices/osd/osd-fixture.js';
import { decodeList, decodeObjects, Osd, type OsdCommand, queryList, scatterGather } from '../support/osd-cdb.js';
import type { SeededRandom } from '../support/random.js';
import { byNumber, keyOf, type OsdKind, type OsdModel, type OsdName, PAGE_BASE, ROOT } from './osd-model.js';
import {
  type AttributePart,
  applySets,
  checkGets,
  checkValues,
  NO_ATTRIBUTES,
  type OsdModelAnswer,
  type OsdStep,
  Permission,
  pick,
  randomAttributes,
} from './osd-steps.js';

const PARTITION_COUNT_MAX = 3;
const ID_COUNT = 40;
const LENGTH_MAX = 20_000;
const ID_FIRST = 0x20000n;
const CURRENT_COMMAND = 0xfffffffe;
const READ_PAST_END = '01/3b17';
const QUOTA = '07/5507';
const WRONG_FIELD = '05/2400';
const NOT_EMPTY = '05/2c0a';

type Order = 'after' | 'before' | 'get-first';
interface Draft {
  readonly name: string;
  readonly action: number;
  readonly command?: Partial<OsdCommand>;
  readonly target: OsdName;
  readonly permissions: number;
  readonly keyLevel?: 'root' | 'partition' | 'working';
  readonly creates?: boolean;
  readonly count?: number;
  readonly order?: Order;
  /** How it ends when its object is not what it has to be; attributes are not looked at then. */
  readonly objectSense?: string;
  readonly sense?: string;
  readonly attributes?: AttributePart;
  /** What the command itself does. */
  run(model: OsdModel, answer: OsdModelAnswer | null): void;
}

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
        if (sense !== '' && sense !== READ_PAST_END) return;
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
      objectSense: this.#model.partitions.has(partition) ? WRONG_FIELD : '',
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
      sense: !all && this.#model.partition(target.partition).objects.size > 0 ? NOT_EMPTY : '',
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
    const fault = this.#isFull(partition, count) ? QUOTA : ids.some((id) => objects.has(id)) ? WRONG_FIELD : '';
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
    const { command, data, pieces } = this.#dataOut(start);
    const tooLong = pieces.some(({ at, length }) => length > 0 && BigInt(at + length) > lengthMax);
    return this.#step({
      name: 'CREATE AND WRITE',
      action: Osd.CREATE_AND_WRITE,
      command,
      target,
      permissions: Permission.create | Permission.write,
      creates: true,
      sense: fault || (tooLong ? QUOTA : ''),
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
      sense: this.#isFull(partition, count) ? QUOTA : '',
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
      sense: this.#isFull(partition, 1) ? QUOTA : this.#model.partition(partition).objects.has(object) ? WRONG_FIELD : '',
      run: (model) => model.addObject('collection', partition, object),
    });
  }

  /** Data-Out in one piece or by a scatter/gather list. `at` is where a piece goes, `from` where it lies in the data. */
  #dataOut(start: number): { readonly command: Partial<OsdCommand>; readonly data: Buffer; readonly pieces: { at: number; length: number; from: number }[] } {
    const random = this.#random;
    const data = Buffer.from(random.bytes(random.below(8) === 0 ? random.below(6000) : random.below(300)));
    const options = random.below(8) === 0 ? 0x08 : 0;
    const command = { options, length: data.length, start: BigInt(start), data };
    if (data.length < 3 || random.below(4) > 0) return { command, data, pieces: [{ at: start, length: data.length, from: 0 }] };
    const cut = 1 + random.below(data.length - 1);
    const gap = random.below(5000);
    const ranges = [
      { offset: BigInt(gap), length: BigInt(cut) },
      { offset: BigInt(random.below(gap + 200)), length: BigInt(data.length - cut) },
    ];
    const pieces = ranges.map(({ offset, length }, index) => ({ at: start + Number(offset), length: Number(length), from: index === 0 ? 0 : cut }));
    return { command: { ...command, continuation: [scatterGather(ranges)] }, data, pieces };
  }

  #data(target: OsdName): OsdStep {
    const random = this.#random;
    const { bytes } = this.#model.object(target);
    const max = this.#model.lengthMax(target);
    const offset = random.below(Math.min(LENGTH_MAX, bytes.length + (random.boolean() ? 1 : 6000)));
    const length = random.below(6) === 0 ? random.below(9000) : 1 + random.below(300);
    const start = BigInt(offset);
    /** Only what makes the object longer is bounded. */
    const isTooLong = (end: number) => end > bytes.length && BigInt(end) > max;
    switch (random.below(8)) {
      case 0:
      case 1: {
        const { command, data, pieces } = this.#dataOut(offset);
        // A list whose second piece is too long has written its first.
        const bad = pieces.filter((piece) => piece.length > 0 && isTooLong(piece.at + piece.length));
        if (bad.length > 0 && pieces.length > 1) return this.#flush(target);
        return this.#step({
          name: 'WRITE',
          action: Osd.WRITE,
          command,
          target,
          permissions: Permission.write,
          sense: bad.length > 0 ? QUOTA : '',
          run: (model) => {
            for (const piece of pieces) model.write(target, piece.at, data.subarray(piece.from, piece.from + piece.length));
          },
        });
      }
      case 2: {
        const data = Buffer.from(random.bytes(length));
        const at = bytes.length;
        const sense = isTooLong(at + length) ? QUOTA : '';
        const command = { length, data };
        const run = (model: OsdModel) => model.write(target, at, data);
        return this.#step({ name: 'APPEND', action: Osd.APPEND, command, target, permissions: Permission.append, sense, run });
      }
      case 3:
        return this.#step({
          name: 'CLEAR',
          action: Osd.CLEAR,
          command: { length, start },
          target,
          permissions: Permission.write,
          sense: isTooLong(offset + length) ? QUOTA : '',
          run: (model) => model.write(target, offset, Buffer.alloc(length)),
        });
      case 4:
        return this.#step({
          name: 'PUNCH',
          action: Osd.PUNCH,
          command: { length, start },
          target,
          permissions: Permission.write,
          sense: offset >= bytes.length ? WRONG_FIELD : '',
          run(model) {
            const object = model.object(target);
            object.bytes = Buffer.concat([object.bytes.subarray(0, offset), object.bytes.subarray(offset + length)]);
          },
        });
      case 5:
        return this.#readMap(target);
      default:
        return this.#read(target, offset, length);
    }
  }

  #read(target: OsdName, offset: number, length: number): OsdStep {
    const { bytes } = this.#model.object(target);
    const isList = this.#random.below(4) === 0 && length > 2;
    const cut = isList ? length >> 1 : length;
    const ranges = isList
      ? [
          { offset: 7n, length: BigInt(cut) },
          { offset: 0n, length: BigInt(length - cut) },
        ]
      : [{ offset: 0n, length: BigInt(length) }];
    const expected = Buffer.alloc(length);
    let at = 0;
    let validBytes = 0;
    for (const range of ranges) {
      const from = offset + Number(range.offset);
      const copied = from < bytes.length ? bytes.copy(expected, at, from, Math.min(bytes.length, from + Number(range.length))) : 0;
      if (copied > 0) validBytes = at + copied;
      at += Number(range.length);
    }
    const isShort = ranges.some((range) => offset + Number(range.offset + range.length) > bytes.length);
    return this.#step({
      name: 'READ',
      action: Osd.READ,
      command: { length, start: BigInt(offset), dataInLength: length, ...(isList ? { continuation: [scatterGather(ranges)] } : {}) },
      target,
      permissions: Permission.read,
      sense: isShort ? READ_PAST_END : '',
      run(_, answer) {
        if (answer === null) return;
        assert.is(Buffer.compare(answer.dataIn.subarray(0, length), expected), 0, 'the bytes that were written');
        if (!isShort) return;
        const information = answer.senseBytes.readBigUInt64BE(descriptorAt(answer.senseBytes, 0x01) + 4);
        assert.is(information, BigInt(validBytes), 'bytes before the end');
      },
    });
  }

  #readMap(target: OsdName): OsdStep {
    const { bytes } = this.#model.object(target);
    return this.#step({
      name: 'READ MAP',
      action: Osd.READ_MAP,
      command: { length: 4096, dataInLength: 4096 },
      target,
      permissions: Permission.read,
      run(_, answer) {
        if (answer === null) return;
        const count = Number(answer.dataIn.readBigUInt64BE(0)) / 16;
        let at = 0;
        for (let index = 0; index < count; index++) {
          const entry = answer.dataIn.subarray(8 + 16 * index);
          assert.is(Number(entry.readBigUInt64BE(8)), at, 'extents tile the object');
          const end = at + entry.readUInt32BE(4);
          if (entry.readUInt16BE(2) === 2)
            assert.ok(
              bytes.subarray(at, end).every((byte) => byte === 0),
              'a hole is zero',
            );
          at = end;
        }
        assert.is(at, bytes.length, 'extents reach to the end');
      },
    });
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
      sense: hasMembers && !force ? NOT_EMPTY : '',
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
