import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TargetError } from '../../../errors.js';
import type { RecordingState } from './recording-state.js';
import { decodeSidecar, encodeSidecar } from './sidecar.js';

const OWNER_ONLY = 0o600;

/** What the file says, or null where there is none. Throws what `decodeSidecar` throws, and `DISC_RECORD_UNREADABLE`. */
export async function readSidecar(path: string, lengthBytesMax: number): Promise<RecordingState | null> {
  let bytes: Uint8Array;
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > lengthBytesMax) throw new TargetError('DISC_RECORD_FOREIGN', `${path} is no record of a disc: it has ${size} bytes`);
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TargetError) throw error;
    if (codeOf(error) === 'ENOENT') return null;
    throw new TargetError('DISC_RECORD_UNREADABLE', `${path} cannot be read (${codeOf(error)})`, { cause: error });
  }
  return decodeSidecar(bytes, path);
}

/**
 * Puts the state in the place of what was there: whoever reads finds the one or the other, whole, whatever happens meanwhile. Resolves when it is on stable
 * storage. Rejects with `TargetError` `DISC_RECORD_UNWRITABLE`; what was there is there still.
 */
export async function writeSidecar(path: string, state: RecordingState): Promise<void> {
  const next = `${path}.new`;
  try {
    await rm(next, { force: true });
    await writeNew(next, encodeSidecar(state));
    await rename(next, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw new TargetError('DISC_RECORD_UNWRITABLE', `${path} cannot be written (${codeOf(error)})`, { cause: error });
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', OWNER_ONLY);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems make names durable by themselves and refuse.
    if (codeOf(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
