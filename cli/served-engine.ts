import type { EngineSnapshot } from '../engine/metrics/engine-metrics.js';

/** What the command line needs of a running engine; `engine/engine.ts` has it, and tests have a double. */
export interface ServedEngine {
  /** Really bound: a port of 0 has become a number. */
  readonly portals: readonly ServedPortal[];
  /** Its path is null when the engine has none. */
  readonly control?: { readonly path: string | null };
  describe(): readonly ServedTarget[];
  snapshot(): EngineSnapshot;
  /** `immediately: false` lets initiators log out first. */
  stop(options: { readonly immediately: boolean }): Promise<void>;
}

export interface ServedPortal {
  readonly address: string;
  readonly port: number;
}

export interface ServedTarget {
  readonly name: string;
  /** Initiators have to authenticate. */
  readonly needsChap?: boolean;
  readonly luns: readonly ServedLun[];
}

export interface ServedLun {
  readonly lun: number;
  /** `disk`, which it is too when this is left out, or another kind of device. */
  readonly device?: string;
  readonly store: string;
  /** Null for what has no size, or no medium now. */
  readonly sizeBytes: number | null;
  readonly blockLengthBytes: number | null;
  readonly readOnly: boolean;
  readonly execution: string;
  /** More of a device in a few words. */
  readonly detail?: string;
}
