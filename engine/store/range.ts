import { assert, TargetError } from '../errors.js';

/** The smallest logical block a logical unit can have. */
export const BLOCK_LENGTH_BYTES_MIN = 512;
/** Up to here every whole number is a double. */
const EXACT_INTEGER_MAX = 2 ** 53;
/** Files and `lseek` count to 2^63 - 1. */
const POSITION_BYTES_END = 2 ** 63;

/**
 * The device server has checked the LBA range against the capacity; a call beyond it is a programming error, and on a
 * file it would grow the image. Exact beyond 2^53 as well, where `assertSize` lets only multiples of blocks be positions.
 */
export function assertRange(positionBytes: number, lengthBytes: number, sizeBytes: number): void {
  assert(positionBytes >= 0 && lengthBytes >= 0 && positionBytes + lengthBytes <= sizeBytes, 'a store call stays inside the store');
}

/**
 * How large a store of such blocks can be. Positions are doubles: beyond 2^53 only multiples of ever larger powers of two are exact,
 * and every block begins at a multiple of the largest power of two that divides its length.
 */
export function sizeBytesMaxOf(blockLengthBytes: number): number {
  return Math.min(EXACT_INTEGER_MAX * (blockLengthBytes & -blockLengthBytes), POSITION_BYTES_END - blockLengthBytes);
}

/** Throws `TargetError` `STORE_SIZE_INVALID` unless all positions of blocks in `sizeBytes` are exact. */
export function assertSize(sizeBytes: number, subject: string, blockLengthBytes = BLOCK_LENGTH_BYTES_MIN): void {
  if (!Number.isInteger(sizeBytes) || sizeBytes <= 0) {
    throw new TargetError('STORE_SIZE_INVALID', `the size of ${subject} must be a whole number of bytes, 1 or more, not ${sizeBytes}`);
  }
  const sizeBytesMax = sizeBytesMaxOf(blockLengthBytes);
  if (sizeBytes > sizeBytesMax) {
    const why = `with blocks of ${blockLengthBytes} bytes it can have ${sizeBytesMax}; use larger blocks`;
    throw new TargetError('STORE_SIZE_INVALID', `${subject} is too large with ${sizeBytes} bytes: ${why}`);
  }
  if (sizeBytes > EXACT_INTEGER_MAX && BigInt(sizeBytes) % BigInt(blockLengthBytes) !== 0n) {
    throw new TargetError(
      'STORE_SIZE_INVALID',
      `${subject} has more than 2^53 bytes and must be whole blocks of ${blockLengthBytes} then, not ${sizeBytes} bytes`,
    );
  }
}

/** Of what configuration grants. Throws `TargetError` `STORE_SPACE_INVALID`. */
export function assertSpace(spaceBytes: number | undefined, subject: string): void {
  if (spaceBytes === undefined || (Number.isInteger(spaceBytes) && spaceBytes > 0)) return;
  throw new TargetError('STORE_SPACE_INVALID', `the space of ${subject} must be a whole number of bytes, 1 or more, not ${spaceBytes}`);
}
