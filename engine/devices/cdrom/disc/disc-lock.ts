import { TargetError } from '../../../errors.js';
import { StateLock } from '../../../state/state-lock.js';
import { codeOf } from './sidecar-file.js';

/** Two drives on one disc would each overwrite what the other recorded: who may write to it has it alone, in this process and among others. */
export const DiscLock = {
  /** Throws `TargetError` `DISC_IN_USE` and `DISC_READ_ONLY`. */
  take(imagePath: string): StateLock {
    try {
      return StateLock.take(lockPathOf(imagePath), `the disc ${imagePath}`);
    } catch (error) {
      if (error instanceof TargetError) throw inUse(imagePath);
      throw new TargetError('DISC_READ_ONLY', `${imagePath} cannot be locked for writing (${codeOf(error)}); serve it with readonly`, { cause: error });
    }
  },

  /** For a drive that only reads: throws `DISC_IN_USE` when another one may write. */
  assertFree(imagePath: string): void {
    if (StateLock.foreignHolder(lockPathOf(imagePath), '') !== null) throw inUse(imagePath);
  },
};

export function lockPathOf(imagePath: string): string {
  return `${imagePath}.lock`;
}

function inUse(imagePath: string): TargetError {
  const holder = StateLock.foreignHolder(lockPathOf(imagePath), '');
  const whom = holder === null ? 'another drive that opens it now' : holder.pid === process.pid ? 'another drive of this process' : `process ${holder.pid}`;
  return new TargetError('DISC_IN_USE', `${imagePath} is in use by ${whom}, which may write to it. Nothing was changed`);
}
