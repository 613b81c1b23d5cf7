import { createHash } from 'node:crypto';
import { accessSync, closeSync, constants, fstatSync, fsyncSync, openSync, readdirSync, readFileSync, realpathSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TargetError } from '../errors.js';
import { faultOf, systemErrorCode, writeAt } from './file-io.js';
import { openFailure, syncDirectory } from './file-open.js';
import { type AtomicWrites, type BackingStore, StoreFault } from './store.js';

/*
 * A redo file holds what an atomic write is about to write, from before its first byte is written in place until after the last:
 *
 *     0| "LLREDO01" (8) | inode of the image (8) | its time of birth, ns (8) | position (8) | length (8) | SHA-256 of all the rest (32) |
 *    72| data
 *
 * One that is whole is written in place, again perhaps, when the image is opened; one that is not was torn before anything happened in place.
 */
const MAGIC = Buffer.from('LLREDO01', 'latin1');
const OFFSET = { inode: 8, birth: 16, position: 24, length: 32, checksum: 40, data: 72 } as const;
const OWNER_ONLY = 0o600;
const SUFFIX = '.redo-';

type FileStoreLike = BackingStore & { readonly descriptor: { readonly fd: number; readonly path: string } };

/** Writes of any length to a regular file that are there as a whole or not at all, after `kill -9` and after a loss of power. */
export class RedoWrites implements AtomicWrites {
  readonly #store: FileStoreLike;

  private constructor(store: FileStoreLike) {
    this.#store = store;
  }

  /** Undefined where there is no place beside the image: of a device, or in a directory that may not be read and written. */
  static of(store: FileStoreLike, isBlockDevice: boolean): RedoWrites | undefined {
    if (isBlockDevice || store.readOnly) return undefined;
    try {
      accessSync(dirname(realpathSync(store.descriptor.path)), constants.R_OK | constants.W_OK);
      return new RedoWrites(store);
    } catch {
      return undefined;
    }
  }

  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number {
    if (this.#store.readOnly) return StoreFault.readOnly;
    let path: string | null = null;
    try {
      path = this.#keep(source.subarray(sourceOffset, sourceOffset + lengthBytes), positionBytes);
    } catch (error) {
      return faultOf(error, false);
    }
    const outcome = this.#store.write(source, sourceOffset, lengthBytes, positionBytes, true);
    try {
      // Before anybody may write there again: to redo it then would take that back.
      unlinkSync(path);
      syncDirectory(dirname(path));
    } catch (error) {
      return faultOf(error, false);
    }
    return outcome;
  }

  /** Puts the redo file on stable storage. Its position names it: who writes holds the blocks alone. */
  #keep(data: Uint8Array, positionBytes: number): string {
    const path = `${redoPrefixOf(this.#store.descriptor.path)}${positionBytes.toString(16)}`;
    const bytes = encodeRedo(this.#store.descriptor.fd, data, positionBytes);
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, OWNER_ONLY);
    try {
      writeAt(fd, bytes, 0, bytes.length, 0);
      fsyncSync(fd);
      syncDirectory(dirname(path));
    } catch (error) {
      unlinkSync(path);
      throw error;
    } finally {
      closeSync(fd);
    }
    return path;
  }
}

/**
 * Does what redo files beside the image say, on the main thread before anybody uses the store. Throws `TargetError` `STORE_REDO_FOREIGN` when one is of
 * another file, `STORE_REDO_PENDING` when the store may not be written, `STORE_OPEN_FAILED` when it could not be written, and those of `openFailure`.
 */
export function redoAtomicWrites(store: FileStoreLike): void {
  const { path: imagePath, fd } = store.descriptor;
  try {
    const prefix = redoPrefixOf(imagePath);
    const names = namesBeside(prefix);
    for (const name of names) redo(store, fd, join(dirname(prefix), name));
    if (names.length > 0) syncDirectory(dirname(prefix));
  } catch (error) {
    throw openFailure(error, imagePath);
  }
}

function namesBeside(prefix: string): string[] {
  try {
    return readdirSync(dirname(prefix)).filter((name) => name.startsWith(basename(prefix)));
  } catch (error) {
    // Where nobody may look there are none: `RedoWrites.of` has made sure.
    if (systemErrorCode(error) === 'EACCES') return [];
    throw error;
  }
}

function redo(store: FileStoreLike, fd: number, path: string): void {
  if (store.readOnly) {
    throw new TargetError(
      'STORE_REDO_PENDING',
      `an atomic write to ${store.descriptor.path} was interrupted (${path}): open it for writing once to have it done`,
    );
  }
  const bytes = readFileSync(path);
  const data = bytes.subarray(OFFSET.data);
  if (isWhole(bytes)) {
    const position = bytes.readBigUInt64BE(OFFSET.position);
    const isOfImage = encodeRedo(fd, data, Number(position)).equals(bytes) && position + BigInt(data.length) <= BigInt(store.sizeBytes);
    if (!isOfImage) throw new TargetError('STORE_REDO_FOREIGN', `${path} belongs to another file than ${store.descriptor.path} is now; move it away`);
    const outcome = store.write(data, 0, data.length, Number(position), true);
    if (outcome < 0) throw new TargetError('STORE_OPEN_FAILED', `what ${path} holds could not be written to ${store.descriptor.path}`);
  }
  unlinkSync(path);
}

function isWhole(bytes: Buffer): boolean {
  if (bytes.length < OFFSET.data || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return false;
  if (bytes.readBigUInt64BE(OFFSET.length) !== BigInt(bytes.length - OFFSET.data)) return false;
  return checksumOf(bytes).equals(bytes.subarray(OFFSET.checksum, OFFSET.data));
}

function encodeRedo(fd: number, data: Uint8Array, positionBytes: number): Buffer {
  const { ino, birthtimeNs } = fstatSync(fd, { bigint: true });
  const bytes = Buffer.alloc(OFFSET.data + data.length);
  bytes.set(MAGIC);
  bytes.writeBigUInt64BE(ino, OFFSET.inode);
  bytes.writeBigUInt64BE(birthtimeNs, OFFSET.birth);
  bytes.writeBigUInt64BE(BigInt(positionBytes), OFFSET.position);
  bytes.writeBigUInt64BE(BigInt(data.length), OFFSET.length);
  bytes.set(data, OFFSET.data);
  checksumOf(bytes).copy(bytes, OFFSET.checksum);
  return bytes;
}

function checksumOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes.subarray(0, OFFSET.checksum)).update(bytes.subarray(OFFSET.data)).digest();
}

/** Beside the file itself, by whichever of its names it was opened. */
function redoPrefixOf(imagePath: string): string {
  return `${realpathSync(imagePath)}${SUFFIX}`;
}
