import { fsyncSync } from 'node:fs';
import { TargetError } from '../errors.js';
import { measureFile, openFailure, setFileSize } from './file-open.js';
import { assertSize } from './range.js';
import type { StoreDescriptor } from './store.js';

/**
 * Sees to it that the file of a store has `sizeBytes`, on stable storage. When it has them already, because somebody else made it
 * so, nothing is changed; a device must have them. Throws `TargetError` `STORE_SIZE_INVALID`, `STORE_SIZE_UNSUPPORTED`,
 * `STORE_SIZE_MISMATCH`, `STORE_READ_ONLY`, `STORE_NO_SPACE` or `STORE_OPEN_FAILED`, and the file is as it was.
 */
export function resizeFile(descriptor: Extract<StoreDescriptor, { kind: 'file' }>, sizeBytes: number, blockLengthBytes?: number): void {
  const { fd, path, readOnly, alignmentBytes, space } = descriptor;
  assertSize(sizeBytes, path, blockLengthBytes);
  if (sizeBytes % alignmentBytes !== 0) {
    throw new TargetError('STORE_SIZE_INVALID', `${path} takes direct I/O in ${alignmentBytes} bytes, of which ${sizeBytes} are no multiple`);
  }
  try {
    const currentBytes = measureFile(fd, path);
    // A store of whole blocks may leave a rest of the device unused.
    if (currentBytes === BigInt(sizeBytes) || (space.isBlockDevice && currentBytes > BigInt(sizeBytes))) return;
    if (space.isBlockDevice) throw new TargetError('STORE_SIZE_MISMATCH', `${path} is a device of ${currentBytes} bytes and cannot be given ${sizeBytes}`);
    if (readOnly) throw new TargetError('STORE_READ_ONLY', `${path} was opened for reading only and has ${currentBytes} bytes, not ${sizeBytes}`);
    setFileSize(fd, sizeBytes, path);
    fsyncSync(fd);
  } catch (error) {
    throw openFailure(error, path);
  }
}
