import { existsSync, unlinkSync } from 'node:fs';
import { TargetError } from '../errors.js';
import { statTarget } from './file-open.js';
import { openFileStore } from './open-file-store.js';
import { openStore, type StoreOptions, type StoreUse } from './open-store.js';
import { PROTECTION_LENGTH_BYTES, ProtectedStore } from './protected-store.js';
import { openRamStore } from './ram-store.js';
import type { BackingStore } from './store.js';

/** Beside the image of a `file` store. */
const PROTECTION_SUFFIX = '.pi';

type FileOptions = Extract<StoreOptions, { kind: 'file' }>;

/**
 * Opens a store as `openStore` does and one for the protection information of its blocks: memory for `ram`, nothing for `null`, and a file `PATH.pi` beside
 * the image `PATH`, which is created with it and must be there where the image is. Throws `TargetError` as `openStore` does, and for files
 * `STORE_PROTECTION_MISSING`, `STORE_PROTECTION_STALE` or `STORE_PROTECTION_UNSUPPORTED`.
 */
export function openProtectedStore(options: StoreOptions, use: StoreUse): ProtectedStore {
  if (options.kind === 'file') return openProtectedFile(options, use);
  const data = openStore(options, use);
  try {
    return new ProtectedStore(data, openBeside(options, protectionBytesOf(data, use), use), use.blockLengthBytes);
  } catch (error) {
    data.close();
    throw error;
  }
}

function openBeside({ kind }: StoreOptions, sizeBytes: number, { readOnly }: StoreUse): BackingStore {
  const shape = { readOnly, blockLengthBytes: PROTECTION_LENGTH_BYTES };
  return kind === 'ram' ? openRamStore({ sizeBytes, readOnly }) : openStore({ kind: 'null', sizeBytes }, shape);
}

function protectionBytesOf({ sizeBytes }: Pick<BackingStore, 'sizeBytes'>, { blockLengthBytes }: StoreUse): number {
  return Math.floor(sizeBytes / blockLengthBytes) * PROTECTION_LENGTH_BYTES;
}

function openProtectedFile(options: FileOptions, use: StoreUse): ProtectedStore {
  const { path } = options;
  const besidePath = `${path}${PROTECTION_SUFFIX}`;
  const image = statTarget(path);
  if (image?.isBlockDevice() === true) {
    throw new TargetError('STORE_PROTECTION_UNSUPPORTED', `${path} is a device; protection information is kept beside the image, which has to be a file`);
  }
  if (image === null && existsSync(besidePath)) {
    throw new TargetError('STORE_PROTECTION_STALE', `${besidePath} is there and its image ${path} is not; bring the image back, or remove it too`);
  }
  const data = openStore(options, use);
  const sizeBytes = protectionBytesOf(data, use);
  try {
    if (image !== null && !existsSync(besidePath)) {
      const remedy = `to begin with blocks that are not checked, make it with truncate -s ${sizeBytes} ${besidePath}`;
      throw new TargetError('STORE_PROTECTION_MISSING', `${path} has no protection information in ${besidePath}; bring it back, or ${remedy}`);
    }
    // Eight bytes are no sector: through the page cache, also where the image goes around it.
    const beside = openFileStore({ path: besidePath, sizeBytes, direct: false, readOnly: use.readOnly, blockLengthBytes: PROTECTION_LENGTH_BYTES });
    return new ProtectedStore(data, beside, use.blockLengthBytes);
  } catch (error) {
    data.close();
    if (image === null) unlinkSync(path);
    throw error;
  }
}
