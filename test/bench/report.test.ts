import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Environment } from '../../bench/compare/environment.js';
import type { MatrixOutcome } from '../../bench/compare/matrix.js';
import type { RunRecord } from '../../bench/compare/model.js';
import { parsePlan } from '../../bench/compare/options.js';
import { renderRatioChart } from '../../bench/compare/ratio-chart.js';
import { buildReport } from '../../bench/compare/report.js';
import { renderMarkdown, renderText } from '../../bench/compare/report-text.js';

const environment: Environment = {
  date: '2026-11-23T05:00:00.000Z',
  commit: 'abcdef',
  isModified: true,
  node: 'v20.19.0',
  tgt: '1.0.85',
  cpu: 'CPU',
  cpuCount: 2,
  memoryBytes: 1024 ** 3,
  system: 'Linux',
};

function run(contender: string, round: number, iops: number | null): RunRecord {
  if (iops === null) return { workload: 'tur-q1', contender, round, measurement: null, error: 'it broke' };
  return {
    workload: 'tur-q1',
    contender,
    round,
    measurement: { iops, operationCount: iops, cpuSeconds: 0.5, latency: { p50: 100, p99: 1234, p999: 5678 } },
    error: null,
  };
}

const runs = [
  run('inline', 0, 1),
  run('tgt', 0, 1_000_000),
  run('inline', 1, 100_000),
  run('tgt', 1, 50_000),
  run('inline', 2, 30_000),
  run('tgt', 2, 10_000),
  run('inline', 3, 70_000),
  run('tgt', 3, null),
];
const titles = { inline: 'Lunloom | inline', tgt: 'tgt' };
const outcome: MatrixOutcome = {
  contenders: (['inline', 'tgt'] as const).map((name) => ({ name, title: titles[name], medium: null, verifiedBytes: 1024 ** 2, peakRssBytes: 2 * 1024 ** 2 })),
  runs,
  warnings: ['it was loud'],
  failures: ['it broke'],
};
const plan = parsePlan(['--only', 'inline,tgt,tur-q1', '--rounds', '3']);
const report = buildReport(plan, environment, outcome, ['auto: not here']);
const [inline, tgt] = report.rows;

test('the warm-up does not count', () => {
  assert.equal([inline?.iops?.count, inline?.iops?.min, inline?.iops?.median], [3, 30_000, 70_000]);
  assert.equal([tgt?.iops?.count, tgt?.iops?.max], [2, 50_000]);
});

test('ratios are those of rounds that both finished; the baseline has none', () => {
  assert.equal([inline?.ratio?.count, inline?.ratio?.min, inline?.ratio?.median, inline?.ratio?.max], [2, 2, 2.5, 3]);
  assert.is(tgt?.ratio, null);
});

test('CPU time is told for a million commands, and failed runs are counted', () => {
  assert.is(inline?.cpuSecondsPerMillion?.min, 5);
  assert.is(inline?.perCpuSecond?.median, 140_000);
  assert.equal([inline?.perCpuSecondRatio?.min, inline?.perCpuSecondRatio?.max], [2, 3]);
  assert.equal([inline?.failedRunCount, tgt?.failedRunCount], [0, 1]);
});

test('the text holds the figures, the doubts and the failures', () => {
  const text = renderText(report);
  for (const part of [
    '70,000',
    '30,000 – 100,000',
    '2.50',
    '2.00 – 3.00',
    '1,234',
    '5,678',
    'IOPS × tgt',
    'commit abcdef with changes',
    'v20.19.0',
    'left out: auto',
    'warning: it was loud',
    'FAILED: it broke',
  ]) {
    assert.ok(text.includes(part), part);
  }
  assert.not.match(text, / $/m);
});

test('Markdown tables keep their columns', () => {
  const lines = renderMarkdown(report)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  assert.ok(lines.some((line) => line.includes('Lunloom \\| inline')));
  const columnCounts = lines.map((line) => line.replaceAll('\\|', '').split('|').length);
  assert.equal(
    [...new Set(columnCounts)].sort((a, b) => a - b),
    [4, 6, 16],
  );
});

test('contenders over files are divided by the baseline over files', () => {
  const filePlan = parsePlan(['--only', 'inline,tgt,file-read-4k-q32']);
  assert.equal(
    filePlan.contenders.map(({ name }) => name),
    ['inline-file', 'tgt-file'],
  );
  const record = (contender: string, iops: number): RunRecord => ({
    workload: 'file-read-4k-q32',
    contender,
    round: 1,
    measurement: { iops, operationCount: iops, cpuSeconds: null },
    error: null,
  });
  const contenders = filePlan.contenders.map(({ name, title }) => ({ name, title, medium: null, verifiedBytes: 0, peakRssBytes: null }));
  const { rows } = buildReport(filePlan, environment, { ...outcome, contenders, runs: [record('inline-file', 30), record('tgt-file', 10)] }, []);
  assert.equal(
    rows.map(({ ratio, perCpuSecond, p50 }) => [ratio?.median ?? null, perCpuSecond, p50]),
    [
      [3, null, null],
      [null, null, null],
    ],
  );
});

test('the chart stands alone, with a bar for each ratio and its spread', () => {
  const svg = renderRatioChart(report);
  assert.match(svg, /^<svg xmlns/);
  assert.match(svg, '>inline</text>');
  assert.match(svg, '>2.50</text>');
  assert.is(svg.match(/class="whisker"/g)?.length, 1);
  assert.not.match(svg, /<script|href=|@import/);
});

test.run();
