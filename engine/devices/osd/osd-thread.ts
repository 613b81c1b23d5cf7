import { defaultLimits, type Limits } from '../../limits.js';
import { OsdService } from './osd-service.js';
import { openObjectStore } from './store/open-object-store.js';

/** What crosses to the thread. */
export interface OsdThreadOptions {
  readonly directory: string;
  readonly limits: Limits;
  /** Bytes, or null for what the file system has. */
  readonly capacityBytes: bigint | null;
  readonly isReadOnly: boolean;
  readonly defaultSecurityMethod: number;
}

/** The module of a bound thread: the store is opened where it is used. The directory has been claimed on the main thread. */
export function create(options: unknown): OsdService {
  const { directory, limits = defaultLimits, capacityBytes, isReadOnly, defaultSecurityMethod } = options as OsdThreadOptions;
  const store = openObjectStore({ directory, limits, capacityBytes, readOnly: isReadOnly, claim: false });
  return new OsdService(store, { nowMs: Date.now, defaultSecurityMethod, isReadOnly, limits });
}
