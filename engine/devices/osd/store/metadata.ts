import { chmodSync, closeSync, fdatasyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../../errors.js';
import { FlushedMetas, PAGE_BYTES } from './flushed-metas.js';
import { type LmdbEnvironment, type LmdbReadTransaction, type LmdbTable, loadLmdb, UNSYNCED_COMMIT } from './lmdb.js';
import { ObjectStoreFault } from './object-store-fault.js';
import { asStoreFault } from './store-faults.js';

export const ENVIRONMENT_NAME = 'data.mdb';
export const METAS_NAME = 'flushed';
const LOCK_NAME = 'lock.mdb';
const OWNER_ONLY = 0o600;

/** The tables; docs/devices/osd-format.md says what is in them. */
const tableNames = ['system', 'objects', 'attributes', 'members', 'memberships', 'dirty', 'cleanup', 'keys'] as const;
export type TableName = (typeof tableNames)[number];

export interface MetadataOptions {
  /** The folder of the environment. */
  readonly directory: string;
  readonly readOnly: boolean;
  /** Address space that is taken at once; LMDB takes more when it is full. */
  readonly mapBytes: number;
  readonly boot: string;
}

/**
 * The LMDB environment: transactions that commit without waiting for the disk, and a `sync` that does.
 *
 * A commit hands its pages to the system, so `kill -9` takes nothing of it. What a loss of power leaves is the state of the last `sync`: its meta pages
 * are kept apart, and a read transaction keeps LMDB from using its pages again until the next one.
 */
export class Metadata {
  readonly tables: Readonly<Record<TableName, LmdbTable>>;
  readonly #environment: LmdbEnvironment;
  readonly #readOnly: boolean;
  readonly #environmentFd: number;
  readonly #metas: FlushedMetas | null;
  #flushedSnapshot: LmdbReadTransaction | null = null;
  /** Commits since the last `sync`; one before the first. */
  #unsyncedCount = 1;
  #isOpen = false;
  #beforeCommit: () => void = () => {};
  #onCommit: (() => void)[] = [];
  #onRollback: (() => void)[] = [];

  constructor({ directory, readOnly, mapBytes, boot }: MetadataOptions) {
    this.#readOnly = readOnly;
    this.#environment = loadLmdb().open({
      path: directory,
      encoding: 'binary',
      keyEncoding: 'binary',
      noSubdir: false,
      overlappingSync: false,
      pageSize: PAGE_BYTES,
      mapSize: mapBytes,
      maxDbs: tableNames.length + 1,
      readOnly,
    });
    const tables = tableNames.map((name) => [name, this.#environment.openDB({ name, encoding: 'binary', keyEncoding: 'binary' })]);
    this.tables = Object.fromEntries(tables) as Record<TableName, LmdbTable>;
    // LMDB makes its files readable for all; there are keys in them.
    if (!readOnly) for (const name of [ENVIRONMENT_NAME, LOCK_NAME]) chmodSync(join(directory, name), OWNER_ONLY);
    this.#environmentFd = openSync(join(directory, ENVIRONMENT_NAME), 'r');
    this.#metas = readOnly ? null : new FlushedMetas(join(directory, METAS_NAME), boot);
  }

  /** What the environment's file has and no table uses: LMDB writes there before it makes the file longer. About. */
  unusedBytes(): number {
    const stats = tableNames.map((name) => this.tables[name].getStats());
    const usedCount = stats.reduce((sum, { treeBranchPageCount, treeLeafPageCount, overflowPages }) => {
      return sum + treeBranchPageCount + treeLeafPageCount + overflowPages;
    }, 0);
    return Math.max(0, (stats[0]?.lastPageNumber ?? 0) - usedCount) * PAGE_BYTES;
  }

  get isInTransaction(): boolean {
    return this.#isOpen;
  }

  get unsyncedCount(): number {
    return this.#unsyncedCount;
  }

  /** Runs `work` in the running transaction, or in one of its own. What it throws undoes all of it, and comes out as a fault where it is one. */
  transaction<T>(work: () => T): T {
    if (this.#isOpen) return work();
    if (this.#readOnly) throw new ObjectStoreFault('read-only', 'the store was opened to be read only');
    let result: { readonly value: T } | null = null;
    this.#isOpen = true;
    try {
      this.#environment.transactionSync(() => {
        result = { value: work() };
        this.#beforeCommit();
      }, UNSYNCED_COMMIT);
      this.#unsyncedCount++;
    } catch (error) {
      this.#isOpen = false;
      this.#runHooks(this.#onRollback);
      throw asStoreFault(error);
    }
    this.#isOpen = false;
    this.#runHooks(this.#onCommit);
    assert(result !== null, 'a transaction that did not throw has a result');
    return (result as { readonly value: T }).value;
  }

  /** Runs `work`, which only reads, with faults as faults. */
  read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asStoreFault(error);
    }
  }

  /** `action` runs at the end of every transaction, when it may still write and fail. */
  beforeCommit(action: () => void): void {
    this.#beforeCommit = action;
  }

  /** Each runs once, behind the running transaction. */
  onCommit(action: () => void): void {
    this.#onCommit.push(action);
  }

  onRollback(action: () => void): void {
    this.#onRollback.push(action);
  }

  /** All that was committed is on stable storage when it returns. Not in a transaction. */
  sync(): void {
    assert(!this.#isOpen, 'metadata are synced outside of transactions');
    if (this.#unsyncedCount === 0 || this.#metas === null) return;
    try {
      fdatasyncSync(this.#environmentFd);
      this.#metas.save(this.#environmentFd);
    } catch (error) {
      throw asStoreFault(error);
    }
    this.#flushedSnapshot?.done();
    this.#environment.resetReadTxn();
    this.#flushedSnapshot = this.#environment.useReadTransaction();
    this.#unsyncedCount = 0;
  }

  /** Without a flush: the caller did that, or must not write. */
  close(): void {
    this.#flushedSnapshot?.done();
    this.#flushedSnapshot = null;
    closeSync(this.#environmentFd);
    this.#metas?.close();
    // Without asynchronous writes there is nothing that it would wait for.
    void this.#environment.close();
  }

  #runHooks(hooks: readonly (() => void)[]): void {
    this.#onCommit = [];
    this.#onRollback = [];
    for (const hook of hooks) hook();
  }
}
