import { readFileSync, statSync, unlinkSync } from 'node:fs';
import { TargetError } from '../../errors.js';
import type { Limits } from '../../limits.js';
import { replaceFile, TEMPORARY_SUFFIX } from '../../state/replace-file.js';
import { type StateIo, stateIo } from '../../state/state-io.js';
import { StateLock } from '../../state/state-lock.js';
import { decodeLibraryState, encodeLibraryState, type KeptLibrary } from './library-state-file.js';

const LIBRARY_SUFFIX = /\.ya?ml$/i;

/** `lab.lib.yaml` keeps its state in `lab.lib.state`. */
export function statePathOf(libraryPath: string): string {
  return `${libraryPath.replace(LIBRARY_SUFFIX, '')}.state`;
}

/** The state file beside a library file, which one engine holds at a time. */
export class LibraryStore {
  readonly path: string;
  /** What was kept when it was opened; null when nothing was. */
  readonly kept: KeptLibrary | null;
  readonly #lock: StateLock;
  readonly #io: StateIo;
  readonly #lengthBytesMax: number;

  /**
   * Locks and reads the state of a library. Throws `TargetError`: `STATE_IN_USE`, `STATE_CORRUPT`, `STATE_VERSION`, `STATE_FOREIGN`, `STATE_TOO_LARGE`, or
   * `STATE_OPEN_FAILED` for faults of the file system. No file is changed then.
   */
  static open(libraryPath: string, limits: Limits, io: StateIo = stateIo): LibraryStore {
    const path = statePathOf(libraryPath);
    try {
      const lock = StateLock.take(`${path}.lock`, `the library ${libraryPath}`);
      try {
        return new LibraryStore(path, limits.stateFileBytesMax, io, lock);
      } catch (error) {
        lock.release();
        throw error;
      }
    } catch (error) {
      if (error instanceof TargetError) throw error;
      throw new TargetError('STATE_OPEN_FAILED', `the state of the library ${libraryPath} cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  private constructor(path: string, lengthBytesMax: number, io: StateIo, lock: StateLock) {
    this.path = path;
    this.#lengthBytesMax = lengthBytesMax;
    this.#io = io;
    this.#lock = lock;
    this.kept = readKept(path, lengthBytesMax);
  }

  /** Resolves when it is on stable storage. Rejects with `TargetError` `STATE_SAVE_FAILED` or `STATE_TOO_LARGE`; what was kept before still is then. */
  async save(kept: KeptLibrary): Promise<void> {
    const bytes = encodeLibraryState(kept);
    if (bytes.length > this.#lengthBytesMax) throw tooLarge(this.path, bytes.length, this.#lengthBytesMax);
    try {
      await replaceFile(this.#io, this.path, bytes);
    } catch (error) {
      throw new TargetError('STATE_SAVE_FAILED', `${this.path} could not be written: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }

  /** Lets others in. */
  close(): void {
    this.#lock.release();
  }
}

function readKept(path: string, lengthBytesMax: number): KeptLibrary | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && stats.size > lengthBytesMax) throw tooLarge(path, stats.size, lengthBytesMax);
  const kept = stats === undefined ? null : decodeLibraryState(readFileSync(path), path);
  // Of a save that a crash cut off: what it would have replaced has just been read.
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  if (statSync(temporary, { throwIfNoEntry: false }) !== undefined) unlinkSync(temporary);
  return kept;
}

function tooLarge(path: string, lengthBytes: number, lengthBytesMax: number): TargetError {
  return new TargetError('STATE_TOO_LARGE', `${path} would have ${lengthBytes} bytes, more than limits.stateFileBytesMax (${lengthBytesMax}) allows`);
}
