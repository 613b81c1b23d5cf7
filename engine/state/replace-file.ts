import { dirname } from 'node:path';
import type { StateIo } from './state-io.js';

/** Where a file is written before it takes its place; what a crash leaves there may be removed. */
export const TEMPORARY_SUFFIX = '.tmp';

/** The old file or the new one is there at any moment, and when this resolves it is the new one, on stable storage. Rejects as `StateIo` does. */
export async function replaceFile(io: StateIo, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  try {
    await io.writeNew(temporary, bytes);
    await io.rename(temporary, path);
  } catch (error) {
    // Else the next save would find a file in its way. When it cannot be removed either, that save says so.
    await io.remove(temporary).catch(() => {});
    throw error;
  }
  await io.syncDirectory(dirname(path));
}
