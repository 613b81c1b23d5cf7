import type { Environment } from '../compare/environment.js';

/** The process `lunloom serve`, from its start to its ready line. */
export interface StartRow {
  readonly stores: string;
  readonly lunCount: number;
  readonly startMs: number;
  readonly rssBytes: number;
}

/** What logical units cost an engine and those who log in. */
export interface LunRow {
  readonly store: 'null' | 'ram';
  readonly lunCount: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly loginMs: number;
  readonly reportLunsMs: number;
}

/** What sessions cost; growth is to the same engine with nobody logged in. */
export interface SessionRow {
  readonly lunCount: number;
  readonly sessionCount: number;
  readonly loginMs: number;
  readonly logoutMs: number | null;
  /** TEST UNIT READY of one session while the others are silent. */
  readonly testUnitReadyMs: number;
  readonly rssGrowthBytes: number;
  readonly heapGrowthBytes: number;
  /** CPU time of the target while nothing is outstanding, as a share of one core; null when it was not watched. */
  readonly idleCpuShare: number | null;
}

export interface SizeRow {
  readonly store: 'null' | 'file';
  readonly sizeBytes: number;
  readonly startMs: number;
  readonly rssBytes: number;
  /** 4 KiB at the end of the unit, one at a time. */
  readonly readMs: number;
}

export interface DepthRow {
  readonly depth: number;
  readonly iops: number;
  readonly cpuMicros: number | null;
  readonly peakRssBytes: number;
}

/** `ram` sends reads straight out of the medium; `file` takes the arena for both directions. */
export type LoadStore = 'ram' | 'file';

/** Many large commands of many sessions at once. */
export interface LoadRow {
  readonly store: LoadStore;
  readonly direction: 'write' | 'read';
  readonly sessionCount: number;
  readonly depth: number;
  readonly lengthBytes: number;
  readonly commandCount: number;
  /** Answers TASK SET FULL: those commands were sent again. */
  readonly taskSetFullCount: number;
  readonly bytesPerSecond: number;
  readonly restRssBytes: number;
  readonly peakRssBytes: number;
  readonly peakArenaBytes: number;
  readonly arenaBytes: number;
  readonly peakTaskCount: number;
}

/** Something that must hold on any machine. */
export interface Verdict {
  readonly text: string;
  readonly isKept: boolean;
}

export interface LoadSettings {
  readonly stores: readonly LoadStore[];
  readonly sessionCount: number;
  readonly depth: number;
  readonly lengthBytes: number;
  /** Of each session. */
  readonly commandCount: number;
}

export interface ScaleSettings {
  readonly startLunCounts: readonly number[];
  readonly startRounds: number;
  readonly lunCounts: readonly number[];
  readonly sessionCounts: readonly number[];
  /** Numbers of LUNs under the sessions. */
  readonly sessionLunCounts: readonly number[];
  readonly idleSeconds: number;
  readonly sizes: readonly number[];
  readonly fileSizes: readonly number[];
  readonly depths: readonly number[];
  readonly depthSeconds: number;
  readonly load: LoadSettings;
}

export const partNames = ['start', 'luns', 'sessions', 'sizes', 'depth', 'memory'] as const;
export type PartName = (typeof partNames)[number];

export interface ScaleFigures {
  readonly start: readonly StartRow[];
  readonly luns: readonly LunRow[];
  readonly sessions: readonly SessionRow[];
  readonly sizes: readonly SizeRow[];
  readonly depth: readonly DepthRow[];
  readonly memory: readonly LoadRow[];
}

/** What `--json` writes. */
export interface ScaleReport extends ScaleFigures {
  readonly format: 1;
  readonly environment: Environment;
  readonly settings: ScaleSettings;
  readonly verdicts: readonly Verdict[];
  readonly warnings: readonly string[];
  /** Errors, wrong data and leaks; a part that failed has no rows behind its failure. */
  readonly failures: readonly string[];
}
