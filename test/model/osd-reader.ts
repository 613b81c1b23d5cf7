import * as assert from 'uvu/assert';
import { decodeAttributes, decodeList, Osd, type OsdAttributeName, type OsdCommand } from '../support/osd-cdb.js';
import { keyOf, type OsdKind, OsdModel, type OsdName, PAGE_BASE, ROOT } from './osd-model.js';
import { type OsdModelAnswer, type OsdStep, Permission } from './osd-steps.js';

const ALL = 0xffffffff;
const TAG = 0x40000001;
const ATTRIBUTES_ROOM = 16_384;
/** Little of it, so that lists have to go on. */
const LIST_ROOM = 24 + 8 * 5;

type Ask = (step: OsdStep) => Promise<OsdModelAnswer>;

/** All that a device holds, by its commands. */
export async function readModel(ask: Ask): Promise<OsdModel> {
  const reader = new Reader(ask);
  await reader.readAll();
  return reader.model;
}

class Reader {
  readonly model = new OsdModel();
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async readAll(): Promise<void> {
    await this.#readAttributes(ROOT);
    for (const partition of await this.#list(ROOT, Osd.LIST)) {
      this.model.addPartition(partition);
      const target: OsdName = { kind: 'partition', partition, object: 0n };
      for (const object of await this.#list(target, Osd.LIST_COLLECTION)) await this.#readObject({ kind: 'collection', partition, object });
      for (const object of await this.#list(target, Osd.LIST)) await this.#readObject({ kind: 'user', partition, object });
      await this.#readAttributes(target);
    }
  }

  #run(name: string, action: number, target: OsdName, permissions: number, fields: Partial<OsdCommand>): Promise<OsdModelAnswer> {
    const { kind, partition, object } = target;
    const keyLevel = kind === 'root' || kind === 'partition' ? kind : 'working';
    return this.#ask({ name, command: { action, partition, object, ...fields }, target, permissions, keyLevel, creates: false, sense: '', apply: () => {} });
  }

  async #list(target: OsdName, action: number): Promise<bigint[]> {
    const ids: bigint[] = [];
    for (let start = 0n, listIdentifier = 0; ; ) {
      const fields = { length: LIST_ROOM, dataInLength: LIST_ROOM, start, listIdentifier };
      const answer = await this.#run('LIST', action, target, Permission.read, fields);
      assert.is(answer.sense, '');
      const list = decodeList(answer.dataIn);
      ids.push(...list.ids);
      if (list.continuation === 0n) return ids;
      start = list.continuation;
      listIdentifier = list.identifier;
    }
  }

  async #readObject(name: OsdName): Promise<void> {
    const { kind, partition, object } = name;
    this.model.addObject(kind as 'user' | 'collection', partition, object);
    await this.#readAttributes(name);
    if (kind !== 'user') return;
    const model = this.model.object(name);
    const { length } = model.bytes;
    const answer = await this.#run('READ', Osd.READ, name, Permission.read, { length: length + 9, dataInLength: length + 9 });
    assert.is(answer.sense, '01/3b17');
    assert.ok(
      answer.dataIn.subarray(length, length + 9).every((byte) => byte === 0),
      'zeros behind the end',
    );
    model.bytes = Buffer.from(answer.dataIn.subarray(0, length));
  }

  async #readAttributes(name: OsdName): Promise<void> {
    const base = PAGE_BASE[name.kind];
    const get = [{ page: base + 1, number: 9 }, { page: base + 0x10000, number: ALL }, { page: base + 0x10001, number: ALL }, ...special[name.kind]];
    const answer = await this.#run('GET ATTRIBUTES', Osd.GET_ATTRIBUTES, name, Permission.getAttributes, { get, getAllocation: ATTRIBUTES_ROOM });
    assert.is(answer.sense, '');
    for (const { page, number, value } of decodeAttributes(answer.retrieved)) {
      const isStart = value === null || (number === 0 && page < base + 0x10000);
      if (!isStart && !(name.kind === 'root' && value.length === 0)) this.model.set(name, page, number, Buffer.from(value));
    }
    // A page of members has an identification under number 0.
    this.model.attributesOf(name).delete(keyOf(4, 0));
  }
}

const special: Readonly<Record<OsdKind, readonly OsdAttributeName[]>> = {
  root: [],
  partition: [
    { page: PAGE_BASE.partition + 2, number: 1 },
    { page: PAGE_BASE.partition + 2, number: 0x10002 },
    { page: PAGE_BASE.partition + 5, number: TAG },
  ],
  collection: [{ page: PAGE_BASE.collection + 5, number: TAG }],
  user: [
    { page: 1, number: 0x82 },
    { page: 2, number: 1 },
    { page: 4, number: ALL },
    { page: 5, number: TAG },
  ],
};
