import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectFault, ObjectStore } from '../../../../../engine/devices/osd/store/object-store.js';
import { ObjectStoreFault } from '../../../../../engine/devices/osd/store/object-store.js';
import { type ObjectStoreOptions, openObjectStore } from '../../../../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../../../../engine/limits.js';

/** A store in a folder of its own. */
export class StoreFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-'));
  readonly directory = join(this.folder, 'store');
  nowMs = 1_000_000;
  store: ObjectStore;

  constructor(options: Partial<ObjectStoreOptions> = {}) {
    this.store = this.#open(options);
  }

  reopen(options: Partial<ObjectStoreOptions> = {}): void {
    this.store.close();
    this.store = this.#open(options);
  }

  remove(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true });
  }

  #open(options: Partial<ObjectStoreOptions>): ObjectStore {
    return openObjectStore({ directory: this.directory, limits: defaultLimits, capacityBytes: null, nowMs: () => this.nowMs, ...options });
  }
}

/** Runs `work` with a new store that is removed behind it. */
export function withStore(work: (fixture: StoreFixture) => void, options: Partial<ObjectStoreOptions> = {}): () => void {
  return () => {
    const fixture = new StoreFixture(options);
    try {
      work(fixture);
    } finally {
      fixture.remove();
    }
  };
}

export function isFault(fault: ObjectFault): (error: unknown) => boolean {
  return (error) => error instanceof ObjectStoreFault && error.fault === fault;
}

export const P = 0x10000n;

/** A partition P with a user object; answers the object's name. */
export function makeObject(store: ObjectStore): { readonly partitionId: bigint; readonly objectId: bigint } {
  store.createPartition(P);
  return { partitionId: P, objectId: store.createUserObjects(P, null, 1) };
}
