import { assert, TargetError } from '../errors.js';

/**
 * The device server has checked the LBA range against the capacity; a call beyond it is a programming error, and on a
 * file it would grow the image.
 */
export function assertRange(positionBytes: number, lengthBytes: number, sizeBytes: number): void {
  assert(positionBytes >= 0 && lengthBytes >= 0 && positionBytes + lengthBytes <= sizeBytes, 'a store call stays inside the store');
}

/** Throws `TargetError` `STORE_SIZE_INVALID` unless `sizeBytes` is a whole number that positions can be counted with. */
export function assertSize(sizeBytes: number, subject: string): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes > 0) return;
  throw new TargetError('STORE_SIZE_INVALID', `the size of ${subject} must be a whole number of bytes from 1 to 2^53 - 1, not ${sizeBytes}`);
}
