import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { nativeCalls } from '../../../store/native.js';

const STAT_BLOCK_BYTES = 512;
const COPY_BYTES = 1024 * 1024;
const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
/** Files of a folder, and folders of a folder: either stays small however many objects there are. */
const FILES_PER_FOLDER = 1024;
const FOLDERS_PER_FOLDER = 1024;
const NAME_DIGITS = 14;

export interface DataFilesOptions {
  readonly storeDirectory: string;
  readonly generation: number;
  /** Files that are kept open. */
  readonly openCountMax: number;
  readonly readOnly: boolean;
}

/**
 * One file an object that has bytes, named by a number that is never used again before it was flushed that it is free:
 * `data.GENERATION/AAA/BBB/NNNNNNNNNNNNNN`. Holes of the file are holes of the object.
 */
export class DataFiles {
  readonly #storeDirectory: string;
  readonly #openCountMax: number;
  /** In order of use: the first was not used for the longest time. */
  readonly #open = new Map<number, number>();
  readonly #access: 'r' | 'r+';
  #directory: string;

  constructor({ storeDirectory, generation, openCountMax, readOnly }: DataFilesOptions) {
    this.#storeDirectory = storeDirectory;
    this.#openCountMax = openCountMax;
    this.#access = readOnly ? 'r' : 'r+';
    this.#directory = join(storeDirectory, folderOfGeneration(generation));
  }

  /** All files from now on are of another generation; its folder is made. */
  switchTo(generation: number): void {
    this.closeAll();
    this.#directory = join(this.#storeDirectory, folderOfGeneration(generation));
  }

  makeDirectory(generation: number): void {
    mkdirSync(join(this.#storeDirectory, folderOfGeneration(generation)), { recursive: true, mode: OWNER_ONLY_FOLDER });
    syncFolder(this.#storeDirectory);
  }

  /** An empty file, whatever was there under that number. */
  create(fileId: number): void {
    const path = this.#pathOf(fileId);
    this.#close(fileId);
    let fd: number;
    try {
      fd = openSync(path, 'w+', OWNER_ONLY_FILE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
      fd = openSync(path, 'w+', OWNER_ONLY_FILE);
    }
    this.#keep(fileId, fd);
  }

  /** Makes the file when it is not there: after a loss of power one that was never flushed may be missing. */
  createMissing(fileId: number): void {
    try {
      this.#fdOf(fileId);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.create(fileId);
    }
  }

  /** Fills `into`; what the file does not have reads as zeros. */
  read(fileId: number, positionBytes: number, into: Uint8Array): void {
    const fd = this.#fdOf(fileId);
    let done = 0;
    while (done < into.length) {
      const count = readSync(fd, into, done, into.length - done, positionBytes + done);
      if (count === 0) break;
      done += count;
    }
    into.fill(0, done);
  }

  write(fileId: number, positionBytes: number, data: Uint8Array): void {
    const fd = this.#fdOf(fileId);
    for (let done = 0; done < data.length; ) done += writeSync(fd, data, done, data.length - done, positionBytes + done);
  }

  sizeBytes(fileId: number): number {
    return fstatSync(this.#fdOf(fileId)).size;
  }

  occupiedBytes(fileId: number): number {
    return fstatSync(this.#fdOf(fileId)).blocks * STAT_BLOCK_BYTES;
  }

  /** What lies behind `lengthBytes` is nobody's, and would show where the object grows over it. */
  cut(fileId: number, lengthBytes: number): void {
    const fd = this.#fdOf(fileId);
    if (fstatSync(fd).size > lengthBytes) ftruncateSync(fd, lengthBytes);
  }

  /** Makes a hole, or writes zeros where there can be none. Only as far as the file reaches. */
  zero(fileId: number, positionBytes: number, lengthBytes: number): void {
    const fd = this.#fdOf(fileId);
    const endBytes = Math.min(positionBytes + lengthBytes, fstatSync(fd).size);
    if (endBytes <= positionBytes) return;
    try {
      const native = nativeCalls();
      if (native !== null) {
        native.punchHole(fd, positionBytes, endBytes - positionBytes);
        return;
      }
    } catch (error) {
      if (!['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes((error as { code?: string }).code ?? '')) throw error;
    }
    const zeros = new Uint8Array(Math.min(COPY_BYTES, endBytes - positionBytes));
    for (let at = positionBytes; at < endBytes; at += zeros.length) this.write(fileId, at, zeros.subarray(0, Math.min(zeros.length, endBytes - at)));
  }

  /** Where the next written bytes begin at or behind a position, and where they end; null when there are none. Positions of the file. */
  nextData(fileId: number, positionBytes: number): { readonly startBytes: number; readonly endBytes: number } | null {
    const fd = this.#fdOf(fileId);
    const sizeBytes = fstatSync(fd).size;
    if (positionBytes >= sizeBytes) return null;
    const native = nativeCalls();
    if (native === null) return { startBytes: positionBytes, endBytes: sizeBytes };
    const startBytes = native.seekData(fd, positionBytes);
    return startBytes === null ? null : { startBytes, endBytes: native.seekHole(fd, startBytes) };
  }

  /** Bytes of the range that have no space yet. */
  missingBytes(fileId: number, positionBytes: number, lengthBytes: number): number {
    const endBytes = positionBytes + lengthBytes;
    let missing = lengthBytes;
    for (let at = positionBytes; at < endBytes; ) {
      const data = this.nextData(fileId, at);
      if (data === null || data.startBytes >= endBytes) break;
      missing -= Math.min(data.endBytes, endBytes) - data.startBytes;
      at = data.endBytes;
    }
    return missing;
  }

  /** Copies written bytes of a range to another position of another file; holes stay holes. */
  copy(fromId: number, fromBytes: number, toId: number, toBytes: number, lengthBytes: number): void {
    const endBytes = fromBytes + lengthBytes;
    const buffer = new Uint8Array(Math.min(COPY_BYTES, lengthBytes));
    for (let at = fromBytes; at < endBytes; ) {
      const data = this.nextData(fromId, at);
      if (data === null || data.startBytes >= endBytes) return;
      const dataEndBytes = Math.min(data.endBytes, endBytes);
      for (at = data.startBytes; at < dataEndBytes; ) {
        const piece = buffer.subarray(0, Math.min(buffer.length, dataEndBytes - at));
        this.read(fromId, at, piece);
        this.write(toId, toBytes + (at - fromBytes), piece);
        at += piece.length;
      }
    }
  }

  /** False when it was not there. */
  remove(fileId: number): boolean {
    this.#close(fileId);
    try {
      unlinkSync(this.#pathOf(fileId));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** The bytes, and its name too when the file is new. */
  sync(fileId: number, isNew: boolean): void {
    fdatasyncSync(this.#fdOf(fileId));
    if (!isNew) return;
    fsyncSync(this.#fdOf(fileId));
    const folder = dirname(this.#pathOf(fileId));
    for (const path of [folder, dirname(folder), this.#directory]) syncFolder(path);
  }

  /** Files that no metadata know: those from `nextFileId` on, of what was cut off by the end of the process. */
  removeFrom(nextFileId: number): void {
    const group = Math.floor(nextFileId / FILES_PER_FOLDER);
    const first = folderOf(group);
    for (const upper of foldersOf(this.#directory).filter((name) => name >= (first[0] as string))) {
      const lowest = upper === first[0] ? (first[1] as string) : '';
      for (const lower of foldersOf(join(this.#directory, upper)).filter((name) => name >= lowest)) {
        for (const name of readdirSync(join(this.#directory, upper, lower))) {
          if (/^[0-9a-f]{14}$/.test(name) && Number.parseInt(name, 16) >= nextFileId) unlinkSync(join(this.#directory, upper, lower, name));
        }
      }
    }
  }

  closeAll(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #pathOf(fileId: number): string {
    return join(this.#directory, ...folderOf(Math.floor(fileId / FILES_PER_FOLDER)), fileId.toString(16).padStart(NAME_DIGITS, '0'));
  }

  #fdOf(fileId: number): number {
    const fd = this.#open.get(fileId);
    if (fd === undefined) return this.#keep(fileId, openSync(this.#pathOf(fileId), this.#access));
    this.#open.delete(fileId);
    this.#open.set(fileId, fd);
    return fd;
  }

  #keep(fileId: number, fd: number): number {
    for (const [oldest] of this.#open) {
      if (this.#open.size < this.#openCountMax) break;
      this.#close(oldest);
    }
    this.#open.set(fileId, fd);
    return fd;
  }

  #close(fileId: number): void {
    const fd = this.#open.get(fileId);
    if (fd === undefined) return;
    this.#open.delete(fileId);
    closeSync(fd);
  }
}

/** Upper and lower folder of a group of files, in names whose order is that of the groups up to 2^40 files. */
function folderOf(group: number): readonly string[] {
  return [hex(Math.floor(group / FOLDERS_PER_FOLDER), 5), hex(group % FOLDERS_PER_FOLDER, 3)];
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const GENERATION_FOLDER = /^data\.([0-9]+)$/;

export function folderOfGeneration(generation: number): string {
  return `data.${generation}`;
}

export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function foldersOf(path: string): string[] {
  return readdirSync(path).filter((name) => /^[0-9a-f]+$/.test(name));
}

/** Folders of data of other generations than the given one: what a FORMAT OSD left to be removed. */
export function staleFolders(storeDirectory: string, generation: number): string[] {
  return readdirSync(storeDirectory).filter((name) => GENERATION_FOLDER.test(name) && name !== folderOfGeneration(generation));
}

/** Removes one folder of files, or what is left when there is none more; answers whether there is more. */
export function removeStep(storeDirectory: string, stale: string): boolean {
  const root = join(storeDirectory, stale);
  for (const upper of readdirSync(root)) {
    for (const lower of readdirSync(join(root, upper))) {
      rmSync(join(root, upper, lower), { recursive: true });
      return true;
    }
    rmdirSync(join(root, upper));
    return true;
  }
  rmdirSync(root);
  return false;
}
