import { closeSync, unlinkSync } from 'node:fs';
import { TargetError } from '../errors.js';
import { allocateAligned } from './aligned-memory.js';
import { DirectFileStore } from './direct-file-store.js';
import { readAt, systemErrorCode } from './file-io.js';
import { createImage, directUnsupported, type FileTarget, openFailure, openTarget, statTarget } from './file-open.js';
import { FileStore, type FileStoreDescriptor } from './file-store.js';
import { assertSize } from './range.js';

/** Sector sizes that exist, smallest first. */
const alignmentsBytes: readonly number[] = [512, 4096];
/** The smallest logical block a logical unit can have. */
const BLOCK_LENGTH_BYTES_MIN = 512;

export interface FileStoreOptions {
  readonly path: string;
  /** Creates a missing file sparse at this size; what exists must have it. Needed only for what is missing. */
  readonly sizeBytes?: number;
  /** O_DIRECT: around the page cache. */
  readonly direct: boolean;
  readonly readOnly: boolean;
  /** The logical block length that the store will serve, 512 by default: with `direct` it must cover the device's sector. */
  readonly blockLengthBytes?: number;
}

/**
 * Opens a raw image or a block device for the whole process; the main thread does this once and closes it.
 *
 * Throws `TargetError`: `STORE_SIZE_INVALID`, `STORE_NOT_FOUND`, `STORE_SIZE_MISMATCH`, `STORE_EMPTY`,
 * `STORE_NOT_A_FILE`, `STORE_ACCESS_DENIED`, `STORE_READ_ONLY`, `STORE_BUSY`, `STORE_NO_SPACE`,
 * `STORE_DIRECT_UNSUPPORTED`, `STORE_ALIGNMENT` or `STORE_OPEN_FAILED`. What exists is never changed.
 */
export function openFileStore(options: FileStoreOptions): FileStore {
  const { path, sizeBytes } = options;
  if (sizeBytes !== undefined) assertSize(sizeBytes, path);
  const stats = statTarget(path);
  if (stats !== null) return openExisting(options, stats.isBlockDevice());
  createMissing(options);
  try {
    return openExisting(options, false);
  } catch (error) {
    // Made a moment ago and empty: an attempt that failed leaves nothing behind.
    unlinkSync(path);
    throw error;
  }
}

function createMissing({ path, sizeBytes, readOnly }: FileStoreOptions): void {
  if (sizeBytes === undefined) throw new TargetError('STORE_NOT_FOUND', `${path} does not exist; give it a size to have it created`);
  if (readOnly) throw new TargetError('STORE_NOT_FOUND', `${path} does not exist, and a store that is only read is not created`);
  createImage(path, sizeBytes);
}

function openExisting(options: FileStoreOptions, isBlockDevice: boolean): FileStore {
  const { path, direct, readOnly } = options;
  const target = openTarget(path, { readOnly, direct, claim: isBlockDevice && !readOnly, durable: false });
  let durable: FileTarget | null = null;
  try {
    checkSize(target, options);
    const alignmentBytes = direct ? probeAlignment(target.fd, options) : 1;
    if (!readOnly) durable = openTarget(path, { readOnly, direct, claim: false, durable: true });
    if (durable !== null && durable.identity !== target.identity) {
      throw new TargetError('STORE_OPEN_FAILED', `${path} was replaced while it was being opened`);
    }
    return makeStore(options, target, durable?.fd ?? target.fd, alignmentBytes);
  } catch (error) {
    closeSync(target.fd);
    if (durable !== null) closeSync(durable.fd);
    throw error;
  }
}

function checkSize(target: FileTarget, { path, sizeBytes }: FileStoreOptions): void {
  if (sizeBytes !== undefined && sizeBytes !== target.sizeBytes) {
    throw new TargetError('STORE_SIZE_MISMATCH', `${path} has ${target.sizeBytes} bytes and not the ${sizeBytes} asked for; nothing was changed`);
  }
  if (target.sizeBytes === 0) throw new TargetError('STORE_EMPTY', `${path} is empty; remove it and give a size to have it created`);
}

/**
 * The smallest alignment that the file takes for position, length and memory address, found by reading. Throws
 * `STORE_ALIGNMENT` when logical blocks are smaller: two threads would then merge their halves of one sector over each
 * other, and a lock around every such write would cost more than the page cache that `direct` was to avoid.
 */
function probeAlignment(fd: number, { path, blockLengthBytes = BLOCK_LENGTH_BYTES_MIN }: FileStoreOptions): number {
  const memory = allocateAligned(2 * Math.max(...alignmentsBytes));
  let refusal: unknown = null;
  for (const alignmentBytes of alignmentsBytes) {
    try {
      // The address is a multiple of this alignment and of no larger one, so the read tells about memory as well.
      readAt(fd, memory, alignmentBytes, alignmentBytes, 0, alignmentBytes);
    } catch (error) {
      if (systemErrorCode(error) !== 'EINVAL') throw openFailure(error, path);
      refusal = error;
      continue;
    }
    if (blockLengthBytes % alignmentBytes === 0) return alignmentBytes;
    throw new TargetError('STORE_ALIGNMENT', `${path} takes direct I/O in ${alignmentBytes} bytes, which blocks of ${blockLengthBytes} do not cover`);
  }
  throw directUnsupported(path, refusal);
}

function makeStore(options: FileStoreOptions, target: FileTarget, durableFd: number, alignmentBytes: number): FileStore {
  const descriptor: FileStoreDescriptor = {
    kind: 'file',
    sizeBytes: target.sizeBytes,
    path: options.path,
    readOnly: options.readOnly,
    direct: options.direct,
    fd: target.fd,
    durableFd,
    alignmentBytes,
    durability: target.durability,
    flushFault: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  };
  return options.direct ? new DirectFileStore(descriptor, true) : new FileStore(descriptor, true);
}
