import { CHART_STYLE, drawText, MARGIN, NOTE_HEIGHT, roundCoordinate, TITLE_HEIGHT, wrapChart } from './svg.js';

/** Figures by size, on logarithmic scales, in panels side by side. */
export interface LineChart {
  readonly title: string;
  /** Lines of text under the title. */
  readonly notes: readonly string[];
  readonly columnCount: number;
  readonly panels: readonly LinePanel[];
  readonly xTicks: readonly { readonly at: number; readonly label: string }[];
  readonly yUnit: string;
  /** A line across each panel, or null. */
  readonly marker: { readonly at: number; readonly label: string } | null;
}

export interface LinePanel {
  readonly title: string;
  readonly subtitle: string;
  readonly series: readonly LineSeries[];
}

export interface LineSeries {
  readonly name: string;
  /** Ascending in `x`. `low` to `high` is drawn as a whisker, as far as the scale goes; what is not above 0 cannot be drawn. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly low: number; readonly high: number }[];
}

const PANEL = { width: 250, height: 210, left: 58, right: 10, top: 44, bottom: 28 } as const;
const LEGEND_HEIGHT = 30;
const LEGEND_STEP = 110;
const POINT_RADIUS = 2.5;
/** Told apart by dashes too, for those who do not see the colours. */
const DASHES = ['none', '6 3', '2 3', '8 3 2 3', '1 4'] as const;

type Scale = (value: number) => number;

/** Logarithms of `[from, to]` onto `[start, end]`. */
function logScale(from: number, to: number, start: number, end: number): Scale {
  const span = Math.log(to / from) || 1;
  return (value) => start + ((end - start) * Math.log(value / from)) / span;
}

/** The powers of ten around all points: panels of one scale can be compared. Whiskers do not count, or one hiccup would rule. */
function decadesOf(panels: readonly LinePanel[]): number[] {
  const values = panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(({ y }) => y))).filter((value) => value > 0);
  const from = values.length === 0 ? 0 : Math.floor(Math.log10(Math.min(...values)));
  const to = values.length === 0 ? 1 : Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
}

function drawSeries({ points }: LineSeries, index: number, x: Scale, y: Scale, decades: readonly number[]): string {
  const colour = `var(--s${index % DASHES.length})`;
  const visible = points.filter((point) => point.y > 0 && point.x > 0);
  const path = visible.map((point, at) => `${at === 0 ? 'M' : 'L'}${roundCoordinate(x(point.x))} ${roundCoordinate(y(point.y))}`).join('');
  const clamp = (value: number): number => Math.min(Math.max(value, decades[0] as number), decades.at(-1) as number);
  const whiskers = visible
    .map((point) => ({ at: point.x, low: clamp(point.low), high: clamp(point.high) }))
    .filter(({ low, high }) => high > low)
    .map(
      ({ at, low, high }) =>
        `<path d="M${roundCoordinate(x(at))} ${roundCoordinate(y(low))}V${roundCoordinate(y(high))}" stroke="${colour}" stroke-opacity="0.5"/>`,
    );
  const dots = visible.map((point) => `<circle cx="${roundCoordinate(x(point.x))}" cy="${roundCoordinate(y(point.y))}" r="${POINT_RADIUS}" fill="${colour}"/>`);
  const dash = DASHES[index % DASHES.length];
  return [`<path class="line" d="${path}" stroke="${colour}" stroke-dasharray="${dash}"/>`, ...whiskers, ...dots].join('');
}

function drawPanel(panel: LinePanel, { xTicks, marker, yUnit }: LineChart, decades: readonly number[]): string {
  const bottom = PANEL.height - PANEL.bottom;
  const right = PANEL.width - PANEL.right;
  const x = logScale(xTicks[0]?.at ?? 1, xTicks.at(-1)?.at ?? 10, PANEL.left + 6, right - 6);
  const y = logScale(decades[0] as number, decades.at(-1) as number, bottom, PANEL.top);
  const parts = [drawText(PANEL.left, PANEL.top - 24, panel.title, 'class="head"'), drawText(PANEL.left, PANEL.top - 10, panel.subtitle)];
  for (const value of decades) {
    parts.push(`<path class="grid" d="M${PANEL.left} ${roundCoordinate(y(value))}H${right}"/>`);
    parts.push(drawText(PANEL.left - 6, y(value) + 4, `${value >= 1 ? value.toLocaleString('en-US') : value} ${yUnit}`, 'text-anchor="end"'));
  }
  for (const { at, label } of xTicks) parts.push(drawText(x(at), bottom + 16, label, 'text-anchor="middle"'));
  if (marker !== null) {
    parts.push(`<path class="marker" d="M${roundCoordinate(x(marker.at))} ${PANEL.top}V${bottom}"/>`);
    parts.push(drawText(x(marker.at) - 4, PANEL.top + 10, marker.label, 'text-anchor="end"'));
  }
  parts.push(...panel.series.map((series, index) => drawSeries(series, index, x, y, decades)));
  return parts.join('\n');
}

function drawLegend(names: readonly string[], top: number): string {
  return names
    .map((name, index) => {
      const left = MARGIN + index * LEGEND_STEP;
      const line = `<path class="line" d="M${left} ${top}h28" stroke="var(--s${index % DASHES.length})" stroke-dasharray="${DASHES[index % DASHES.length]}"/>`;
      return `${line}${drawText(left + 34, top + 4, name)}`;
    })
    .join('\n');
}

/** The chart as an SVG file that needs nothing else: no script, no font, no picture. It follows the reader's light or dark scheme. */
export function renderLineChart(chart: LineChart): string {
  const { title, notes, columnCount, panels } = chart;
  const decades = decadesOf(panels);
  const headHeight = MARGIN + TITLE_HEIGHT + notes.length * NOTE_HEIGHT + LEGEND_HEIGHT;
  const width = 2 * MARGIN + columnCount * PANEL.width;
  const height = headHeight + Math.ceil(panels.length / columnCount) * PANEL.height + MARGIN;
  const drawn = panels.map((panel, index) => {
    const left = MARGIN + (index % columnCount) * PANEL.width;
    const top = headHeight + Math.floor(index / columnCount) * PANEL.height;
    return `<g transform="translate(${left} ${top})">\n${drawPanel(panel, chart, decades)}\n</g>`;
  });
  const legend = drawLegend(panels[0]?.series.map(({ name }) => name) ?? [], headHeight - LEGEND_HEIGHT / 2);
  return wrapChart({ title, notes, style: CHART_STYLE, width, height, body: [legend, ...drawn] });
}
