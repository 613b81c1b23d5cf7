import { CHART_STYLE, drawText, MARGIN, NOTE_HEIGHT, roundCoordinate, TITLE_HEIGHT, wrapChart } from './svg.js';

/** Figures with their spread, in groups below each other, on one linear scale from zero. */
export interface BarChart {
  readonly title: string;
  readonly notes: readonly string[];
  readonly groups: readonly BarGroup[];
  /** A line across all groups. */
  readonly marker: { readonly at: number; readonly label: string };
}

export interface BarGroup {
  readonly title: string;
  /** `low` to `high` is drawn as a whisker. */
  readonly bars: readonly { readonly name: string; readonly value: number; readonly low: number; readonly high: number }[];
}

const BAR = { height: 12, step: 17, labelWidth: 110, width: 620, valueWidth: 60 } as const;
const GROUP = { head: 22, gap: 10 } as const;
const AXIS_HEIGHT = 20;
const COLOUR_COUNT = 5;

type Scale = (value: number) => number;

function drawGroup({ title, bars }: BarGroup, top: number, x: Scale, colourOf: (name: string) => number): string {
  const parts = [drawText(MARGIN, top + GROUP.head - 7, title, 'class="head"')];
  for (const [index, { name, value, low, high }] of bars.entries()) {
    const y = top + GROUP.head + index * BAR.step;
    const middle = y + BAR.height / 2;
    const from = x(0);
    parts.push(drawText(from - 6, middle + 4, name, 'text-anchor="end"'));
    parts.push(
      `<rect x="${from}" y="${y}" width="${roundCoordinate(x(value) - from)}" height="${BAR.height}" fill="var(--s${colourOf(name)})" fill-opacity="0.75"/>`,
    );
    parts.push(`<path class="whisker" d="M${roundCoordinate(x(low))} ${middle}H${roundCoordinate(x(high))}"/>`);
    parts.push(drawText(Math.max(x(value), x(high)) + 5, middle + 4, value.toFixed(2)));
  }
  return parts.join('\n');
}

const heightOf = ({ bars }: BarGroup): number => GROUP.head + bars.length * BAR.step + GROUP.gap;

/** The chart as an SVG file that needs nothing else. It follows the reader's light or dark scheme. */
export function renderBarChart({ title, notes, groups, marker }: BarChart): string {
  const top = MARGIN + TITLE_HEIGHT + notes.length * NOTE_HEIGHT + AXIS_HEIGHT;
  const most = Math.max(marker.at, ...groups.flatMap(({ bars }) => bars.flatMap(({ value, high }) => [value, high])));
  const left = MARGIN + BAR.labelWidth;
  const x: Scale = (value) => left + (value / most) * BAR.width;
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const colourOf = (name: string): number => names.indexOf(name) % COLOUR_COUNT;
  const drawn: string[] = [];
  let y = top;
  for (const group of groups) {
    drawn.push(drawGroup(group, y, x, colourOf));
    y += heightOf(group);
  }
  const line = `<path class="marker" d="M${roundCoordinate(x(marker.at))} ${top - 4}V${y}"/>`;
  return wrapChart({
    title,
    notes,
    style: `${CHART_STYLE}  .whisker { stroke: var(--ink); stroke-width: 1.5; }\n`,
    width: left + BAR.width + BAR.valueWidth + MARGIN,
    height: y + MARGIN,
    body: [drawText(x(marker.at), top - 8, marker.label, 'text-anchor="middle"'), ...drawn, line],
  });
}
