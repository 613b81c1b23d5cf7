import { renderBarChart } from '../shared/bar-chart.js';
import type { Report } from './report.js';
import { preambleOf } from './report-text.js';

/** The ratios to the baseline with their spread, a group of bars for each workload. */
export function renderRatioChart(report: Report): string {
  const { workloads, rows, settings } = report;
  const groups = workloads.map(({ name, title }) => ({
    title: `${name}: ${title}`,
    bars: rows.flatMap(({ workload, contender, ratio }) =>
      workload === name && ratio !== null ? [{ name: contender, value: ratio.median, low: ratio.min, high: ratio.max }] : [],
    ),
  }));
  return renderBarChart({
    title: `IOPS as multiples of ${settings.baseline}`,
    notes: preambleOf(report),
    groups: groups.filter(({ bars }) => bars.length > 0),
    marker: { at: 1, label: settings.baseline },
  });
}
