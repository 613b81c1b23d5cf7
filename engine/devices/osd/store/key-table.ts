import { assert } from '../../../errors.js';
import type { Limits } from '../../../limits.js';
import type { Metadata } from './metadata.js';
import { ObjectStoreFault } from './object-store-fault.js';

const NAME_BYTES_MAX = 128;
const VALUE_BYTES_MAX = 4096;

/** The table `keys`: security keys with what belongs to them, opaque here. */
export class KeyTable {
  readonly #metadata: Metadata;
  readonly #limits: Limits;

  constructor(metadata: Metadata, limits: Limits) {
    this.#metadata = metadata;
    this.#limits = limits;
  }

  get(keyName: string): Buffer | null {
    return this.#metadata.tables.keys.getBinary(rowKey(keyName)) ?? null;
  }

  set(keyName: string, value: Uint8Array | null): void {
    const key = rowKey(keyName);
    if (value === null) {
      this.#metadata.tables.keys.removeSync(key);
      return;
    }
    assert(value.length > 0 && value.length <= VALUE_BYTES_MAX, 'a key is a small record');
    const isNew = this.#metadata.tables.keys.getBinary(key) === undefined;
    if (isNew && this.names().length >= this.#limits.osdKeyCountMax) {
      throw new ObjectStoreFault('limit', `the device keeps at most ${this.#limits.osdKeyCountMax} keys`, { limit: 'osdKeyCountMax' });
    }
    this.#metadata.tables.keys.putSync(key, Buffer.from(value));
  }

  names(): string[] {
    return Array.from(this.#metadata.tables.keys.getKeys({ start: Buffer.of(0) }), (key) => Buffer.from(key).toString('utf8'));
  }

  removeUnless(keep: (keyName: string) => boolean): void {
    for (const name of this.names()) if (!keep(name)) this.set(name, null);
  }
}

function rowKey(keyName: string): Buffer {
  const key = Buffer.from(keyName, 'utf8');
  assert(key.length > 0 && key.length <= NAME_BYTES_MAX, 'the name of a key is short');
  return key;
}
