import { createHash } from 'node:crypto';

export type OsdKind = 'root' | 'partition' | 'collection' | 'user';
export interface OsdName {
  readonly kind: OsdKind;
  readonly partition: bigint;
  readonly object: bigint;
}

/** Keys are `page.number` in hexadecimal. */
export type Attributes = Map<string, Buffer>;

export interface ModelObject {
  readonly kind: 'user' | 'collection';
  bytes: Buffer;
  readonly attributes: Attributes;
  /** Of a user object: collection by attribute number. */
  readonly pointers: Map<number, bigint>;
  lengthMax: bigint;
}

export interface ModelPartition {
  readonly attributes: Attributes;
  readonly objects: Map<bigint, ModelObject>;
  lengthMax: bigint;
  countMax: bigint;
}

export const PAGE_BASE: Readonly<Record<OsdKind, number>> = { user: 0, partition: 0x30000000, collection: 0x60000000, root: 0x90000000 };
export const NO_QUOTA = 2n ** 64n - 1n;
export const ROOT: OsdName = { kind: 'root', partition: 0n, object: 0n };
const TAG = 0x40000001;

export const keyOf = (page: number, number: number) => `${page.toString(16)}.${number.toString(16)}`;
export const uint = (value: bigint | number, lengthBytes: number) =>
  Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(2 * lengthBytes, '0'),
    'hex',
  );

/** What an object storage device has to hold: maps of bytes and attributes. */
export class OsdModel {
  readonly partitions = new Map<bigint, ModelPartition>();
  readonly attributes: Attributes = new Map();

  copy(): OsdModel {
    const copy = new OsdModel();
    for (const [key, value] of this.attributes) copy.attributes.set(key, value);
    for (const [id, partition] of this.partitions) {
      const objects = new Map([...partition.objects].map(([object, model]) => [object, copyOf(model)]));
      copy.partitions.set(id, { ...partition, attributes: new Map(partition.attributes), objects });
    }
    return copy;
  }

  partition(id: bigint): ModelPartition {
    return this.partitions.get(id) as ModelPartition;
  }

  object({ partition, object }: { readonly partition: bigint; readonly object: bigint }): ModelObject {
    return this.partition(partition).objects.get(object) as ModelObject;
  }

  addPartition(id: bigint): void {
    this.partitions.set(id, { attributes: new Map(), objects: new Map(), lengthMax: NO_QUOTA, countMax: NO_QUOTA });
  }

  addObject(kind: 'user' | 'collection', partition: bigint, object: bigint): void {
    this.partition(partition).objects.set(object, { kind, bytes: Buffer.alloc(0), attributes: new Map(), pointers: new Map(), lengthMax: NO_QUOTA });
  }

  removeObject({ partition, object }: OsdName): void {
    const { objects } = this.partition(partition);
    objects.delete(object);
    for (const { pointers } of objects.values()) for (const [number, collection] of pointers) if (collection === object) pointers.delete(number);
  }

  members({ partition, object }: { readonly partition: bigint; readonly object: bigint }): bigint[] {
    return this.ids(partition, 'user').filter((id) => [...this.object({ partition, object: id }).pointers.values()].includes(object));
  }

  ids(partition: bigint, kind: 'user' | 'collection'): bigint[] {
    return [...this.partition(partition).objects].flatMap(([id, object]) => (object.kind === kind ? [id] : [])).sort(byNumber);
  }

  get partitionIds(): bigint[] {
    return [...this.partitions.keys()].sort(byNumber);
  }

  /** Bytes that the object may have. */
  lengthMax(name: OsdName): bigint {
    const own = this.object(name).lengthMax;
    return own === NO_QUOTA ? this.partition(name.partition).lengthMax : own;
  }

  /** Joins the collection by the lowest number that is free. */
  join(name: { readonly partition: bigint; readonly object: bigint }, collection: bigint): void {
    const { pointers } = this.object(name);
    if ([...pointers.values()].includes(collection)) return;
    let number = 1;
    while (pointers.has(number)) number++;
    pointers.set(number, collection);
  }

  attributesOf(name: OsdName): Attributes {
    if (name.kind === 'root') return this.attributes;
    return name.kind === 'partition' ? this.partition(name.partition).attributes : this.object(name).attributes;
  }

  /** The value that an attribute must have, null for none. */
  attributeValue(name: OsdName, page: number, number: number): Buffer | null {
    const offset = page - PAGE_BASE[name.kind];
    const stored = this.attributesOf(name).get(keyOf(page, number)) ?? null;
    if (offset === 1) return this.#information(name, number) ?? stored;
    if (offset === 2) return this.#quota(name, number);
    if (offset === 4 && name.kind === 'user') {
      const collection = this.object(name).pointers.get(number);
      return collection === undefined ? null : uint(collection, 8);
    }
    return offset === 5 && number === TAG ? (stored ?? Buffer.alloc(4)) : stored;
  }

  #information(name: OsdName, number: number): Buffer | null {
    const { kind, partition, object } = name;
    if (kind === 'root')
      return number === 0xc0 ? uint(this.partitions.size, 8) : number === 9 ? (this.attributes.get(keyOf(0x90000001, 9)) ?? Buffer.alloc(0)) : null;
    if (number === 1) return uint(partition, 8);
    if (kind === 'partition') return number === 0xc1 ? uint(this.partition(partition).objects.size, 8) : null;
    if (number === 2) return uint(object, 8);
    return number === 0x82 && kind === 'user' ? uint(this.object(name).bytes.length, 8) : null;
  }

  #quota(name: OsdName, number: number): Buffer | null {
    if (name.kind === 'user') return number === 1 ? uint(this.object(name).lengthMax, 8) : null;
    if (name.kind !== 'partition') return null;
    const { lengthMax, countMax } = this.partition(name.partition);
    return number === 1 ? uint(lengthMax, 8) : number === 0x10002 ? uint(countMax, 8) : null;
  }

  set(name: OsdName, page: number, number: number, value: Buffer): void {
    const offset = page - PAGE_BASE[name.kind];
    if (offset === 1 && number === 0x82) this.resize(name, Number(value.readBigUInt64BE()));
    else if (offset === 2) this.#setQuota(name, number, value.readBigUInt64BE());
    else if (offset === 4) this.#setPointer(name, number, value);
    // A tag is zero until it is set.
    else if (value.length === 0 || (offset === 5 && value.every((byte) => byte === 0))) this.attributesOf(name).delete(keyOf(page, number));
    else this.attributesOf(name).set(keyOf(page, number), value);
  }

  #setQuota(name: OsdName, number: number, value: bigint): void {
    if (name.kind === 'user') this.object(name).lengthMax = value;
    else if (number === 1) this.partition(name.partition).lengthMax = value;
    else this.partition(name.partition).countMax = value;
  }

  #setPointer(name: OsdName, number: number, value: Buffer): void {
    const { pointers } = this.object(name);
    if (value.length === 0 || value.readBigUInt64BE() === 0n) pointers.delete(number);
    else pointers.set(number, value.readBigUInt64BE());
  }

  resize(name: OsdName, length: number): void {
    const object = this.object(name);
    const bytes = Buffer.alloc(length);
    object.bytes.copy(bytes);
    object.bytes = bytes;
  }

  write(name: OsdName, offset: number, data: Buffer): void {
    if (data.length === 0) return;
    if (offset + data.length > this.object(name).bytes.length) this.resize(name, offset + data.length);
    const bytes = Buffer.from(this.object(name).bytes);
    data.copy(bytes, offset);
    this.object(name).bytes = bytes;
  }

  /** One line for all that can be told of each object, to be compared. */
  lines(): string[] {
    const lines = [`root ${textOf(this.attributes)}`];
    for (const id of this.partitionIds) {
      const partition = this.partition(id);
      lines.push(`partition ${id} ${partition.lengthMax} ${partition.countMax} ${textOf(partition.attributes)}`);
      for (const object of [...partition.objects.keys()].sort(byNumber)) {
        const { kind, bytes, attributes, pointers, lengthMax } = this.object({ partition: id, object });
        const text = [...pointers].sort(([a], [b]) => a - b).map(([number, collection]) => `${number}>${collection}`);
        const hash = createHash('sha1').update(bytes).digest('hex').slice(0, 12);
        lines.push(`${kind} ${id}/${object} ${bytes.length}:${hash} ${lengthMax} [${text}] ${textOf(attributes)}`);
      }
    }
    return lines;
  }
}

function copyOf(object: ModelObject): ModelObject {
  return { ...object, attributes: new Map(object.attributes), pointers: new Map(object.pointers) };
}

export function byNumber(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function textOf(attributes: Attributes): string {
  return [...attributes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value.toString('hex')}`)
    .join(' ');
}
