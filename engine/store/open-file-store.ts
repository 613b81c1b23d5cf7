import { closeSync, unlinkSync } from 'node:fs';
import { TargetError } from '../errors.js';
import { allocateAligned } from './aligned-memory.js';
import { DirectFileStore } from './direct-file-store.js';
import { readAt, systemErrorCode } from './file-io.js';
import { assertReachable, createImage, directUnsupported, type FileTarget, openFailure, openTarget, statTarget } from './file-open.js';
import { FileStore, type FileStoreDescriptor } from './file-store.js';
import { assertSize, assertSpace, BLOCK_LENGTH_BYTES_MIN } from './range.js';
import { redoAtomicWrites } from './redo-writes.js';

/** Sector sizes that exist, smallest first. */
const alignmentsBytes: readonly number[] = [512, 4096];

export interface FileStoreOptions {
  readonly path: string;
  /** Creates a missing file sparse at this size; what exists must have it. Needed only for what is missing. */
  readonly sizeBytes?: number;
  /** O_DIRECT: around the page cache. */
  readonly direct: boolean;
  readonly readOnly: boolean;
  /** The logical block length that the store will serve, 512 by default: with `direct` it must cover the device's sector. */
  readonly blockLengthBytes?: number;
  /** Space that the file may take; as much as its file system gives where it is left out. */
  readonly spaceBytes?: number;
}

/**
 * Opens a raw image or a block device for the whole process; the main thread does this once and closes it.
 *
 * Throws `TargetError`: `STORE_SIZE_INVALID`, `STORE_SIZE_UNSUPPORTED`, `STORE_SPACE_INVALID`, `STORE_NOT_FOUND`, `STORE_SIZE_MISMATCH`, `STORE_EMPTY`,
 * `STORE_NOT_A_FILE`, `STORE_ACCESS_DENIED`, `STORE_READ_ONLY`, `STORE_BUSY`, `STORE_NO_SPACE`,
 * `STORE_DIRECT_UNSUPPORTED`, `STORE_ALIGNMENT`, `STORE_REDO_FOREIGN`, `STORE_REDO_PENDING` or `STORE_OPEN_FAILED`. What exists is never changed, but
 * that an atomic write that was interrupted is done.
 */
export function openFileStore(options: FileStoreOptions): FileStore {
  const { path, sizeBytes, spaceBytes, blockLengthBytes } = options;
  if (sizeBytes !== undefined) assertSize(sizeBytes, path, blockLengthBytes);
  assertSpace(spaceBytes, path);
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
    const sizeBytes = checkSize(target, options);
    if (target.isBlockDevice && options.spaceBytes !== undefined) {
      throw new TargetError('STORE_SPACE_INVALID', `${path} is a device, whose space cannot be bounded here; bound it where it is made`);
    }
    const alignmentBytes = direct ? probeAlignment(target.fd, options) : 1;
    if (!readOnly) durable = openTarget(path, { readOnly, direct, claim: false, durable: true });
    if (durable !== null && durable.identity !== target.identity) {
      throw new TargetError('STORE_OPEN_FAILED', `${path} was replaced while it was being opened`);
    }
    const store = makeStore(options, { ...target, sizeBytes }, durable?.fd ?? target.fd, alignmentBytes);
    if (!target.isBlockDevice) redoAtomicWrites(store);
    return store;
  } catch (error) {
    closeSync(target.fd);
    if (durable !== null) closeSync(durable.fd);
    throw error;
  }
}

/** Answers the size as a number. Beyond 2^53 that is whole blocks, of which alone the positions are exact. */
function checkSize(target: FileTarget, { path, sizeBytes: wantedBytes, readOnly, blockLengthBytes = BLOCK_LENGTH_BYTES_MIN }: FileStoreOptions): number {
  if (wantedBytes !== undefined && BigInt(wantedBytes) !== target.sizeBytes) {
    throw new TargetError('STORE_SIZE_MISMATCH', `${path} has ${target.sizeBytes} bytes and not the ${wantedBytes} asked for; nothing was changed`);
  }
  if (target.sizeBytes === 0n) throw new TargetError('STORE_EMPTY', `${path} is empty; remove it and give a size to have it created`);
  const isFar = target.sizeBytes > BigInt(Number.MAX_SAFE_INTEGER);
  const sizeBytes = Number(isFar ? target.sizeBytes - (target.sizeBytes % BigInt(blockLengthBytes)) : target.sizeBytes);
  assertSize(sizeBytes, path, blockLengthBytes);
  if (!readOnly) assertReachable(sizeBytes, path);
  return sizeBytes;
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

type SizedTarget = Omit<FileTarget, 'sizeBytes'> & { readonly sizeBytes: number };

function makeStore(options: FileStoreOptions, target: SizedTarget, durableFd: number, alignmentBytes: number): FileStore {
  const { isBlockDevice, sparse, granularityBytes, punchable } = target;
  const budget = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
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
    space: { isBlockDevice, sparse, granularityBytes, punchable, spaceBytes: options.spaceBytes ?? null, budget },
    flushFault: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  };
  return options.direct ? new DirectFileStore(descriptor, true) : new FileStore(descriptor, true);
}
