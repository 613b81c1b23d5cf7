import type { Environment } from '../compare/environment.js';
import { describeOrigin } from '../shared/program.js';
import { formatFigure, NOTHING, renderMarkdownTable, renderTextTable, type Table } from '../shared/table.js';
import { type AccountingShare, describeAccounting } from './accounting-share.js';
import type { MicroResult } from './model.js';
import type { MicroSettings } from './runner.js';

/** What `--json` writes. */
export interface MicroReport {
  readonly format: 1;
  readonly environment: Environment;
  readonly settings: MicroSettings;
  readonly results: readonly MicroResult[];
  readonly accounting: AccountingShare | null;
  readonly warnings: readonly string[];
}

const NS_PER_SECOND = 1e9;
const GIGABYTE = 1e9;

function tableOf(results: readonly MicroResult[]): Table {
  return {
    title: 'Nanoseconds an operation',
    head: ['case', 'operation', 'ns/op', 'min – max', 'p75', 'p99', 'GB/s'],
    rows: results.map(({ name, title, ns, p75Ns, p99Ns, bytes }) => [
      name,
      title,
      formatFigure(ns.median),
      `${formatFigure(ns.min)} – ${formatFigure(ns.max)}`,
      formatFigure(p75Ns),
      formatFigure(p99Ns),
      bytes === null ? NOTHING : formatFigure((bytes * NS_PER_SECOND) / ns.median / GIGABYTE),
    ]),
  };
}

function preamble({ environment, settings: { rounds, roundMs } }: MicroReport): readonly string[] {
  return [
    ...describeOrigin(environment),
    `${rounds} rounds of ${roundMs} ms a case in turn: median of the rounds and their range; p75 and p99 of batches within a round`,
  ];
}

export function renderMicroText(report: MicroReport): string {
  const blocks = [preamble(report).join('\n'), renderTextTable(tableOf(report.results))];
  if (report.accounting !== null) blocks.push(describeAccounting(report.accounting));
  return [...blocks, ...report.warnings.map((text) => `warning: ${text}`)].join('\n\n');
}

export function renderMicroMarkdown(report: MicroReport): string {
  const notes = [...preamble(report), ...report.warnings.map((text) => `warning: ${text}`)].map((text) => `- ${text}`).join('\n');
  const blocks = ['# Micro-benchmarks', notes, renderMarkdownTable(tableOf(report.results))];
  if (report.accounting !== null) blocks.push(`\`\`\`text\n${describeAccounting(report.accounting)}\n\`\`\``);
  return `${blocks.join('\n\n')}\n`;
}
