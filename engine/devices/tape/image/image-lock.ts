import { TargetError } from '../../../errors.js';
import { type LockHolder, StateLock } from '../../../state/state-lock.js';
import { imageError } from './image-header.js';

/** Keeps other drives, of this process or of another, from an image; a drive whose thread has died gets its own back. */
export const ImageLock = {
  /** Throws `TargetError` `TAPE_IMAGE_IN_USE`; faults of the file system as they are. */
  take(imagePath: string, owner: string): StateLock {
    try {
      return StateLock.take(lockPath(imagePath), `the tape image ${imagePath}`, owner);
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      throw inUse(imagePath, StateLock.foreignHolder(lockPath(imagePath), owner));
    }
  },

  /** For one who only reads: throws when somebody writes. */
  assertFree(imagePath: string, owner: string): void {
    const holder = StateLock.foreignHolder(lockPath(imagePath), owner);
    if (holder !== null) throw inUse(imagePath, holder);
  },
};

function lockPath(imagePath: string): string {
  return `${imagePath}.lock`;
}

function inUse(imagePath: string, holder: LockHolder | null): ReturnType<typeof imageError> {
  const whom = holder === null ? 'another that opens it now' : holder.pid === process.pid ? 'another logical unit of this process' : `process ${holder.pid}`;
  return imageError('TAPE_IMAGE_IN_USE', `the tape image ${imagePath} is in use by ${whom}`);
}
