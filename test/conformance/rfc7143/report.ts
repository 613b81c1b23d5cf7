import type { ConformanceRow } from './row.js';

/** Chapters as the table groups them: `11.7.1` counts as `11.7`, `4.2.2.1` as `4.2`. */
function groupOf(section: string): string {
  return section.split('.').slice(0, 2).join('.');
}

function countsLine(name: string, rows: readonly ConformanceRow[]): string {
  const covered = rows.filter(({ tests }) => tests.length > 0).length;
  return `${name.padEnd(10)}${String(rows.length).padStart(5)}${String(covered).padStart(9)}${String(rows.length - covered).padStart(11)}`;
}

/** The list as text: rows covered and uncovered by section, then what is uncovered with its reason. */
export function renderConformance(rows: readonly ConformanceRow[]): string {
  const groups = [...new Set(rows.map(({ section }) => groupOf(section)))];
  const open = rows.filter(({ tests }) => tests.length === 0);
  return [
    'What RFC 7143 asks of a target, and what of it the tests look at (test/conformance/rfc7143/)',
    '',
    'section    rows  covered  uncovered',
    ...groups.map((group) =>
      countsLine(
        group,
        rows.filter(({ section }) => groupOf(section) === group),
      ),
    ),
    countsLine('all', rows),
    '',
    ...(open.length === 0
      ? ['nothing is uncovered']
      : ['uncovered', ...open.map(({ section, level, text, uncovered }) => `  §${section} ${level}: ${text} – ${uncovered}`)]),
    '',
  ].join('\n');
}

/** Every row with its tests, for who wants to read them all. */
export function renderRows(rows: readonly ConformanceRow[]): string {
  return rows
    .flatMap(({ section, level, text, tests }) => [`§${section} ${level}: ${text}`, ...tests.map(({ file, name }) => `    ${file}: ${name}`)])
    .join('\n')
    .concat('\n');
}
