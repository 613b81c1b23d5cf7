import { type LinePanel, renderLineChart } from '../shared/line-chart.js';
import type { ScaleReport } from './model.js';

const MIB = 1024 * 1024;
const TICKS = [1, 10, 100, 1000, 4096] as const;

interface Point {
  readonly count: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

function panel(title: string, subtitle: string, points: readonly Point[]): LinePanel {
  const series = (name: string, bytesOf: (point: Point) => number): LinePanel['series'][number] => ({
    name,
    points: points.map((point) => {
      const y = bytesOf(point) / MIB;
      return { x: point.count, y, low: y, high: y };
    }),
  });
  return { title, subtitle, series: [series('resident', ({ rssBytes }) => rssBytes), series('V8 heap', ({ heapBytes }) => heapBytes)] };
}

/** Memory by LUNs and by sessions, on logarithmic scales: what grows in proportion is a line of slope one. */
export function renderScaleChart({ environment, luns, sessions }: ScaleReport): string {
  const lunPanels = (['null', 'ram'] as const).map((store) =>
    panel(
      `LUNs, ${store} store`,
      'the whole process',
      luns.filter((row) => row.store === store).map((row) => ({ count: row.lunCount, rssBytes: row.rssBytes, heapBytes: row.heapBytes })),
    ),
  );
  const sessionPanels = [...new Set(sessions.map(({ lunCount }) => lunCount))].map((lunCount) =>
    panel(
      `sessions on ${lunCount} LUN${lunCount === 1 ? '' : 's'}`,
      'growth since nobody was logged in',
      sessions
        .filter((row) => row.lunCount === lunCount)
        .map((row) => ({ count: row.sessionCount, rssBytes: row.rssGrowthBytes, heapBytes: row.heapGrowthBytes })),
    ),
  );
  const panels = [...lunPanels, ...sessionPanels].filter(({ series }) => series.some(({ points }) => points.length > 0));
  return renderLineChart({
    title: 'Memory of the target by LUNs and sessions',
    notes: [environment.date, `${environment.cpuCount} × ${environment.cpu}, Node ${environment.node}`],
    columnCount: 3,
    panels,
    xTicks: TICKS.map((at) => ({ at, label: at.toLocaleString('en-US') })),
    yUnit: 'MiB',
    marker: null,
  });
}
