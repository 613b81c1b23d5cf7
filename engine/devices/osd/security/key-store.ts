import type { ObjectStore } from '../store/object-store.js';

/** A key with the half that makes the keys below it; working keys have none of that. OSD-2 "Security keys". */
export interface SecretKey {
  /** 20 bytes each: HMAC-SHA1. */
  readonly authentication: Uint8Array;
  readonly generation: Uint8Array;
  /** Seven bytes that say which key this is, set with it. */
  readonly identifier: Uint8Array;
}

export const KEY_LENGTH = 20;
export const KEY_IDENTIFIER_LENGTH = 7;
export const WORKING_KEY_COUNT = 16;

export const keyName = {
  master: 'security/master',
  root: 'security/root',
  partition: (partitionId: bigint) => `security/partition/${partitionId.toString(16)}`,
  working: (partitionId: bigint, version: number) => `security/working/${partitionId.toString(16)}/${version.toString(16)}`,
} as const;

/** Keys lie in the store as the two halves and the identifier, 47 bytes. */
export class KeyStore {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  get(name: string): SecretKey | null {
    const bytes = this.#store.key(name);
    if (bytes === null || bytes.length !== 2 * KEY_LENGTH + KEY_IDENTIFIER_LENGTH) return null;
    return { authentication: bytes.slice(0, KEY_LENGTH), generation: bytes.slice(KEY_LENGTH, 2 * KEY_LENGTH), identifier: bytes.slice(2 * KEY_LENGTH) };
  }

  set(name: string, key: SecretKey | null): void {
    this.#store.setKey(name, key === null ? null : Buffer.concat([key.authentication, key.generation, key.identifier]));
  }

  /** A partition that is removed takes its keys with it, and one whose partition key changes its working keys. */
  forgetPartition(partitionId: bigint, what: 'all' | 'working'): void {
    if (what === 'all') this.#forget(keyName.partition(partitionId));
    for (let version = 0; version < WORKING_KEY_COUNT; version++) this.#forget(keyName.working(partitionId, version));
  }

  #forget(name: string): void {
    if (this.#store.key(name) !== null) this.#store.setKey(name, null);
  }
}
