import { ObjectStoreFault } from './object-store-fault.js';

const MDB_MAP_FULL = -30792;
const ENOSPC = 28;

/** Faults by the code that `node:fs`, native calls or LMDB give. */
const noSpaceCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', ENOSPC, MDB_MAP_FULL]);

/**
 * `error` as a fault of the store. What carries no code of the system or of LMDB is a programmer's mistake and comes back as it is.
 */
export function asStoreFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ObjectStoreFault) return error;
  const code = (error as { code?: unknown }).code;
  if (noSpaceCodes.has(code)) return new ObjectStoreFault('no-space', 'the device is full', { cause: error });
  if (code === 'EFBIG') return new ObjectStoreFault('too-long', 'the file system has no such long files', { cause: error });
  if (code === 'EROFS') return new ObjectStoreFault('read-only', 'the file system can only be read', { cause: error });
  const isSystemCode = typeof code === 'number' || (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code));
  return isSystemCode ? new ObjectStoreFault('medium-error', `the store failed: ${error.message}`, { cause: error }) : error;
}

export function notFound(what: string): ObjectStoreFault {
  return new ObjectStoreFault('not-found', `there is no such ${what}`);
}
