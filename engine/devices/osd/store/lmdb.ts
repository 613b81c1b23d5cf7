import { createRequire } from 'node:module';
import { TargetError } from '../../../errors.js';

/**
 * What we use of the optional package `lmdb`. Its own types come with it and it may be missing, so they are said here again, as narrow as we need them:
 * keys and values are bytes, and every write stands in a synchronous transaction.
 */
export interface LmdbEnvironment extends LmdbTable {
  openDB(options: { readonly name: string; readonly encoding: 'binary'; readonly keyEncoding: 'binary' }): LmdbTable;
  transactionSync<T>(action: () => T, flags: number): T;
  useReadTransaction(): LmdbReadTransaction;
  resetReadTxn(): void;
  close(): Promise<void>;
}

export interface LmdbTable {
  getBinary(key: Uint8Array): Buffer | undefined;
  putSync(key: Uint8Array, value: Uint8Array): void;
  removeSync(key: Uint8Array): boolean;
  clearSync(): void;
  getStats(): LmdbStats;
  getKeys(range: LmdbRange): Iterable<Uint8Array>;
  getRange(range: LmdbRange): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
}

export interface LmdbStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  /** Of the environment. */
  readonly lastPageNumber: number;
}

export interface LmdbReadTransaction {
  /** Lets the snapshot go. */
  done(): void;
}

/** From `start` (inclusive) to `end` (exclusive). */
export interface LmdbRange {
  readonly start: Uint8Array;
  readonly end?: Uint8Array;
  readonly limit?: number;
}

export interface LmdbModule {
  open(options: {
    readonly path: string;
    readonly encoding: 'binary';
    readonly keyEncoding: 'binary';
    readonly noSubdir: boolean;
    readonly overlappingSync: boolean;
    readonly pageSize: number;
    readonly mapSize: number;
    readonly maxDbs: number;
    readonly readOnly: boolean;
  }): LmdbEnvironment;
}

/**
 * Flags of `transactionSync`: abortable (1), committed when it returns (2), and MDB_NOSYNC (10000h). Without the last one each commit would wait for the
 * disk; when metadata reach it is decided by `Metadata.sync`.
 */
export const UNSYNCED_COMMIT = 0x10003;

let loaded: LmdbModule | null = null;

/** Loaded when the first store is opened. Throws `TargetError` `OSD_LMDB_MISSING`. */
export function loadLmdb(): LmdbModule {
  if (loaded !== null) return loaded;
  try {
    loaded = createRequire(import.meta.url)('lmdb') as LmdbModule;
    return loaded;
  } catch (cause) {
    throw new TargetError('OSD_LMDB_MISSING', 'object storage keeps its metadata in LMDB: install the optional package lmdb (npm install lmdb)', { cause });
  }
}
