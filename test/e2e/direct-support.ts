import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import { openFileStore } from '../../engine/store/open-file-store.js';

const SIZE_BYTES = 1024 * 1024;

/** Whether the file system of the temporary folder takes O_DIRECT with blocks of this length; tmpfs does not everywhere. */
export function directIsSupported(blockLengthBytes: number): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-direct-'));
  try {
    openFileStore({ path: join(folder, 'probe'), sizeBytes: SIZE_BYTES, direct: true, readOnly: false, blockLengthBytes }).close();
    return true;
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
