import { readSync, writeSync } from 'node:fs';
import { assert } from '../errors.js';
import { nativeCalls } from './native.js';
import { StoreFault } from './store.js';

/** A signal or a full queue passes; what comes back this often in one call is a fault of the medium. */
const RETRY_COUNT_MAX = 100;

/**
 * Reads until `lengthBytes` are there. Answers how many bytes it got, fewer only where the file ends. A piece that is
 * no multiple of `granuleBytes` is such an end too: O_DIRECT could not be asked for what follows it.
 * Throws what `node:fs` throws.
 */
export function readAt(fd: number, target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number, granuleBytes: number): number {
  let done = 0;
  let retries = 0;
  while (done < lengthBytes) {
    try {
      const count = readSync(fd, target, targetOffset + done, lengthBytes - done, positionOf(positionBytes, done));
      done += count;
      if (count === 0 || count % granuleBytes !== 0) return done;
    } catch (error) {
      if (!isTransient(error) || ++retries > RETRY_COUNT_MAX) throw error;
    }
  }
  return done;
}

/** Writes all of `lengthBytes` and answers it. Throws what `node:fs` throws; part of the bytes may then be written. */
export function writeAt(fd: number, source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number {
  let done = 0;
  let retries = 0;
  while (done < lengthBytes) {
    try {
      const count = writeOnce(fd, source, sourceOffset + done, lengthBytes - done, positionOf(positionBytes, done));
      // A write of no bytes is no error in POSIX, but endless here if it repeats.
      if (count === 0 && ++retries > RETRY_COUNT_MAX) return done;
      done += count;
    } catch (error) {
      if (!isTransient(error) || ++retries > RETRY_COUNT_MAX) throw error;
    }
  }
  return done;
}

/** After part of a block a position beyond 2^53 is no double any more. */
function positionOf(positionBytes: number, done: number): number | bigint {
  const position = positionBytes + done;
  return position <= Number.MAX_SAFE_INTEGER ? position : BigInt(positionBytes) + BigInt(done);
}

function writeOnce(fd: number, source: Uint8Array, offset: number, lengthBytes: number, position: number | bigint): number {
  if (typeof position === 'number') return writeSync(fd, source, offset, lengthBytes, position);
  // Node would take the position for none and write where the descriptor stands.
  const native = nativeCalls();
  assert(native !== null, 'a store beyond 2^53 bytes is opened for writing only with native calls');
  return native.write(fd, source.subarray(offset, offset + lengthBytes), position);
}

/** The `StoreFault` of an error that the system reported. Anything else is a programming error and thrown on. */
export function faultOf(error: unknown, readOnly: boolean): StoreFault {
  switch (systemErrorCode(error)) {
    case undefined:
      throw error;
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return StoreFault.noSpace;
    case 'EROFS':
      return StoreFault.readOnly;
    case 'EBADF':
      return readOnly ? StoreFault.readOnly : StoreFault.io;
    default:
      return StoreFault.io;
  }
}

/** The name of the system's error (`ENOSPC`), or undefined when `error` did not come from a system call. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function isTransient(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'EINTR' || code === 'EAGAIN';
}
