import { INLINE_COPY_BYTES_MAX } from '../../engine/dispatch/policy.js';
import type { Environment } from '../compare/environment.js';
import { pairedRatios, type Summary, summarize } from '../compare/statistics.js';
import { describeOrigin } from '../shared/program.js';
import { formatBytes, formatFigure, NOTHING, renderMarkdownTable, renderTextTable, type Table } from '../shared/table.js';
import { arrivals } from './batches.js';
import { type Curve, judgeBound, nearestPowerOfTwo, summarizeCrossovers, type Verdict } from './crossover.js';
import { type DispatchSample, type DispatchSettings, MAIN_TIME_COLUMN } from './measure.js';
import { type OperationName, operations } from './operations.js';
import { type VariantName, variantNames } from './variants.js';

/** One variant in one cell, in microseconds a command. */
export interface DispatchRow {
  readonly operation: OperationName;
  readonly lengthBytes: number;
  readonly column: string;
  readonly variant: VariantName;
  readonly micros: Summary;
  /** To `inline`, round by round; null for `inline` itself. */
  readonly ratio: Summary | null;
}

/** Sizes from which on the ring is the better place for an operation, by two measures; null when nothing was measured. */
export interface Crossover {
  readonly operation: OperationName;
  /** Inline holds the main thread for longer than a hop to a sleeping worker takes. */
  readonly holdsUpBytes: Summary | null;
  /** Inline takes more of the main thread than the ring does, with 8 outstanding. */
  readonly mainTimeBytes: Summary | null;
}

/** What `--json` writes. */
export interface DispatchReport {
  readonly format: 1;
  readonly environment: Environment;
  readonly settings: DispatchSettings;
  readonly rows: readonly DispatchRow[];
  /** What the ring adds to a command that does nothing and finds its worker asleep, in microseconds. */
  readonly hopMicros: Summary | null;
  readonly crossovers: readonly Crossover[];
  readonly policy: { readonly inlineCopyBytesMax: number; readonly verdict: Verdict };
  readonly warnings: readonly string[];
}

const KIB = 1024;
const HOP_ARRIVAL = '1-paused';
const DATA_OPERATIONS = operations.filter(({ name }) => name !== 'null');

export function buildDispatchReport(
  environment: Environment,
  settings: DispatchSettings,
  samples: readonly DispatchSample[],
  warnings: readonly string[],
): DispatchReport {
  const rounds = Array.from({ length: settings.rounds }, (_, index) => index + 1);
  const measured = DATA_OPERATIONS.filter(({ name }) => settings.operations.includes(name));
  const crossovers = measured.map(({ name }) => crossoverOf(name, samples, rounds));
  return {
    format: 1,
    environment,
    settings,
    rows: rowsOf(samples),
    hopMicros: summarize(rounds.map((round) => hopOf(samples, round))),
    crossovers,
    policy: {
      inlineCopyBytesMax: INLINE_COPY_BYTES_MAX,
      verdict: judgeBound(INLINE_COPY_BYTES_MAX, crossovers.find(({ operation }) => operation === 'copy')?.holdsUpBytes ?? null),
    },
    warnings,
  };
}

function rowsOf(samples: readonly DispatchSample[]): DispatchRow[] {
  const columns = [...arrivals.map(({ name }) => name), MAIN_TIME_COLUMN];
  return operations.flatMap(({ name: operation, sizes }) =>
    sizes.flatMap((lengthBytes) =>
      columns.flatMap((column) => {
        const byRound = (variant: VariantName): Map<number, number> =>
          new Map(
            samples
              .filter((one) => one.operation === operation && one.lengthBytes === lengthBytes && one.column === column && one.variant === variant)
              .map(({ round, micros }) => [round, micros]),
          );
        const inline = byRound('inline');
        return variantNames.flatMap((variant) => {
          const own = byRound(variant);
          const micros = summarize([...own.values()]);
          const ratio = variant === 'inline' ? null : summarize(pairedRatios(own, inline));
          return micros === null ? [] : [{ operation, lengthBytes, column, variant, micros, ratio }];
        });
      }),
    ),
  );
}

function curveOf(samples: readonly DispatchSample[], operation: OperationName, variant: VariantName, column: string, round: number): Curve {
  return samples.filter((one) => one.operation === operation && one.variant === variant && one.column === column && one.round === round);
}

function hopOf(samples: readonly DispatchSample[], round: number): number {
  const nullMicros = (variant: VariantName): number => curveOf(samples, 'null', variant, HOP_ARRIVAL, round)[0]?.micros ?? 0;
  return nullMicros('ring') - nullMicros('inline');
}

function crossoverOf(operation: OperationName, samples: readonly DispatchSample[], rounds: readonly number[]): Crossover {
  return {
    operation,
    holdsUpBytes: summarizeCrossovers(
      rounds.map((round) => {
        const rising = curveOf(samples, operation, 'inline', HOP_ARRIVAL, round);
        const hop = hopOf(samples, round);
        return { rising, level: rising.map(({ lengthBytes }) => ({ lengthBytes, micros: hop })) };
      }),
    ),
    mainTimeBytes: summarizeCrossovers(
      rounds.map((round) => ({
        rising: curveOf(samples, operation, 'inline', MAIN_TIME_COLUMN, round),
        level: curveOf(samples, operation, 'ring', MAIN_TIME_COLUMN, round),
      })),
    ),
  };
}

// --- Text ------------------------------------------------------------------------------------------------------------

const title = (name: OperationName): string => operations.find((one) => one.name === name)?.title ?? name;

function rangeText(summary: Summary | null, format: (value: number) => string): string {
  if (summary === null) return NOTHING;
  return `${format(summary.median)} (${format(summary.min)} – ${format(summary.max)})`;
}

function tableOf(report: DispatchReport, column: string, heading: string): Table {
  const variants = column === MAIN_TIME_COLUMN ? (['inline', 'ring'] as const) : variantNames;
  const rows: string[][] = [];
  for (const { name, sizes } of operations) {
    for (const lengthBytes of sizes) {
      const own = report.rows.filter((row) => row.operation === name && row.lengthBytes === lengthBytes && row.column === column);
      if (own.length === 0) continue;
      const find = (variant: VariantName): DispatchRow | undefined => own.find((row) => row.variant === variant);
      const ratios = variants.slice(1).map((variant) => find(variant)?.ratio?.median);
      rows.push([
        name,
        formatBytes(lengthBytes),
        ...variants.map((variant) => rangeText(find(variant)?.micros ?? null, formatFigure)),
        ...ratios.map((ratio) => (ratio === undefined ? NOTHING : formatFigure(ratio))),
      ]);
    }
  }
  return { title: heading, head: ['operation', 'size', ...variants, ...variants.slice(1).map((variant) => `${variant} ÷ inline`)], rows };
}

function tablesOf(report: DispatchReport): Table[] {
  return [
    ...arrivals.map(({ name, title: heading }) => tableOf(report, name, `Microseconds a command, ${heading}`)),
    tableOf(report, MAIN_TIME_COLUMN, "Microseconds of the main thread's CPU a command, 8 outstanding and other work beside them"),
  ];
}

function sizeText(bytes: number): string {
  const largest = Math.max(...operations.flatMap(({ sizes }) => sizes));
  if (bytes === 0) return 'any size';
  if (bytes > largest) return `beyond ${formatBytes(largest)}`;
  // More digits than a round repeats would be a lie.
  return formatBytes(bytes < KIB ? Math.ceil(bytes) : Math.round(bytes / KIB) * KIB);
}

/** The crossovers, and what they say of the policy. */
export function describeCrossovers(report: DispatchReport): readonly string[] {
  const { hopMicros, crossovers, policy } = report;
  const lines = [`a hop to a sleeping worker adds ${rangeText(hopMicros, formatFigure)} µs`];
  for (const { operation, holdsUpBytes, mainTimeBytes } of crossovers) {
    lines.push(`${title(operation)}: inline holds the main thread for longer than that hop from ${rangeText(holdsUpBytes, sizeText)}`);
    lines.push(`${title(operation)}: inline takes more of the main thread than the ring from ${rangeText(mainTimeBytes, sizeText)}`);
  }
  return [...lines, verdictText(policy, crossovers)];
}

function verdictText({ inlineCopyBytesMax, verdict }: DispatchReport['policy'], crossovers: readonly Crossover[]): string {
  const bound = `policy.ts keeps copies of memory inline up to ${formatBytes(inlineCopyBytesMax)} (INLINE_COPY_BYTES_MAX)`;
  const measured = crossovers.find(({ operation }) => operation === 'copy')?.holdsUpBytes ?? null;
  if (verdict === 'agrees') return `${bound}: the measurement agrees`;
  if (verdict === 'unknown' || measured === null) return `${bound}: copies were not measured`;
  return `${bound}: the measurement DISAGREES, it is ${verdict.replace('-', ' ')}; ${sizeText(nearestPowerOfTwo(measured.median))} would be right here`;
}

function preamble({ environment, settings: { rounds, sliceMs, workerCount } }: DispatchReport): readonly string[] {
  return [
    ...describeOrigin(environment),
    `${rounds} rounds of ${sliceMs} ms a variant in turn, ${workerCount} ${workerCount === 1 ? 'worker' : 'workers'}; median of the rounds and their range`,
  ];
}

export function renderDispatchText(report: DispatchReport): string {
  const blocks = [preamble(report).join('\n'), ...tablesOf(report).map(renderTextTable), describeCrossovers(report).join('\n')];
  return [...blocks, ...report.warnings.map((text) => `warning: ${text}`)].join('\n\n');
}

export function renderDispatchMarkdown(report: DispatchReport): string {
  const list = (lines: readonly string[]): string => lines.map((text) => `- ${text}`).join('\n');
  const notes = list([...preamble(report), ...report.warnings.map((text) => `warning: ${text}`)]);
  const crossover = `## Crossover\n\n${list(describeCrossovers(report))}`;
  return `${['# Inline, ring or Piscina', notes, crossover, ...tablesOf(report).map(renderMarkdownTable)].join('\n\n')}\n`;
}
