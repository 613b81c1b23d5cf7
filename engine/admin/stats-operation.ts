import type { LoginCounts } from '../access/index.js';
import { type CommandStages, STAGES, type Stage } from '../metrics/command-stages.js';
import type { SlowCommand } from '../metrics/slowest-commands.js';
import type { StageAccounting } from '../metrics/stage-accounting.js';
import type { UnitCounters, UnitMetrics } from '../metrics/unit-metrics.js';
import type { ControlClient, ControlHandler } from './control-socket.js';
import type { GcPauses, LoopDelay, RuntimeWatch } from './runtime-watch.js';

/** Raised when a member changes its meaning or goes; new ones may come without. */
export const STATS_FORMAT = 1;

/** A histogram without its empty buckets: pairs of bucket and count. `bucketFloor` tells what a bucket holds, in tenths of a microsecond. */
export type SparseCounts = readonly (readonly [bucket: number, count: number])[];

/** What is counted of one command on one logical unit, since the start. */
export interface CommandStats {
  readonly name: string;
  /** Null for what was counted together: unknown commands, or those beyond the memory for histograms. */
  readonly opcode: number | null;
  readonly serviceAction: number | null;
  readonly count: number;
  readonly failedCount: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly stages: Readonly<Record<Stage, SparseCounts>>;
}

export interface UnitStats {
  readonly target: string;
  readonly lun: number;
  readonly execution: string;
  readonly counters: UnitCounters;
  readonly commands: readonly CommandStats[];
}

export interface SessionStats {
  readonly tsih: number;
  readonly initiator: string;
  /** Null for a discovery session. */
  readonly target: string | null;
  readonly remoteAddress: string;
  readonly outstandingCount: number;
}

/** Times are microseconds of the engine's clock. */
export interface SlowCommandStats extends Omit<SlowCommand, 'cdb' | 'label'> {
  readonly target: string;
  readonly lun: number | null;
  /** Hexadecimal. */
  readonly cdb: string;
}

/** The result of the operation `stats`. Everything is since the start but `eventLoop.delay`, which is since the same client asked last. */
export interface StatsResult {
  readonly format: typeof STATS_FORMAT;
  readonly processId: number;
  readonly nowMicros: number;
  readonly uptimeMicros: number;
  readonly units: readonly UnitStats[];
  /** Commands of all units beyond the memory for histograms; null when there were none. */
  readonly overflow: CommandStats | null;
  readonly sessions: readonly SessionStats[];
  readonly logins: LoginCounts;
  /** Commands out on the ring of each worker. */
  readonly ringDepths: readonly number[];
  readonly slots: { readonly total: number; readonly free: number };
  readonly arena: { readonly totalBytes: number; readonly freeBytes: number };
  readonly eventLoop: { readonly activeMicros: number; readonly idleMicros: number; readonly delayMicros: LoopDelay | null };
  readonly gc: Readonly<Record<string, GcPauses>>;
  readonly slowest: readonly SlowCommandStats[];
}

/** What the operation needs of a running engine. */
export interface StatsSource {
  readonly accounting: StageAccounting;
  readonly watch: RuntimeWatch;
  readonly startedAtMicros: number;
  nowMicros(): number;
  units(): readonly { readonly metrics: UnitMetrics; readonly execution: string }[];
  sessions(): readonly SessionStats[];
  logins(): LoginCounts;
  ringDepths(): readonly number[];
  slots(): StatsResult['slots'];
  arena(): StatsResult['arena'];
}

/** The control operation `stats`: everything that is counted, as it stands. */
export function statsOperation(source: StatsSource): ControlHandler {
  return (_params, client) => statsOf(source, client);
}

function statsOf(source: StatsSource, client: ControlClient): StatsResult {
  const nowMicros = source.nowMicros();
  const { accounting, watch } = source;
  return {
    format: STATS_FORMAT,
    processId: process.pid,
    nowMicros,
    uptimeMicros: nowMicros - source.startedAtMicros,
    units: source.units().map(({ metrics, execution }) => ({
      target: metrics.label.targetName,
      lun: metrics.label.lun ?? 0,
      execution,
      counters: metrics.read(),
      commands: metrics.commandStages.map((stages) => commandStatsOf(stages, 'unknown command')),
    })),
    overflow: accounting.overflow === null ? null : commandStatsOf(accounting.overflow, 'beyond the limit stageHistogramBytesMax'),
    sessions: source.sessions(),
    logins: source.logins(),
    ringDepths: source.ringDepths(),
    slots: source.slots(),
    arena: source.arena(),
    eventLoop: { ...watch.loopTime(), delayMicros: watch.loopDelay(client.gone) },
    gc: watch.gcPauses(),
    slowest: accounting.slowest.list(nowMicros).map(slowCommandStatsOf),
  };
}

function commandStatsOf(stages: CommandStages, otherName: string): CommandStats {
  const { command } = stages;
  return {
    name: command?.name ?? otherName,
    opcode: command?.opcode ?? null,
    serviceAction: command?.serviceAction ?? null,
    ...stages.read(),
    stages: Object.fromEntries(STAGES.map((stage) => [stage, sparse(stages.countsOf(stage))])) as Record<Stage, SparseCounts>,
  };
}

function sparse(counts: Float64Array): SparseCounts {
  const pairs: [number, number][] = [];
  for (const [bucket, count] of counts.entries()) if (count > 0) pairs.push([bucket, count]);
  return pairs;
}

function slowCommandStatsOf({ cdb, label, ...rest }: SlowCommand): SlowCommandStats {
  return { ...rest, target: label.targetName, lun: label.lun, cdb: Buffer.from(cdb).toString('hex') };
}
