import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { type FileExtent, firstFileExtent } from './file-extents.js';

/**
 * System calls that `node:fs` does not have, through the optional package `koffi`. Where it is missing, and on other systems than
 * Linux, `nativeCalls()` is null and the stores do without: see docs/thin-provisioning.md for what is weaker then.
 *
 * They throw `SystemCallError`, which looks like what `node:fs` throws.
 */
export interface NativeCalls {
  /** Memory is given back in pages of so many bytes. */
  readonly pageBytes: number;
  /** Where a view of memory begins in the address space of the process. */
  addressOf(memory: Uint8Array): bigint;
  /** Gives the pages of `memory` back: they read as zeros and take no memory until they are written. It must begin and end at pages. */
  releasePages(memory: Uint8Array): void;
  /** fallocate(2) with PUNCH_HOLE and KEEP_SIZE: the range reads as zeros, and the blocks that lie whole in it are free. */
  punchHole(fd: number, positionBytes: number, lengthBytes: number): void;
  /** fallocate(2) with KEEP_SIZE: the range has blocks. What is read does not change. */
  allocate(fd: number, positionBytes: number, lengthBytes: number): void;
  /** Where the next data begin at or after `positionBytes`; null when there are none up to the end. */
  seekData(fd: number, positionBytes: number): number | null;
  /** Where the next hole begins at or after `positionBytes`: the end of the file at the latest. */
  seekHole(fd: number, positionBytes: number): number;
  /**
   * FS_IOC_FIEMAP, ioctl(2): the first stretch of the range for which the file system keeps space, or null. With `sync` what waits to be written is
   * written before, which tells for sure what is unwritten.
   */
  firstExtent(fd: number, positionBytes: number, lengthBytes: number, sync: boolean): FileExtent | null;
  /** ioctl(2), called once: one that a signal interrupts (EINTR) may have done its work. */
  ioctl(fd: number, request: number, memory: Uint8Array): number;
  /** ftruncate(2) beyond 2^53 bytes. */
  truncate(fd: number, sizeBytes: number): void;
  /** pwrite(2): `fs.writeSync` takes a position beyond 2^53 for none and writes where the descriptor stands. */
  write(fd: number, source: Uint8Array, positionBytes: bigint): number;
}

/** A system call failed; `code` is the name of the error as in those of `node:fs`. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly syscall: string;
  readonly code: string;
  constructor(syscall: string, errno: number) {
    const code = errorNames.get(errno) ?? `errno ${errno}`;
    super(`${code}: ${syscall}`);
    this.syscall = syscall;
    this.code = code;
  }
}

const errorNames: ReadonlyMap<number, string> = new Map(Object.entries(constants.errno).map(([name, errno]) => [errno, name]));

/** What we use of koffi. Its own types come with the package, which may be missing. */
interface Koffi {
  load(path: null): Library;
  errno(): number;
  address(memory: Uint8Array): bigint;
}
interface Library {
  func(name: string, result: string, parameters: readonly string[]): unknown;
}
type IntCall = (...values: (number | bigint | Uint8Array)[]) => number | bigint;

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const MADV_DONTNEED = 4;
const EINTR_COUNT_MAX = 100;

let loaded: NativeCalls | null | undefined;

/** Loaded when first asked for, on each thread: 10 ms that a target without thin units does not spend. */
export function nativeCalls(): NativeCalls | null {
  if (loaded === undefined) loaded = process.platform === 'linux' && process.env['LUNLOOM_NO_NATIVE'] !== '1' ? load() : null;
  return loaded;
}

function load(): NativeCalls | null {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return bind(koffi, koffi.load(null));
  } catch {
    // Not installed, or without a binary for this processor: `--omit=optional` is a choice and no fault.
    return null;
  }
}

function bind(koffi: Koffi, library: Library): NativeCalls {
  const checked = (syscall: string, call: IntCall): ((...values: (number | bigint | Uint8Array)[]) => number | bigint) => {
    return (...values) => {
      for (let tries = 1; ; tries++) {
        const result = call(...values);
        if (result >= 0) return result;
        const errno = koffi.errno();
        if (errno !== constants.errno.EINTR || tries === EINTR_COUNT_MAX) throw new SystemCallError(syscall, errno);
      }
    };
  };
  const fallocate = checked('fallocate', offsetCall(library, 'fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t']));
  const lseek = checked('lseek', offsetCall(library, 'lseek', 'int64_t', ['int', 'int64_t', 'int']));
  const ftruncate = checked('ftruncate', offsetCall(library, 'ftruncate', 'int', ['int', 'int64_t']));
  const pwrite = checked('write', offsetCall(library, 'pwrite', 'long', ['int', 'const void *', 'size_t', 'int64_t']));
  const ioctlCall = library.func('ioctl', 'int', ['int', 'unsigned long', 'void *']) as IntCall;
  const ioctl = checked('ioctl', ioctlCall);
  const madvise = checked('madvise', library.func('madvise', 'int', ['void *', 'size_t', 'int']) as IntCall);
  const pageBytes = Number((library.func('getpagesize', 'int', []) as IntCall)());
  return {
    pageBytes,
    addressOf: (memory) => BigInt(koffi.address(memory)),
    releasePages: (memory) => void madvise(memory, memory.length, MADV_DONTNEED),
    punchHole: (fd, positionBytes, lengthBytes) => {
      fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BigInt(positionBytes), BigInt(lengthBytes));
    },
    allocate: (fd, positionBytes, lengthBytes) => void fallocate(fd, FALLOC_FL_KEEP_SIZE, BigInt(positionBytes), BigInt(lengthBytes)),
    seekData: (fd, positionBytes) => seekDataWith(lseek, fd, positionBytes),
    seekHole: (fd, positionBytes) => Number(lseek(fd, BigInt(positionBytes), SEEK_HOLE)),
    firstExtent: (fd, positionBytes, lengthBytes, sync) => firstFileExtent((request, memory) => ioctl(fd, request, memory), positionBytes, lengthBytes, sync),
    ioctl: (fd, request, memory) => {
      const result = Number(ioctlCall(fd, request, memory));
      if (result < 0) throw new SystemCallError('ioctl', koffi.errno());
      return result;
    },
    truncate: (fd, sizeBytes) => void ftruncate(fd, BigInt(sizeBytes)),
    write: (fd, source, positionBytes) => Number(pwrite(fd, source, source.length, positionBytes)),
  };
}

/** ENXIO is an answer: nothing but a hole up to the end. The position of the descriptor that it moves is used by nobody. */
function seekDataWith(lseek: IntCall, fd: number, positionBytes: number): number | null {
  try {
    return Number(lseek(fd, BigInt(positionBytes), SEEK_DATA));
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'ENXIO') return null;
    throw error;
  }
}

/** glibc keeps 64-bit offsets on 32-bit processors under a name of their own; musl has no other offsets and no such name. */
function offsetCall(library: Library, name: string, result: string, parameters: readonly string[]): IntCall {
  try {
    return library.func(`${name}64`, result, parameters) as IntCall;
  } catch {
    return library.func(name, result, parameters) as IntCall;
  }
}
