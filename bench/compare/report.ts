import type { Environment } from './environment.js';
import { initiators } from './initiators.js';
import type { ContenderOutcome, MatrixOutcome } from './matrix.js';
import type { RunRecord, Workload } from './model.js';
import type { Plan } from './options.js';
import { pairedRatios, type Summary, summarize } from './statistics.js';

/** One contender in one workload. */
export interface ReportRow {
  readonly workload: string;
  readonly contender: string;
  readonly iops: Summary | null;
  /** To the baseline, round by round; null without a baseline and for the baseline itself. */
  readonly ratio: Summary | null;
  /** CPU time of the target for a million commands. */
  readonly cpuSecondsPerMillion: Summary | null;
  readonly failedRunCount: number;
}

/** All that a comparison found out; what `--json` writes. */
export interface Report {
  readonly format: 1;
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
    format: 1,
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

function rowsOf(workload: Workload, contenders: readonly ContenderOutcome[], runs: readonly RunRecord[], baseline: string): ReportRow[] {
  const counted = runs.filter((run) => run.workload === workload.name && run.round > 0);
  const iopsOf = (contender: string): Map<number, number> =>
    new Map(counted.flatMap(({ contender: name, round, measurement }) => (name === contender && measurement !== null ? [[round, measurement.iops]] : [])));
  const baselineIops = iopsOf(baseline);
  return contenders.flatMap(({ name }) => {
    const own = runs.filter((run) => run.workload === workload.name && run.contender === name);
    if (own.length === 0) return [];
    const iops = iopsOf(name);
    return [
      {
        workload: workload.name,
        contender: name,
        iops: summarize([...iops.values()]),
        ratio: name === baseline ? null : summarize(pairedRatios(iops, baselineIops)),
        cpuSecondsPerMillion: summarize(counted.flatMap((run) => (run.contender === name ? cpuPerMillion(run) : []))),
        failedRunCount: own.filter((run) => run.error !== null).length,
      },
    ];
  });
}

function cpuPerMillion({ measurement }: RunRecord): number[] {
  if (measurement === null || measurement.cpuSeconds === null) return [];
  return [(measurement.cpuSeconds / measurement.operationCount) * MILLION];
}

// --- Text ------------------------------------------------------------------------------------------------------------

interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NOTHING = '–';
const MIB = 1024 * 1024;
const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const twoDigits = (value: number): string => value.toFixed(2);
const oneDigit = (value: number): string => value.toFixed(1);

function medianCell(summary: Summary | null, format: (value: number) => string): string {
  return summary === null ? NOTHING : format(summary.median);
}

function rangeCell(summary: Summary | null, format: (value: number) => string): string {
  return summary === null ? NOTHING : `${format(summary.min)} – ${format(summary.max)}`;
}

function tablesOf(report: Report): Table[] {
  const { baseline } = report.settings;
  const head = ['contender', 'IOPS', 'min – max', `× ${baseline}`, 'min – max', 'CPU s / 1 M', 'min – max', 'failed'];
  const tables: Table[] = report.workloads.map((workload) => ({
    title: `${workload.name}: ${workload.title} (${initiators[workload.initiator].name})`,
    head,
    rows: report.rows
      .filter((row) => row.workload === workload.name)
      .map(({ contender, iops, ratio, cpuSecondsPerMillion: cpu, failedRunCount }) => [
        contender,
        medianCell(iops, whole),
        rangeCell(iops, whole),
        medianCell(ratio, twoDigits),
        rangeCell(ratio, twoDigits),
        medianCell(cpu, oneDigit),
        rangeCell(cpu, oneDigit),
        String(failedRunCount),
      ]),
  }));
  const targets = report.contenders.map(({ name, title, verifiedBytes, peakRssBytes }) => [
    name,
    title,
    verifiedBytes === 0 ? 'no' : whole(verifiedBytes / MIB),
    peakRssBytes === null ? NOTHING : whole(peakRssBytes / MIB),
  ]);
  return [...tables, { title: 'contenders', head: ['contender', 'what it is', 'verified MiB', 'peak RSS MiB'], rows: targets }];
}

function preamble({ environment: e, settings: s }: Report): string[] {
  const commit = e.commit === null ? 'no commit' : `commit ${e.commit}${e.isModified ? ' with changes' : ''}`;
  const rounds = `${s.rounds} ${s.rounds === 1 ? 'round' : 'rounds'} of ${s.seconds} s${s.warmUpRounds > 0 ? ' after a warm-up round' : ''}`;
  return [
    `${e.date}, ${commit}, Node ${e.node}${e.tgt === null ? '' : `, tgt ${e.tgt}`}`,
    `${e.cpuCount} × ${e.cpu}, ${whole(e.memoryBytes / MIB)} MiB, ${e.system}`,
    `${rounds}, seed ${s.seed}; medians, and the range of all rounds; × ${s.baseline} is the median of the ratios of each round`,
  ];
}

function remarks(report: Report): string[] {
  return [
    ...report.missing.map((text) => `left out: ${text}`),
    ...report.warnings.map((text) => `warning: ${text}`),
    ...report.failures.map((text) => `FAILED: ${text}`),
  ];
}

/** For a terminal. */
export function renderText(report: Report): string {
  const blocks = tablesOf(report).map(({ title, head, rows }) => [title, ...alignColumns([head, ...rows]).map((line) => `  ${line}`)].join('\n'));
  const notes = remarks(report);
  return [preamble(report).join('\n'), ...blocks, ...(notes.length > 0 ? [notes.join('\n')] : [])].join('\n\n');
}

/** Names stand to the left, figures to the right. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isFigure = widths.map((_, column) => rows.slice(1).every((row) => /^[\d.,– ]*$/.test(row[column] ?? '')));
  return rows.map((row) =>
    row
      .map((cell, column) => (isFigure[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export function renderMarkdown(report: Report): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const blocks = tablesOf(report).map(({ title, head, rows }) => [`## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'));
  const notes = remarks(report);
  const list = (lines: readonly string[]): string => lines.map((text) => `- ${text}`).join('\n');
  return `${['# Lunloom beside other targets', list(preamble(report)), ...(notes.length > 0 ? [list(notes)] : []), ...blocks].join('\n\n')}\n`;
}
