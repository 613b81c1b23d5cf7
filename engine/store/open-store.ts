import { TargetError } from '../errors.js';
import { openNullStore } from './null-store.js';
import { openFileStore } from './open-file-store.js';
import { openRamStore } from './ram-store.js';
import type { BackingStore } from './store.js';

/** What the configuration says of a store. */
export type StoreOptions =
  | { readonly kind: 'ram'; readonly sizeBytes: number }
  | { readonly kind: 'null'; readonly sizeBytes: number }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes?: number; readonly direct: boolean };

/** What the logical unit that will own the store says of it. */
export interface StoreUse {
  readonly readOnly: boolean;
  readonly blockLengthBytes: number;
  /** `transferLengthBytesMax` of the engine. */
  readonly transferLengthBytesMax?: number;
  /** Space that a thin unit may take, less than its size: what goes beyond is `StoreFault.noSpace`. */
  readonly spaceBytes?: number;
}

/** Opens a store on the main thread; workers get `descriptor` and `attachStore`. Throws `TargetError` `STORE_…`, see the stores. */
export function openStore(options: StoreOptions, use: StoreUse): BackingStore {
  const { readOnly, blockLengthBytes, transferLengthBytesMax, spaceBytes } = use;
  const shape = { readOnly, blockLengthBytes, ...(spaceBytes !== undefined && { spaceBytes }) };
  switch (options.kind) {
    case 'ram':
      return openRamStore({ sizeBytes: options.sizeBytes, ...shape });
    case 'null':
      if (spaceBytes !== undefined) throw new TargetError('STORE_SPACE_INVALID', 'a null store takes no space, so there is none to bound');
      return openNullStore({ sizeBytes: options.sizeBytes, ...shape, ...(transferLengthBytesMax !== undefined && { zeroesBytes: transferLengthBytesMax }) });
    case 'file':
      return openFileStore({ ...options, ...shape });
  }
}
