import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TargetError } from '../../../errors.js';
import { StateLock } from '../../../state/state-lock.js';
import { syncFolder } from './data-files.js';
import { restoreAfterPowerLoss } from './flushed-metas.js';
import { ENVIRONMENT_NAME, METAS_NAME } from './metadata.js';

/** The layout is described in docs/devices/osd-format.md. */
const LOCK_NAME = 'lock';
const VERSION_NAME = 'version';
const VERSION_DRAFT = 'version.tmp';
const VERSION = 1;
const VERSION_TEXT = /^lunloom object store\nversion ([0-9]{1,9})\n$/;
const VERSION_BYTES_MAX = 64;
export const METADATA_FOLDER = 'meta';
/** What a directory may have in it that is not a store yet: an engine was stopped while it made one. */
const OF_A_BEGINNING = /^(?:version\.tmp|lock(?:\..*)?)$/;
const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/** Holds a store's directory for this process. */
export interface ObjectStoreClaim {
  release(): void;
}

/** Makes the directory when it is not there, and keeps other processes out. Throws `TargetError`. */
export function claimDirectory(directory: string): ObjectStoreClaim {
  return failingAs(directory, () => {
    makeDirectory(directory);
    checkDirectory(directory);
    try {
      return StateLock.take(join(directory, LOCK_NAME), `the object store ${directory}`);
    } catch (cause) {
      if (cause instanceof TargetError) throw new TargetError('OSD_IN_USE', cause.message, { cause });
      throw cause;
    }
  });
}

/** A directory that is claimed: makes it a store, or puts it back to its last flush after a loss of power. Throws `TargetError`. */
export function prepareDirectory(directory: string, boot: string): void {
  failingAs(directory, () => {
    if (!checkDirectory(directory)) writeVersion(directory);
    const folder = join(directory, METADATA_FOLDER);
    const metas = join(folder, METAS_NAME);
    if (isThere(metas)) return restoreAfterPowerLoss(metas, join(folder, ENVIRONMENT_NAME), boot);
    // Either it was never finished, and nothing was ever written to it, or its heart was taken out.
    if (hasData(directory)) throw new TargetError('OSD_CORRUPT', `the object store ${directory} has objects but ${METADATA_FOLDER}/${METAS_NAME} is missing`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: OWNER_ONLY_FOLDER });
    syncFolder(directory);
  });
}

/** Faults of the file system as `OSD_OPEN_FAILED`. */
export function failingAs<T>(directory: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TargetError) throw error;
    throw new TargetError('OSD_OPEN_FAILED', `the object store ${directory} cannot be opened: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether it is a store; false when it may become one. */
function checkDirectory(directory: string): boolean {
  if (!statSync(directory).isDirectory()) throw new TargetError('OSD_NOT_A_STORE', `${directory} is no directory; an object store is one`);
  const names = readdirSync(directory);
  if (names.includes(VERSION_NAME)) {
    checkVersion(directory);
    return true;
  }
  const foreign = names.find((name) => !OF_A_BEGINNING.test(name));
  if (foreign === undefined) return false;
  throw new TargetError('OSD_NOT_A_STORE', `${directory} is no object store but has ${foreign} in it; name an empty directory, or one that is not there`);
}

function checkVersion(directory: string): void {
  const path = join(directory, VERSION_NAME);
  const isSmall = statSync(path).isFile() && statSync(path).size <= VERSION_BYTES_MAX;
  const found = VERSION_TEXT.exec(isSmall ? readFileSync(path, 'latin1') : '');
  if (found === null)
    throw new TargetError(
      'OSD_NOT_A_STORE',
      `${path} is not that of an object store: it has to say "lunloom object store" and, on another line, "version ${VERSION}"`,
    );
  const version = Number(found[1]);
  if (version > VERSION) {
    throw new TargetError('OSD_VERSION', `the object store ${directory} has version ${version}, this Lunloom knows up to ${VERSION}: use a newer one`);
  }
  if (version < 1) throw new TargetError('OSD_CORRUPT', `${path} names version ${version}, which never was`);
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: OWNER_ONLY_FOLDER });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  syncFolder(dirname(resolve(directory)));
}

function writeVersion(directory: string): void {
  const draft = join(directory, VERSION_DRAFT);
  const fd = openSync(draft, 'w', OWNER_ONLY);
  try {
    writeSync(fd, `lunloom object store\nversion ${VERSION}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, join(directory, VERSION_NAME));
  syncFolder(directory);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Whether there are files of objects. The folder itself is made before the metadata are flushed for the first time. */
function hasData(directory: string): boolean {
  return readdirSync(directory).some((name) => name.startsWith('data.') && readdirSync(join(directory, name)).length > 0);
}
