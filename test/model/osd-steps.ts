import * as assert from 'uvu/assert';
import { decodeAttributes, decodeObjects, type OsdAttribute, type OsdAttributeName, type OsdCommand } from '../support/osd-cdb.js';
import type { SeededRandom } from '../support/random.js';
import { NO_QUOTA, type OsdKind, type OsdModel, type OsdName, PAGE_BASE, uint } from './osd-model.js';

export interface OsdModelAnswer {
  /** `05/2400`, or empty. */
  readonly sense: string;
  readonly senseBytes: Buffer;
  readonly dataIn: Buffer;
  readonly retrieved: Buffer;
}

/** One command, what it needs of a capability, and what has to come of it. */
export interface OsdStep {
  readonly name: string;
  readonly command: OsdCommand;
  readonly target: OsdName;
  readonly permissions: number;
  readonly keyLevel: 'root' | 'partition' | 'working';
  readonly creates: boolean;
  /** How it ends, empty for GOOD. With anything but RECOVERED ERROR nothing has changed. */
  readonly sense: string;
  /** Does it to the model, and compares what was answered to it; null when there is no answer. */
  apply(model: OsdModel, answer: OsdModelAnswer | null): void;
}

/** How commands end. */
export const Ending = { readPastEnd: '01/3b17', quota: '07/5507', wrongField: '05/2400', notEmpty: '05/2c0a' } as const;

export const Permission = {
  read: 0x8000,
  write: 0x4000,
  getAttributes: 0x2000,
  setAttributes: 0x1000,
  create: 0x0800,
  remove: 0x0400,
  objectManagement: 0x0200,
  append: 0x0100,
  global: 0x0040,
  policy: 0x0020,
  multiObject: 0x0010,
  query: 0x0008,
  globalRemove: 0x0004,
} as const;

/** Attributes that come with a command. */
export interface AttributePart {
  readonly fields: Partial<OsdCommand>;
  readonly permissions: number;
  /** How the command ends for a bad one. */
  readonly sense: string;
  readonly sets: readonly OsdAttribute[];
  readonly gets: readonly OsdAttributeName[];
  readonly getPage: number | null;
}

export type Order = 'after' | 'before' | 'get-first';
/** A command before its attributes. */
export interface Draft {
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

const TAG = 0x40000001;
const CURRENT_COMMAND = 0xfffffffe;
export const NO_ATTRIBUTES: AttributePart = { fields: {}, permissions: 0, sense: '', sets: [], gets: [], getPage: null };

export function pick<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}

/** Attributes to go with a command about `name`, which the model has, or which is about to come: then `present` is false. */
export function randomAttributes(
  random: SeededRandom,
  model: OsdModel,
  name: OsdName,
  options: { readonly present: boolean; readonly count: number },
): AttributePart {
  if (random.below(3) === 0) return NO_ATTRIBUTES;
  const form = options.count > 1 ? 'list' : pick(random, ['list', 'list', 'list', 'page', 'one'] as const);
  const setCount = form === 'list' ? random.below(4) : random.below(2) + (form === 'one' ? 1 : 0);
  const isBad = setCount > 0 && random.below(10) === 0;
  const sets: OsdAttribute[] = [];
  for (let index = 0; index < Math.min(setCount, form === 'list' ? 3 : 1); index++) {
    const set = isBad && index === 0 ? badSet(random, name.kind) : goodSet(random, model, name, options);
    if (isExclusive(name.kind, set.page) && sets.some(({ page }) => isExclusive(name.kind, page))) continue;
    sets.push(form === 'one' ? { ...set, value: set.value.subarray(0, 18) } : set);
  }
  const gets = form === 'list' ? Array.from({ length: random.below(4) }, () => getName(random, name.kind)) : [];
  const getPage = form === 'page' && random.boolean() ? pick(random, [CURRENT_COMMAND, PAGE_BASE[name.kind] + 0x1777]) : null;
  const permissions =
    (sets.length > 0 ? Permission.setAttributes : 0) |
    (sets.some(({ page }) => page === PAGE_BASE[name.kind] + 5) ? Permission.policy : 0) |
    (gets.length > 0 || (getPage !== null && getPage !== CURRENT_COMMAND) ? Permission.getAttributes : 0);
  const sense = !isBad ? '' : form === 'list' ? '05/2600' : '05/2400';
  return { fields: fieldsOf(form, sets, gets, getPage), permissions, sense, sets, gets, getPage };
}

function fieldsOf(
  form: 'list' | 'page' | 'one',
  sets: readonly OsdAttribute[],
  gets: readonly OsdAttributeName[],
  getPage: number | null,
): Partial<OsdCommand> {
  const [first] = sets;
  if (form === 'one') return first === undefined ? {} : { setOne: first };
  if (form === 'page') return { ...(first === undefined ? {} : { setValue: first }), ...(getPage === null ? {} : { getPage }) };
  return { ...(sets.length > 0 ? { set: sets } : {}), ...(gets.length > 0 ? { get: gets } : {}) };
}

/** Of lengths, quotas and pointers one at a time: what each does depends on the others. */
function isExclusive(kind: OsdKind, page: number): boolean {
  return page < PAGE_BASE[kind] + 0x10000;
}

function goodSet(
  random: SeededRandom,
  model: OsdModel,
  name: OsdName,
  { present, count }: { readonly present: boolean; readonly count: number },
): OsdAttribute {
  const { kind } = name;
  const base = PAGE_BASE[kind];
  const own = { page: base + 0x10000 + random.below(2), number: 1 + random.below(3), value: random.bytes(random.below(4) === 0 ? 0 : 1 + random.below(30)) };
  switch (random.below(8)) {
    case 0:
      return { page: base + 1, number: 9, value: random.bytes(random.below(18)) };
    case 1:
      return kind === 'root' ? own : { page: base + 5, number: TAG, value: uint(random.below(3), 4) };
    case 2:
      if (kind === 'partition' && present) return quotaOf(random, name);
      return kind === 'user' ? { page: 2, number: 1, value: uint(random.boolean() ? NO_QUOTA : random.below(30_000), 8) } : own;
    case 3:
      return kind === 'user' && present ? lengthOf(random, model, name) : own;
    case 4:
    case 5:
      return kind === 'user' && count === 1 ? pointerOf(random, model, name, present) : own;
    default:
      return own;
  }
}

function quotaOf(random: SeededRandom, name: OsdName): OsdAttribute {
  const isCount = random.boolean();
  const value = random.below(3) > 0 ? NO_QUOTA : BigInt(random.below(isCount ? 12 : 20_000));
  return { page: PAGE_BASE[name.kind] + 2, number: isCount ? 0x10002 : 1, value: uint(value, 8) };
}

/** Within the quota, or shorter than it is: the command itself may have made it longer by then, but not shorter. */
function lengthOf(random: SeededRandom, model: OsdModel, name: OsdName): OsdAttribute {
  const max = model.lengthMax(name);
  const length = random.below(max < 12_000n ? Number(max) + 1 : 12_000);
  return { page: 1, number: 0x82, value: uint(length, 8) };
}

function pointerOf(random: SeededRandom, model: OsdModel, name: OsdName, present: boolean): OsdAttribute {
  const collections = model.ids(name.partition, 'collection');
  const pointers = present ? model.object(name).pointers : new Map<number, bigint>();
  const number = 1 + random.below(3);
  if (collections.length === 0 || random.below(4) === 0) return { page: 4, number, value: random.boolean() ? Buffer.alloc(0) : uint(0, 8) };
  const collection = pick(random, collections);
  const other = [...pointers].find(([, id]) => id === collection)?.[0];
  return { page: 4, number: other ?? number, value: uint(collection, 8) };
}

function badSet(random: SeededRandom, kind: OsdKind): OsdAttribute {
  const base = PAGE_BASE[kind];
  const bad = [
    { page: base + 1, number: 1, value: uint(7, 8) },
    { page: base + 3, number: 1, value: uint(7, 6) },
    { page: base + 0x7777, number: 1, value: uint(7, 1) },
    { page: (base + 0x30010000) % 0xc0000000, number: 1, value: uint(7, 1) },
    ...(kind === 'user'
      ? [
          { page: 4, number: 3, value: uint(0x99999, 8) },
          { page: 1, number: 0x82, value: uint(7, 4) },
        ]
      : []),
  ];
  return pick(random, bad);
}

function getName(random: SeededRandom, kind: OsdKind): OsdAttributeName {
  const base = PAGE_BASE[kind];
  const own = { page: base + 0x10000 + random.below(2), number: 1 + random.below(3) };
  const others = {
    root: [{ page: base + 1, number: 0xc0 }],
    partition: [
      { page: base + 1, number: 1 },
      { page: base + 1, number: 0xc1 },
      { page: base + 2, number: 1 },
      { page: base + 2, number: 0x10002 },
    ],
    collection: [{ page: base + 1, number: 2 }],
    user: [
      { page: 1, number: 2 },
      { page: 1, number: 0x82 },
      { page: 2, number: 1 },
      { page: 4, number: 1 + random.below(3) },
      { page: 5, number: TAG },
    ],
  } as const;
  return random.boolean() ? own : pick(random, [...others[kind], { page: base + 1, number: 9 }]);
}

export function applySets(model: OsdModel, names: readonly OsdName[], { sets }: AttributePart): void {
  for (const name of names) for (const { page, number, value } of sets) model.set(name, page, number, Buffer.from(value));
}

/** What was got of the objects against what the model has now. */
export function checkGets(model: OsdModel, names: readonly OsdName[], part: AttributePart, answer: OsdModelAnswer | null): void {
  if (answer === null) return;
  if (part.getPage !== null) checkPage(names[0] as OsdName, part.getPage, answer.retrieved);
  if (part.gets.length === 0) return;
  const { retrieved } = answer;
  if (names.length === 1) {
    checkValues(model, names[0] as OsdName, part.gets, decodeAttributes(retrieved));
    return;
  }
  const objects = decodeObjects(retrieved.subarray(8, 8 + retrieved.readUInt32BE(4)));
  assert.equal(
    objects.map(({ id }) => id),
    names.map(({ object }) => object),
    'objects with attributes',
  );
  for (const [index, { attributes }] of objects.entries()) checkValues(model, names[index] as OsdName, part.gets, attributes);
}

function checkPage(name: OsdName, page: number, retrieved: Buffer): void {
  // A page that is not there is the null page.
  assert.is(retrieved.readUInt32BE(0), page === CURRENT_COMMAND ? page : 0xffffffff, 'page');
  if (page !== CURRENT_COMMAND) return;
  assert.is(retrieved.readBigUInt64BE(44), name.partition, 'partition of the current command');
  assert.is(retrieved.readBigUInt64BE(52), name.object, 'object of the current command');
}

export function checkValues(model: OsdModel, name: OsdName, names: readonly OsdAttributeName[], found: ReturnType<typeof decodeAttributes>): void {
  const text = (page: number, number: number, value: Uint8Array | null) =>
    `${page.toString(16)}.${number.toString(16)}=${value === null ? 'none' : Buffer.from(value).toString('hex')}`;
  assert.equal(
    found.map(({ page, number, value }) => text(page, number, value)),
    names.map(({ page, number }) => text(page, number, model.attributeValue(name, page, number))),
    `attributes of ${name.kind} ${name.partition}/${name.object}`,
  );
}
