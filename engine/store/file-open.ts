import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  type Stats,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TargetError } from '../errors.js';
import { systemErrorCode } from './file-io.js';
import { nativeCalls } from './native.js';
import type { Durability } from './store.js';

/** What a path turned out to be. */
export interface FileTarget {
  readonly fd: number;
  /** Tells whether two descriptors are of the same file or device. */
  readonly identity: string;
  readonly sizeBytes: bigint;
  readonly durability: Durability;
  readonly isBlockDevice: boolean;
  /** Less space than size. */
  readonly sparse: boolean;
  /** Of the file system's blocks or the device's sectors. */
  readonly granularityBytes: number;
  /** Whether holes can be punched at all, as far as can be known without doing it. */
  readonly punchable: boolean;
}

const SECTOR_BYTES = 512;
/** Where a file system names no block length that can be its own. */
const GRANULARITY_BYTES = 4096;
const GRANULARITY_BYTES_MAX = 128 * 1024;
/** An image holds what initiators stored: nobody else's business on this host. */
const IMAGE_MODE = 0o600;
/** `statfs` types of file systems in memory: they outlive the process, but no power loss. */
const volatileFileSystems: ReadonlySet<number> = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

const openErrorCodes: Readonly<Record<string, string>> = {
  ENOENT: 'STORE_NOT_FOUND',
  ENOTDIR: 'STORE_NOT_FOUND',
  ENXIO: 'STORE_NOT_FOUND',
  ENODEV: 'STORE_NOT_FOUND',
  EACCES: 'STORE_ACCESS_DENIED',
  EPERM: 'STORE_ACCESS_DENIED',
  EROFS: 'STORE_READ_ONLY',
  EBUSY: 'STORE_BUSY',
  ETXTBSY: 'STORE_BUSY',
  EISDIR: 'STORE_NOT_A_FILE',
  ENOSPC: 'STORE_NO_SPACE',
  EDQUOT: 'STORE_NO_SPACE',
  EFBIG: 'STORE_NO_SPACE',
};

const openErrorTexts: Readonly<Record<string, string>> = {
  STORE_NOT_FOUND: 'does not exist',
  STORE_ACCESS_DENIED: 'may not be opened by this user',
  STORE_READ_ONLY: 'can only be read; open it with readOnly',
  STORE_BUSY: 'is in use, perhaps mounted',
  STORE_NOT_A_FILE: 'is neither a file nor a block device',
  STORE_NO_SPACE: 'does not fit its file system',
};

/** `error` of a system call on `path` as a `TargetError`. Other errors come back as they are. */
export function openFailure(error: unknown, path: string): unknown {
  const systemCode = systemErrorCode(error);
  if (systemCode === undefined) return error;
  const code = openErrorCodes[systemCode] ?? 'STORE_OPEN_FAILED';
  const text = openErrorTexts[code] ?? 'could not be opened';
  return new TargetError(code, `${path} ${text} (${systemCode})`, { cause: error });
}

/** Looks before opening: to open a fifo would wait for its other end. Answers null when nothing is there. */
export function statTarget(path: string): Stats | null {
  let stats: Stats | undefined;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw openFailure(error, path);
  }
  if (stats === undefined) return null;
  if (!stats.isFile() && !stats.isBlockDevice()) throw new TargetError('STORE_NOT_A_FILE', `${path} is neither a file nor a block device`);
  return stats;
}

/**
 * Creates a sparse image of zeroes that is there in full length after a power loss as well. When a step fails nothing
 * is left behind. Throws `TargetError`.
 */
export function createImage(path: string, sizeBytes: number): void {
  let fd: number | null = null;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, IMAGE_MODE);
    setFileSize(fd, sizeBytes, path);
    fsyncSync(fd);
    syncDirectory(dirname(resolve(path)));
  } catch (error) {
    // Without a descriptor it was another process that made the file, so it is not ours to remove.
    if (fd !== null) unlinkSync(path);
    throw openFailure(error, path);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Throws `TargetError` `STORE_SIZE_UNSUPPORTED` and what `node:fs` throws. */
export function setFileSize(fd: number, sizeBytes: number, path: string): void {
  assertReachable(sizeBytes, path);
  if (sizeBytes <= Number.MAX_SAFE_INTEGER) ftruncateSync(fd, sizeBytes);
  else nativeCalls()?.truncate(fd, sizeBytes);
}

/** Node reads beyond 2^53 but can neither write nor truncate there. */
export function assertReachable(sizeBytes: number, path: string): void {
  if (sizeBytes <= Number.MAX_SAFE_INTEGER || nativeCalls() !== null) return;
  const remedy = 'install the optional package koffi, on Linux, or open it with readOnly';
  throw new TargetError('STORE_SIZE_UNSUPPORTED', `${path} has ${sizeBytes} bytes, and Node alone writes no further than 2^53: ${remedy}`);
}

/** Makes the names in a directory durable. Throws what `node:fs` throws. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some network file systems cannot sync a directory and make its entries stable by themselves.
    if (systemErrorCode(error) !== 'EINVAL') throw error;
  } finally {
    closeSync(fd);
  }
}

/** How to open: `flags` are those beyond the access mode. */
export interface OpenMode {
  readonly readOnly: boolean;
  readonly direct: boolean;
  /** O_EXCL without O_CREAT claims a block device: a mounted one is refused, and it cannot be mounted later. open(2). */
  readonly claim: boolean;
  /** O_DSYNC: each write waits until its bytes are on stable storage. */
  readonly durable: boolean;
}

/** Opens what is there. Throws `TargetError`. */
export function openTarget(path: string, mode: OpenMode): FileTarget {
  let fd: number;
  try {
    fd = openSync(path, flagsOf(mode));
  } catch (error) {
    if (mode.direct && systemErrorCode(error) === 'EINVAL') throw directUnsupported(path, error);
    throw openFailure(error, path);
  }
  try {
    return { fd, ...describe(fd, path) };
  } catch (error) {
    closeSync(fd);
    throw openFailure(error, path);
  }
}

function flagsOf(mode: OpenMode): number {
  const access = mode.readOnly ? constants.O_RDONLY : constants.O_RDWR;
  return access | (mode.direct ? constants.O_DIRECT : 0) | (mode.claim ? constants.O_EXCL : 0) | (mode.durable ? constants.O_DSYNC : 0);
}

export function directUnsupported(path: string, cause: unknown): TargetError {
  return new TargetError('STORE_DIRECT_UNSUPPORTED', `the file system of ${path} refuses O_DIRECT; open it without direct`, { cause });
}

/** Asks the descriptor and not the path again, which may have changed since. */
function describe(fd: number, path: string): Omit<FileTarget, 'fd'> {
  const stats = fstatSync(fd, { bigint: true });
  if (stats.isBlockDevice()) return describeBlockDevice(stats, path);
  if (!stats.isFile()) throw new TargetError('STORE_NOT_A_FILE', `${path} is neither a file nor a block device`);
  return {
    identity: `file ${stats.dev}/${stats.ino}`,
    sizeBytes: stats.size,
    durability: volatileFileSystems.has(statfsSync(path).type) ? 'process' : 'power-loss',
    isBlockDevice: false,
    sparse: stats.blocks * BigInt(SECTOR_BYTES) < stats.size,
    granularityBytes: granularityOf(Number(stats.blksize)),
    punchable: true,
  };
}

/** The size that a file or a device has now. Throws `TargetError` and what `node:fs` throws. */
export function measureFile(fd: number, path: string): bigint {
  const stats = fstatSync(fd, { bigint: true });
  return stats.isBlockDevice() ? blockDeviceSizeBytes(Number(stats.rdev), path) : stats.size;
}

function describeBlockDevice(stats: BigIntStats, path: string): Omit<FileTarget, 'fd'> {
  const deviceNumber = Number(stats.rdev);
  return {
    identity: `device ${deviceNumber}`,
    sizeBytes: blockDeviceSizeBytes(deviceNumber, path),
    durability: 'power-loss',
    isBlockDevice: true,
    sparse: false,
    granularityBytes: granularityOf(queueNumber(deviceNumber, 'logical_block_size')),
    // The kernel punches a device by a request for zeros that may free space; one that takes none of them would get them written.
    punchable: nativeCalls() !== null && queueNumber(deviceNumber, 'write_zeroes_max_bytes') > 0,
  };
}

/** What a file system calls its best block length is a wish and no promise: network file systems name a megabyte. */
function granularityOf(blockBytes: number): number {
  const isPowerOfTwo = blockBytes > 0 && (blockBytes & (blockBytes - 1)) === 0;
  return isPowerOfTwo && blockBytes <= GRANULARITY_BYTES_MAX ? blockBytes : GRANULARITY_BYTES;
}

/** A number of the device's queue, whose folder a partition shares with its disk; 0 when there is none. */
function queueNumber(deviceNumber: number, name: string): number {
  const folder = `/sys/dev/block/${majorOf(deviceNumber)}:${minorOf(deviceNumber)}`;
  for (const path of [`${folder}/queue/${name}`, `${folder}/../queue/${name}`]) {
    try {
      return Number(readFileSync(path, 'ascii'));
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
    }
  }
  return 0;
}

/** A block device's size: `stat` has none, sysfs counts 512-byte sectors whatever the device's own are. */
function blockDeviceSizeBytes(deviceNumber: number, path: string): bigint {
  const sizePath = `/sys/dev/block/${majorOf(deviceNumber)}:${minorOf(deviceNumber)}/size`;
  let sectorCount: bigint;
  try {
    sectorCount = BigInt(readFileSync(sizePath, 'ascii').trim());
  } catch (cause) {
    throw new TargetError('STORE_OPEN_FAILED', `the size of ${path} cannot be found in ${sizePath}`, { cause });
  }
  return sectorCount * BigInt(SECTOR_BYTES);
}

/** Linux has 12 bits of major and 20 of minor number; the major's lie inside the minor's. makedev(3). */
export function majorOf(deviceNumber: number): number {
  return (deviceNumber >>> 8) & 0xfff;
}

export function minorOf(deviceNumber: number): number {
  return ((deviceNumber >>> 12) & 0xfff00) | (deviceNumber & 0xff);
}
