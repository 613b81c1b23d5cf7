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
const MARGIN = 20;
const TITLE_HEIGHT = 30;
const NOTE_HEIGHT = 17;
const LEGEND_HEIGHT = 30;
const LEGEND_STEP = 110;
const POINT_RADIUS = 2.5;
/** Told apart by dashes too, for those who do not see the colours. */
const DASHES = ['none', '6 3', '2 3', '8 3 2 3', '1 4'] as const;

/** Colours that stand out on white and on dark grey, and for colour-blind eyes. */
const STYLE = `
  svg { --ground: #ffffff; --ink: #1f2328; --faint: #d0d7de; --quiet: #57606a; --s0: #0550ae; --s1: #bc4c00; --s2: #1a7f37; --s3: #8250df; --s4: #a40e26; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #e6edf3; --faint: #30363d; --quiet: #9198a1; --s0: #79c0ff; --s1: #ffa657; --s2: #7ee787; --s3: #d2a8ff; --s4: #ff7b72; }
  }
  text { font: 11px ui-sans-serif, system-ui, sans-serif; fill: var(--quiet); }
  .title { font-size: 17px; font-weight: 600; fill: var(--ink); }
  .head { font-size: 11px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--faint); stroke-width: 1; }
  .marker { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 3 3; }
  .line { fill: none; stroke-width: 2; }
`;

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const round = (value: number): string => (Math.round(value * 10) / 10).toString();

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${attributes === '' ? '' : ` ${attributes}`}>${escapeText(content)}</text>`;
}

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
  const path = visible.map((point, at) => `${at === 0 ? 'M' : 'L'}${round(x(point.x))} ${round(y(point.y))}`).join('');
  const clamp = (value: number): number => Math.min(Math.max(value, decades[0] as number), decades.at(-1) as number);
  const whiskers = visible
    .map((point) => ({ at: point.x, low: clamp(point.low), high: clamp(point.high) }))
    .filter(({ low, high }) => high > low)
    .map(({ at, low, high }) => `<path d="M${round(x(at))} ${round(y(low))}V${round(y(high))}" stroke="${colour}" stroke-opacity="0.5"/>`);
  const dots = visible.map((point) => `<circle cx="${round(x(point.x))}" cy="${round(y(point.y))}" r="${POINT_RADIUS}" fill="${colour}"/>`);
  const dash = DASHES[index % DASHES.length];
  return [`<path class="line" d="${path}" stroke="${colour}" stroke-dasharray="${dash}"/>`, ...whiskers, ...dots].join('');
}

function drawPanel(panel: LinePanel, { xTicks, marker, yUnit }: LineChart, decades: readonly number[]): string {
  const bottom = PANEL.height - PANEL.bottom;
  const right = PANEL.width - PANEL.right;
  const x = logScale(xTicks[0]?.at ?? 1, xTicks.at(-1)?.at ?? 10, PANEL.left + 6, right - 6);
  const y = logScale(decades[0] as number, decades.at(-1) as number, bottom, PANEL.top);
  const parts = [text(PANEL.left, PANEL.top - 24, panel.title, 'class="head"'), text(PANEL.left, PANEL.top - 10, panel.subtitle)];
  for (const value of decades) {
    parts.push(`<path class="grid" d="M${PANEL.left} ${round(y(value))}H${right}"/>`);
    parts.push(text(PANEL.left - 6, y(value) + 4, `${value >= 1 ? value.toLocaleString('en-US') : value} ${yUnit}`, 'text-anchor="end"'));
  }
  for (const { at, label } of xTicks) parts.push(text(x(at), bottom + 16, label, 'text-anchor="middle"'));
  if (marker !== null) {
    parts.push(`<path class="marker" d="M${round(x(marker.at))} ${PANEL.top}V${bottom}"/>`);
    parts.push(text(x(marker.at) - 4, PANEL.top + 10, marker.label, 'text-anchor="end"'));
  }
  parts.push(...panel.series.map((series, index) => drawSeries(series, index, x, y, decades)));
  return parts.join('\n');
}

function drawLegend(names: readonly string[], top: number): string {
  return names
    .map((name, index) => {
      const left = MARGIN + index * LEGEND_STEP;
      const line = `<path class="line" d="M${left} ${top}h28" stroke="var(--s${index % DASHES.length})" stroke-dasharray="${DASHES[index % DASHES.length]}"/>`;
      return `${line}${text(left + 34, top + 4, name)}`;
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
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect width="${width}" height="${height}" fill="var(--ground)"/>`,
    text(MARGIN, MARGIN + 16, title, 'class="title"'),
    ...notes.map((note, index) => text(MARGIN, MARGIN + TITLE_HEIGHT + (index + 0.7) * NOTE_HEIGHT, note)),
    drawLegend(panels[0]?.series.map(({ name }) => name) ?? [], headHeight - LEGEND_HEIGHT / 2),
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}
