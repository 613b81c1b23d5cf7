import { open, rename, unlink } from 'node:fs/promises';

/** What keeping state asks of the file system, so that tests can make it fail. Each rejects as `node:fs/promises` does. */
export interface StateIo {
  /** A new file with these bytes on stable storage; it must not be there. */
  writeNew(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names in a directory durable: a rename is not before that. */
  syncDirectory(path: string): Promise<void>;
}

const OWNER_ONLY = 0o600;

export const stateIo: StateIo = {
  async writeNew(path, bytes) {
    const handle = await open(path, 'wx', OWNER_ONLY);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  rename,
  remove: unlink,
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
