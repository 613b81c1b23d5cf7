import type { CommandStats, SparseCounts, StatsResult, UnitStats } from '../engine/admin/stats-operation.js';
import { LATENCY_UNITS_PER_MICRO, STAGES, type Stage } from '../engine/metrics/command-stages.js';
import { BUCKET_COUNT, quantileOf } from '../engine/shm/latency-histogram.js';

const MICROS_PER_SECOND = 1_000_000;

/** Microseconds below which the share of commands lies; known to 1/16. */
export interface StageFigures {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** One command on one logical unit. `count` and the like are of the span; `totalCount` is since the start. */
export interface CommandFigures {
  readonly name: string;
  readonly opcode: number | null;
  readonly serviceAction: number | null;
  readonly totalCount: number;
  readonly count: number;
  readonly failedCount: number;
  readonly perSecond: number;
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
  readonly stagesMicros: Readonly<Record<Stage, StageFigures>>;
}

export interface UnitFigures extends Omit<CommandFigures, 'name' | 'opcode' | 'serviceAction'> {
  readonly target: string;
  readonly lun: number;
  readonly execution: string;
  readonly inlineCount: number;
  readonly ringCount: number;
  /** The most frequent first; those without a command in the span are left out. */
  readonly commands: readonly CommandFigures[];
}

/** What `lunloom stats` tells of a span: percentiles and counts are of commands that ended in it. */
export interface StatsFigures {
  readonly spanMicros: number;
  /** The span of the rates, which may be shorter than that of the percentiles. */
  readonly rateSpanMicros: number;
  readonly units: readonly UnitFigures[];
  readonly overflow: CommandFigures | null;
}

const NOTHING: CommandStats = {
  name: '',
  opcode: null,
  serviceAction: null,
  count: 0,
  failedCount: 0,
  readBytes: 0,
  writeBytes: 0,
  stages: Object.fromEntries(STAGES.map((stage) => [stage, []])) as unknown as Record<Stage, SparseCounts>,
};

/**
 * Figures of two snapshots of one target. Rates are of the time between `before` and `after`; percentiles and counts of the time since
 * `from`, which is null for the start of the target.
 */
export function figuresOf(after: StatsResult, before: StatsResult, from: StatsResult | null): StatsFigures {
  const rateSpanMicros = Math.max(1, after.nowMicros - before.nowMicros);
  const view = (now: CommandStats, was: CommandStats, base: CommandStats) => commandFigures(now, was, base, rateSpanMicros);
  return {
    spanMicros: from === null ? after.uptimeMicros : after.nowMicros - from.nowMicros,
    rateSpanMicros,
    units: after.units.map((unit) => unitFigures(unit, unitOf(before, unit), from === null ? undefined : unitOf(from, unit), view)),
    overflow: after.overflow === null ? null : view(after.overflow, before.overflow ?? NOTHING, from?.overflow ?? NOTHING),
  };
}

type CommandView = (now: CommandStats, was: CommandStats, base: CommandStats) => CommandFigures;

function unitFigures(now: UnitStats, was: UnitStats | undefined, base: UnitStats | undefined, view: CommandView): UnitFigures {
  const commands = now.commands.map((command) => view(command, commandOf(was, command), commandOf(base, command)));
  const { name: _name, opcode: _opcode, serviceAction: _action, ...all } = view(sumOf(now), sumOf(was), sumOf(base));
  return {
    target: now.target,
    lun: now.lun,
    execution: now.execution,
    ...all,
    inlineCount: now.counters.inlineCount - (base?.counters.inlineCount ?? 0),
    ringCount: now.counters.ringCount - (base?.counters.ringCount ?? 0),
    commands: commands.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count),
  };
}

function commandFigures(now: CommandStats, was: CommandStats, base: CommandStats, rateSpanMicros: number): CommandFigures {
  const perSecond = (key: 'count' | 'readBytes' | 'writeBytes'): number => ((now[key] - was[key]) / rateSpanMicros) * MICROS_PER_SECOND;
  return {
    name: now.name,
    opcode: now.opcode,
    serviceAction: now.serviceAction,
    totalCount: now.count,
    count: now.count - base.count,
    failedCount: now.failedCount - base.failedCount,
    perSecond: perSecond('count'),
    readBytesPerSecond: perSecond('readBytes'),
    writeBytesPerSecond: perSecond('writeBytes'),
    stagesMicros: Object.fromEntries(STAGES.map((stage) => [stage, stageFigures(now.stages[stage], base.stages[stage])])) as Record<Stage, StageFigures>,
  };
}

function stageFigures(now: SparseCounts, base: SparseCounts): StageFigures {
  const counts = new Float64Array(BUCKET_COUNT);
  addTo(counts, now, 1);
  addTo(counts, base, -1);
  const micros = (quantile: number): number => quantileOf(counts, quantile) / LATENCY_UNITS_PER_MICRO;
  return { p50: micros(0.5), p99: micros(0.99), p999: micros(0.999), max: micros(1) };
}

function addTo(counts: Float64Array, pairs: SparseCounts, factor: 1 | -1): void {
  for (const [bucket, count] of pairs) if (bucket < counts.length) counts[bucket] = (counts[bucket] as number) + factor * count;
}

/** All commands of a unit as if they were one. */
function sumOf(unit: UnitStats | undefined): CommandStats {
  if (unit === undefined) return NOTHING;
  const sum = (key: 'count' | 'failedCount' | 'readBytes' | 'writeBytes'): number => unit.commands.reduce((total, command) => total + command[key], 0);
  const stages = {} as Record<Stage, SparseCounts>;
  for (const stage of STAGES) {
    const counts = new Float64Array(BUCKET_COUNT);
    for (const command of unit.commands) addTo(counts, command.stages[stage], 1);
    stages[stage] = [...counts.entries()].filter(([, count]) => count !== 0);
  }
  return { ...NOTHING, count: sum('count'), failedCount: sum('failedCount'), readBytes: sum('readBytes'), writeBytes: sum('writeBytes'), stages };
}

function unitOf(result: StatsResult, { target, lun }: UnitStats): UnitStats | undefined {
  return result.units.find((unit) => unit.target === target && unit.lun === lun);
}

function commandOf(unit: UnitStats | undefined, { opcode, serviceAction }: CommandStats): CommandStats {
  return unit?.commands.find((command) => command.opcode === opcode && command.serviceAction === serviceAction) ?? NOTHING;
}
