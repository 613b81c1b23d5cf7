import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { TEMPORARY_SUFFIX } from './replace-file.js';
import { decodeStateFile, type KeptValue, STATE_FILE_PATTERN, type StateDocument, stateFileNameOf, type UnitName } from './state-file.js';
import { type StateIo, stateIo } from './state-io.js';
import { StateLock } from './state-lock.js';
import { UnitStateFile } from './unit-state-file.js';

export type { KeptValue } from './state-file.js';

const OWNER_ONLY = 0o700;
const LOCK_NAME = 'lock';

/** What outlives the process: one small file a logical unit, in a directory that one engine holds at a time. */
export class StateDirectory {
  readonly path: string;
  readonly #lock: StateLock;
  readonly #limits: Limits;
  readonly #io: StateIo;
  /** By file name. */
  readonly #documents: ReadonlyMap<string, StateDocument>;
  readonly #files = new Map<string, UnitStateFile>();

  /**
   * Makes the directory if it is not there (its parent must be), locks it and reads every state file in it, those of units that are not served now too:
   * what is damaged shows at the start or not at all. Throws `TargetError`: `STATE_IN_USE`, `STATE_CORRUPT`, `STATE_VERSION`, `STATE_FOREIGN`,
   * `STATE_TOO_LARGE`, or `STATE_OPEN_FAILED` for faults of the file system. No file is changed then.
   */
  static open(path: string, limits: Limits, io: StateIo = stateIo): StateDirectory {
    try {
      makeDirectory(path);
      const lock = StateLock.take(join(path, LOCK_NAME), `the state directory ${path}`);
      try {
        return new StateDirectory(path, limits, io, lock);
      } catch (error) {
        lock.release();
        throw error;
      }
    } catch (error) {
      if (error instanceof TargetError) throw error;
      throw new TargetError('STATE_OPEN_FAILED', `the state directory ${path} cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  private constructor(path: string, limits: Limits, io: StateIo, lock: StateLock) {
    this.path = path;
    this.#limits = limits;
    this.#io = io;
    this.#lock = lock;
    this.#documents = readDocuments(path, limits.stateFileBytesMax);
  }

  /** The state of a logical unit, the same object each time. */
  unitState(target: string, lun: number): UnitStateFile {
    const name: UnitName = { target, lun };
    const fileName = stateFileNameOf(name);
    const present = this.#files.get(fileName);
    if (present !== undefined) return present;
    const sections: ReadonlyMap<string, KeptValue> = this.#documents.get(fileName)?.sections ?? new Map();
    const made = new UnitStateFile({ directory: this.path, name, sections, lengthBytesMax: this.#limits.stateFileBytesMax, io: this.#io });
    this.#files.set(fileName, made);
    return made;
  }

  /** Waits for what is being saved, then lets others in. */
  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.settled()));
    this.#lock.release();
  }

  /** Lets others in at once, when the engine did not come up. */
  abandon(): void {
    this.#lock.release();
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: OWNER_ONLY });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  const fd = openSync(dirname(path), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readDocuments(directory: string, lengthBytesMax: number): Map<string, StateDocument> {
  const names = readdirSync(directory);
  const documents = new Map<string, StateDocument>();
  for (const name of names) {
    if (STATE_FILE_PATTERN.test(name)) documents.set(name, readDocument(join(directory, name), name, lengthBytesMax));
  }
  // Of saves that a crash cut off: what they would have replaced is still there.
  for (const name of names) {
    if (name.endsWith(TEMPORARY_SUFFIX) && STATE_FILE_PATTERN.test(name.slice(0, -TEMPORARY_SUFFIX.length))) unlinkSync(join(directory, name));
  }
  return documents;
}

function readDocument(path: string, name: string, lengthBytesMax: number): StateDocument {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size > lengthBytesMax) {
      throw new TargetError('STATE_TOO_LARGE', `${path} has ${size} bytes, more than limits.stateFileBytesMax (${lengthBytesMax}) allows`);
    }
    return decodeStateFile(readFileSync(fd), path, name);
  } finally {
    closeSync(fd);
  }
}
