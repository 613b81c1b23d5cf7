import type { Limits } from '../../../limits.js';
import { DirectoryStore } from './directory-store.js';
import { bootId } from './flushed-metas.js';
import { loadLmdb } from './lmdb.js';
import type { ObjectStore } from './object-store.js';
import { claimDirectory, failingAs, type ObjectStoreClaim, prepareDirectory } from './store-directory.js';

export type { ObjectStoreClaim } from './store-directory.js';

export interface ObjectStoreOptions {
  readonly directory: string;
  readonly limits: Limits;
  /** Capacity that is reported and kept to; null for as much as the file system has. */
  readonly capacityBytes: bigint | null;
  readonly readOnly?: boolean;
  /** False when the caller holds the claim already, on another thread of the process: see `claimObjectStore`. */
  readonly claim?: boolean;
  /** Milliseconds since 1970, for the times of objects. */
  readonly nowMs?: () => number;
  /** What is another after each start of the system; the kernel's boot id when it is missing. */
  readonly boot?: string;
}

/**
 * Keeps other processes out. For a device whose store lives on a thread of its own: the main thread claims, the thread opens with `claim: false`, and a
 * thread that died can be followed by another. Makes the directory when it is not there. Throws `TargetError` as `openObjectStore` does.
 */
export function claimObjectStore(directory: string): ObjectStoreClaim {
  loadLmdb();
  return claimDirectory(directory);
}

/**
 * Opens the store in a directory, or makes one in an empty directory or where nothing is (its parent must be). Throws `TargetError`, and nothing on disk
 * has changed then: `OSD_LMDB_MISSING`, `OSD_NOT_A_STORE` (files of something else), `OSD_VERSION` (written by a newer one), `OSD_IN_USE`, `OSD_CORRUPT`,
 * `OSD_OPEN_FAILED` (the file system).
 */
export function openObjectStore(options: ObjectStoreOptions): ObjectStore {
  const claim = options.claim === false ? null : claimObjectStore(options.directory);
  try {
    loadLmdb();
    const boot = options.boot ?? bootId();
    prepareDirectory(options.directory, boot);
    return failingAs(options.directory, () => new DirectoryStore({ ...options, nowMs: options.nowMs ?? Date.now, boot, claim }));
  } catch (error) {
    claim?.release();
    throw error;
  }
}
