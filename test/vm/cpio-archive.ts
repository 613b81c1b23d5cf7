import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/*
 * The `newc` form of cpio that Linux unpacks into its first root file system (Documentation/driver-api/early-userspace/buffer-format).
 * It is written here and not by a program: what belongs to root and what is a device is only a number in a header, so nobody has to be
 * root to make one.
 */
const MAGIC = '070701';
const ALIGNMENT = 4;
const KIND_FOLDER = 0o040000;
const KIND_FILE = 0o100000;
const KIND_LINK = 0o120000;
const KIND_CHARACTER_DEVICE = 0o020000;

/** Debian keeps programs and libraries below `/usr`; older packages still say `/bin`. */
const MERGED_FOLDERS = ['bin', 'sbin', 'lib', 'lib64'];

interface Header {
  readonly mode: number;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
}

const padded = (lengthBytes: number) => (ALIGNMENT - (lengthBytes % ALIGNMENT)) % ALIGNMENT;
const hex = (value: number) => value.toString(16).padStart(8, '0').toUpperCase();

/** Where a file of a package is found in a root file system whose `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`. */
export function mergedPath(path: string): string {
  const plain = posix.normalize(path).replace(/^\/+/, '');
  return MERGED_FOLDERS.some((folder) => plain === folder || plain.startsWith(`${folder}/`)) ? `usr/${plain}` : plain;
}

/** An archive that is written as it is filled. Paths have no leading slash; folders above a file come by themselves. */
export class CpioArchive {
  readonly #descriptor: number;
  readonly #names = new Set<string>();
  #inode = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
  }

  has(path: string): boolean {
    return this.#names.has(path);
  }

  addFolder(path: string): void {
    if (path === '.' || path === '' || this.#names.has(path)) return;
    this.addFolder(dirname(path));
    this.#write(path, { mode: KIND_FOLDER | 0o755 }, Buffer.alloc(0));
  }

  /** What is there already stays. */
  addFile(path: string, content: Uint8Array | string, permissions = 0o644): void {
    if (this.#names.has(path)) return;
    this.addFolder(dirname(path));
    this.#write(path, { mode: KIND_FILE | permissions }, Buffer.from(content));
  }

  addLink(path: string, to: string): void {
    if (this.#names.has(path)) return;
    this.addFolder(dirname(path));
    this.#write(path, { mode: KIND_LINK | 0o777 }, Buffer.from(to));
  }

  addCharacterDevice(path: string, deviceMajor: number, deviceMinor: number): void {
    this.addFolder(dirname(path));
    this.#write(path, { mode: KIND_CHARACTER_DEVICE | 0o600, deviceMajor, deviceMinor }, Buffer.alloc(0));
  }

  /** The links that make a merged file system of it. */
  addMergedLinks(): void {
    for (const folder of MERGED_FOLDERS) {
      this.addFolder(`usr/${folder}`);
      this.addLink(folder, `usr/${folder}`);
    }
  }

  /** A folder of the host with all below it for which `wants` is true; `rename` tells where each goes. */
  addTree(folder: string, wants: (path: string) => boolean, rename: (path: string) => string): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const source = join(entry.parentPath, entry.name);
      const path = posix.relative(folder, source);
      if (!wants(path)) continue;
      if (entry.isSymbolicLink()) this.addLink(rename(path), readlinkSync(source));
      else if (entry.isFile()) this.addFile(rename(path), readFileSync(source), lstatSync(source).mode & 0o777);
    }
  }

  close(): void {
    this.#write('TRAILER!!!', { mode: 0 }, Buffer.alloc(0));
    closeSync(this.#descriptor);
  }

  #write(path: string, { mode, deviceMajor = 0, deviceMinor = 0 }: Header, content: Uint8Array): void {
    this.#names.add(path);
    const name = Buffer.from(`${path}\0`);
    // inode, mode, uid, gid, links, mtime, file size, device of the file (2), device that it is (2), name size, checksum.
    const fields = [++this.#inode, mode, 0, 0, 1, 0, content.length, 0, 0, deviceMajor, deviceMinor, name.length, 0];
    const header = Buffer.from(MAGIC + fields.map(hex).join(''));
    const gap = (lengthBytes: number) => Buffer.alloc(padded(lengthBytes));
    const bytes = Buffer.concat([header, name, gap(header.length + name.length), content, gap(content.length)]);
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#descriptor, bytes, offset);
  }
}
