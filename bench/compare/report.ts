import { FLOOR } from './contenders.js';
import type { Environment } from './environment.js';
import type { ContenderOutcome, MatrixOutcome } from './matrix.js';
import type { Measurement, RunRecord, Workload } from './model.js';
import type { Plan } from './options.js';
import { pairedRatios, type Summary, summarize } from './statistics.js';

/** One contender in one workload. */
export interface ReportRow {
  readonly workload: string;
  readonly contender: string;
  readonly iops: Summary | null;
  /** To the baseline, round by round; null without a baseline and for the baseline itself. */
  readonly ratio: Summary | null;
  /** To the bare C server, likewise. */
  readonly floorRatio: Summary | null;
  /** CPU time of the target for a million commands. */
  readonly cpuSecondsPerMillion: Summary | null;
  /** Commands for a second of the target's CPU time. */
  readonly perCpuSecond: Summary | null;
  readonly perCpuSecondRatio: Summary | null;
  /** Microseconds, of the rounds whose initiator tells them. */
  readonly p50: Summary | null;
  readonly p99: Summary | null;
  readonly p999: Summary | null;
  readonly failedRunCount: number;
}

/** All that a comparison found out; what `--json` writes. */
export interface Report {
  readonly format: 2;
  readonly environment: Environment;
  readonly settings: Pick<Plan, 'rounds' | 'warmUpRounds' | 'seconds' | 'seed' | 'baseline'>;
  readonly contenders: readonly ContenderOutcome[];
  readonly workloads: readonly Workload[];
  readonly rows: readonly ReportRow[];
  readonly runs: readonly RunRecord[];
  /** Contenders and workloads that were left out, and why. */
  readonly missing: readonly string[];
  readonly warnings: readonly string[];
  readonly failures: readonly string[];
}

const MILLION = 1_000_000;

export function buildReport(plan: Plan, environment: Environment, outcome: MatrixOutcome, missing: readonly string[]): Report {
  const { rounds, warmUpRounds, seconds, seed, baseline } = plan;
  const contenders = plan.contenders.flatMap(({ name }) => outcome.contenders.filter((one) => one.name === name));
  return {
    format: 2,
    environment,
    settings: { rounds, warmUpRounds, seconds, seed, baseline },
    contenders,
    workloads: plan.workloads,
    rows: plan.workloads.flatMap((workload) => rowsOf(workload, contenders, outcome.runs, baseline)),
    runs: outcome.runs,
    missing,
    warnings: outcome.warnings,
    failures: outcome.failures,
  };
}

/** Figures of each contender by round. */
type Rounds = ReadonlyMap<number, number>;

function ratioOf(values: Rounds, base: Rounds): Summary | null {
  return values === base ? null : summarize(pairedRatios(values, base));
}

/** Contenders over files are divided by the baseline over files. */
function baselineOf({ mediumKind = 'memory' }: Workload, baseline: string, names: readonly string[]): string {
  const alike = `${baseline}-${mediumKind}`;
  return names.includes(alike) ? alike : baseline;
}

function rowsOf(workload: Workload, contenders: readonly ContenderOutcome[], runs: readonly RunRecord[], baseline: string): ReportRow[] {
  const ofWorkload = runs.filter((run) => run.workload === workload.name);
  const counted = ofWorkload.filter((run) => run.round > 0);
  const names = contenders.map(({ name }) => name).filter((name) => ofWorkload.some((run) => run.contender === name));
  const roundsOf = (name: string, figure: (measurement: Measurement) => number | null): Rounds => {
    const entries = counted.flatMap(({ contender, round, measurement }): [number, number][] => {
      const value = contender === name && measurement !== null ? figure(measurement) : null;
      return value === null ? [] : [[round, value]];
    });
    return new Map(entries);
  };
  const tables = (figure: (measurement: Measurement) => number | null): ReadonlyMap<string, Rounds> =>
    new Map(names.map((name) => [name, roundsOf(name, figure)]));
  const iops = tables(({ iops }) => iops);
  const perCpuSecond = tables(operationsPerCpuSecond);
  const base = baselineOf(workload, baseline, names);
  const none: Rounds = new Map();
  return names.map((name) => {
    const own = iops.get(name) ?? none;
    const ownPerCpuSecond = perCpuSecond.get(name) ?? none;
    const summaryOf = (figure: (measurement: Measurement) => number | null): Summary | null => summarize([...roundsOf(name, figure).values()]);
    return {
      workload: workload.name,
      contender: name,
      iops: summarize([...own.values()]),
      ratio: ratioOf(own, iops.get(base) ?? none),
      floorRatio: ratioOf(own, iops.get(FLOOR) ?? none),
      cpuSecondsPerMillion: summaryOf(cpuPerMillion),
      perCpuSecond: summarize([...ownPerCpuSecond.values()]),
      perCpuSecondRatio: ratioOf(ownPerCpuSecond, perCpuSecond.get(base) ?? none),
      p50: summaryOf(({ latency }) => latency?.p50 ?? null),
      p99: summaryOf(({ latency }) => latency?.p99 ?? null),
      p999: summaryOf(({ latency }) => latency?.p999 ?? null),
      failedRunCount: ofWorkload.filter((run) => run.contender === name && run.error !== null).length,
    };
  });
}

function cpuPerMillion({ cpuSeconds, operationCount }: Measurement): number | null {
  return cpuSeconds === null ? null : (cpuSeconds / operationCount) * MILLION;
}

function operationsPerCpuSecond({ cpuSeconds, operationCount }: Measurement): number | null {
  return cpuSeconds === null || cpuSeconds === 0 ? null : operationCount / cpuSeconds;
}
