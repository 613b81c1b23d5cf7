import { INLINE_COPY_BYTES_MAX } from '../../engine/dispatch/policy.js';
import { type LinePanel, renderLineChart } from '../shared/line-chart.js';
import { formatBytes } from '../shared/table.js';
import { arrivals } from './batches.js';
import { MAIN_TIME_COLUMN } from './measure.js';
import { operations } from './operations.js';
import { type DispatchReport, describeCrossovers } from './report.js';
import { variantNames } from './variants.js';

/** Microseconds by size: a row of panels for each operation, a column for each way in which commands come. */
export function renderDispatchChart(report: DispatchReport): string {
  const columns = [...arrivals, { name: MAIN_TIME_COLUMN, title: "main thread's CPU, 8 outstanding" }];
  const measured = operations.filter(({ name }) => name !== 'null' && report.settings.operations.includes(name));
  const panels = measured.flatMap((operation) =>
    columns.map(({ name: column, title }): LinePanel => {
      const points = (variant: string): LinePanel['series'][number]['points'] =>
        report.rows
          .filter((row) => row.operation === operation.name && row.column === column && row.variant === variant)
          .map(({ lengthBytes, micros }) => ({ x: lengthBytes, y: micros.median, low: micros.min, high: micros.max }));
      return {
        title: operation.title,
        subtitle: title,
        series: variantNames.map((variant) => ({ name: variant, points: points(variant) })),
      };
    }),
  );
  const sizes = measured[0]?.sizes ?? [];
  return renderLineChart({
    title: 'Microseconds a command: inline, ring or a Piscina task',
    notes: [
      report.environment.date,
      `${report.environment.cpuCount} × ${report.environment.cpu}, Node ${report.environment.node}`,
      ...describeCrossovers(report),
    ],
    columnCount: columns.length,
    panels,
    xTicks: sizes.map((bytes) => ({ at: bytes, label: formatBytes(bytes) })),
    yUnit: 'µs',
    marker: { at: INLINE_COPY_BYTES_MAX, label: 'auto' },
  });
}
