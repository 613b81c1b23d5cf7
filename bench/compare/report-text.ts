import { describeOrigin } from '../shared/program.js';
import { NOTHING, renderMarkdownTable, renderTextTable, type Table } from '../shared/table.js';
import { FLOOR } from './contenders.js';
import { initiators } from './initiators.js';
import type { Report, ReportRow } from './report.js';
import type { Summary } from './statistics.js';

const MIB = 1024 * 1024;
const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const twoDigits = (value: number): string => value.toFixed(2);
const oneDigit = (value: number): string => value.toFixed(1);

type Format = (value: number) => string;

function medianCell(summary: Summary | null, format: Format): string {
  return summary === null ? NOTHING : format(summary.median);
}

function rangeCell(summary: Summary | null, format: Format): string {
  return summary === null ? NOTHING : `${format(summary.min)} – ${format(summary.max)}`;
}

interface Column {
  readonly head: string;
  cell(row: ReportRow): string;
}

function median(head: string, figure: (row: ReportRow) => Summary | null, format: Format): Column {
  return { head, cell: (row) => medianCell(figure(row), format) };
}

function medianAndRange(head: string, figure: (row: ReportRow) => Summary | null, format: Format): Column[] {
  return [median(head, figure, format), { head: 'min – max', cell: (row) => rangeCell(figure(row), format) }];
}

function columnsOf(baseline: string): readonly Column[] {
  return [
    { head: 'contender', cell: ({ contender }) => contender },
    ...medianAndRange('IOPS', ({ iops }) => iops, whole),
    ...medianAndRange(`× ${baseline}`, ({ ratio }) => ratio, twoDigits),
    median(`× ${FLOOR}`, ({ floorRatio }) => floorRatio, twoDigits),
    median('p50 µs', ({ p50 }) => p50, whole),
    median('p99 µs', ({ p99 }) => p99, whole),
    median('p99.9 µs', ({ p999 }) => p999, whole),
    ...medianAndRange('CPU s / 1 M', ({ cpuSecondsPerMillion }) => cpuSecondsPerMillion, oneDigit),
    median('IOPS / CPU s', ({ perCpuSecond }) => perCpuSecond, whole),
    median(`× ${baseline}`, ({ perCpuSecondRatio }) => perCpuSecondRatio, twoDigits),
    { head: 'failed', cell: ({ failedRunCount }) => String(failedRunCount) },
  ];
}

/** Every ratio to the baseline in one table: a workload a line, a contender a column. Those over files stand in the columns of their like. */
function overviewOf({ workloads, rows, contenders, settings }: Report): Table {
  const families = [...new Set(contenders.map(({ name }) => familyOf(name)))].filter((name) => name !== settings.baseline);
  const cells = workloads.map(({ name }) => [
    name,
    ...families.map((family) => medianCell(rows.find((row) => row.workload === name && familyOf(row.contender) === family)?.ratio ?? null, twoDigits)),
  ]);
  return { title: `IOPS × ${settings.baseline}`, head: ['workload', ...families], rows: cells };
}

const familyOf = (contender: string): string => contender.replace(/-(file|direct)$/, '');

function tablesOf(report: Report): Table[] {
  const columns = columnsOf(report.settings.baseline);
  const tables = report.workloads.map(({ name, title, initiator }) => ({
    title: `${name}: ${title} (${initiators[initiator].name})`,
    head: columns.map(({ head }) => head),
    rows: report.rows.filter(({ workload }) => workload === name).map((row) => columns.map(({ cell }) => cell(row))),
  }));
  const targets = report.contenders.map(({ name, title, verifiedBytes, peakRssBytes }) => [
    name,
    title,
    verifiedBytes === 0 ? 'no' : whole(verifiedBytes / MIB),
    peakRssBytes === null ? NOTHING : whole(peakRssBytes / MIB),
  ]);
  return [overviewOf(report), ...tables, { title: 'contenders', head: ['contender', 'what it is', 'verified MiB', 'peak RSS MiB'], rows: targets }];
}

/** Where, with what and how it was measured. */
export function preambleOf({ environment, settings: s }: Report): readonly string[] {
  const rounds = `${s.rounds} ${s.rounds === 1 ? 'round' : 'rounds'} of ${s.seconds} s${s.warmUpRounds > 0 ? ' after a warm-up round' : ''}`;
  return [
    ...describeOrigin(environment),
    ...(environment.tgt === null ? [] : [`tgt ${environment.tgt}`]),
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
  const notes = remarks(report);
  return [preambleOf(report).join('\n'), ...tablesOf(report).map(renderTextTable), ...(notes.length > 0 ? [notes.join('\n')] : [])].join('\n\n');
}

export function renderMarkdown(report: Report): string {
  const notes = remarks(report);
  const list = (lines: readonly string[]): string => lines.map((text) => `- ${text}`).join('\n');
  const tables = tablesOf(report).map(renderMarkdownTable);
  return `${['# Lunloom beside other targets', list(preambleOf(report)), ...(notes.length > 0 ? [list(notes)] : []), ...tables].join('\n\n')}\n`;
}
