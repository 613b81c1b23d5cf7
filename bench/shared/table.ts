/** Head and rows of cells; the same for a terminal and for Markdown. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a cell shows when there is no figure. */
export const NOTHING = '–';

/** A column of these stands to the right. */
const FIGURE_PATTERN = /^[-\d.,–() ]*$/;

/** For a terminal: names stand to the left, figures to the right. */
export function renderTextTable({ title, head, rows }: Table): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)));
  const isFigure = head.map((_, column) => rows.every((row) => FIGURE_PATTERN.test(row[column] ?? '')));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, column) => (isFigure[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)));
    return `  ${padded.join('  ').trimEnd()}`;
  };
  return [title, ...[head, ...rows].map(line)].join('\n');
}

export function renderMarkdownTable({ title, head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [`## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Three significant digits, and thousands apart: what a noisy machine can tell. */
export function formatFigure(value: number): string {
  if (value < 0) return `-${formatFigure(-value)}`;
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

const KIB = 1024;

/** `4 KiB`, `1 MiB`, `48 B`; between the units, with one digit. */
export function formatBytes(bytes: number): string {
  const [unit, size] = bytes >= KIB * KIB ? ['MiB', KIB * KIB] : bytes >= KIB ? ['KiB', KIB] : ['B', 1];
  const value = bytes / (size as number);
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}
