import { svgScript } from './svg-script.js';

/** One rectangle: as wide as its weight, its children below it. */
export interface Box {
  readonly label: string;
  /** Lines behind the label, for the tooltip. The first one, where the function is, can be searched for like the label. */
  readonly remarks: readonly string[];
  readonly fill: string;
  readonly weight: number;
  readonly children: readonly Box[];
}

export interface SvgLane {
  readonly heading: string;
  readonly root: Box;
}

export interface LegendEntry {
  readonly label: string;
  readonly title: string;
  readonly fill: string;
}

export interface Graph {
  readonly title: string;
  readonly subtitle: string;
  readonly lanes: readonly SvgLane[];
  readonly legend: readonly LegendEntry[];
}

const WIDTH = 1280;
const LEFT = 10;
const INNER_WIDTH = WIDTH - 2 * LEFT;
const FRAME_HEIGHT = 16;
const LANE_GAP = 34;
const TOP = 92;
const CHAR_WIDTH = 6.7;
/** Below this part of its lane a frame is left out: nobody can hit it even when the lane is widened. Its parent still holds its time. */
const SHARE_MIN = 0.0002;

const STYLE = `text { font: 11px ui-monospace, Menlo, Consolas, monospace; fill: #1c1c1c; pointer-events: none; }
.heading { font-weight: bold; }
.title { font-size: 16px; font-weight: bold; }
.button { cursor: pointer; pointer-events: all; fill: #1a5fb4; text-decoration: underline; }
.frame { cursor: pointer; }
.frame rect { stroke: #fff; stroke-width: 0.5; }
.frame:hover rect { stroke: #000; }
.above rect { opacity: 0.5; }
.hit rect { fill: #ff00e0; }`;

const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeXml(text: string): string {
  // XML cannot carry control characters, not even escaped, and names come from anywhere.
  return text.replaceAll(/(?![\n\t])\p{Cc}|\p{Surrogate}|[\ufffe\uffff]/gu, '\ufffd').replaceAll(/[&<>"']/g, (char) => XML_ENTITIES[char] as string);
}

/** Draws a graph as one SVG document that needs nothing else. All lanes have the same scale, so their widths can be compared. */
export function renderSvg(graph: Graph): string {
  const weightMax = Math.max(0, ...graph.lanes.map((lane) => lane.root.weight));
  const scale = weightMax > 0 ? INNER_WIDTH / weightMax : 0;
  const parts: string[] = [];
  let y = TOP;
  for (const lane of graph.lanes) {
    const frames: string[] = [];
    const depth = drawBox(frames, lane.root, LEFT, y + 6, { scale, weightMin: lane.root.weight * SHARE_MIN });
    parts.push(textAt(LEFT, y, lane.heading, 'heading'), '<g class="lane">', ...frames, '</g>');
    y += 6 + depth * FRAME_HEIGHT + LANE_GAP;
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} data-left="${LEFT}" data-width="${INNER_WIDTH}">`,
    `<style>${STYLE}</style>`,
    `<rect x="0" y="0" width="${WIDTH}" height="${y}" fill="#fdfdfb"/>`,
    ...header(graph),
    ...parts,
    `<script><![CDATA[${svgScript}]]></script>`,
    '</svg>',
    '',
  ].join('\n');
}

function header({ title, subtitle, legend }: Graph): string[] {
  const lines = [textAt(LEFT, 22, title, 'title'), textAt(LEFT, 40, subtitle, 'subtitle')];
  lines.push(textAt(WIDTH - 150, 22, 'search', 'button search'), textAt(WIDTH - 80, 22, 'reset', 'button reset'));
  let x = LEFT;
  for (const { label, title: meaning, fill } of legend) {
    lines.push(`<g><title>${escapeXml(meaning)}</title><rect x="${x}" y="48" width="10" height="10" fill="${fill}"/></g>`, textAt(x + 14, 57, label, 'legend'));
    x += 26 + label.length * CHAR_WIDTH;
  }
  lines.push(textAt(LEFT, 74, '', 'details'), textAt(WIDTH / 2, 74, '', 'found'));
  return lines;
}

interface Drawing {
  /** Pixels for a unit of weight. */
  readonly scale: number;
  /** What weighs less is left out. */
  readonly weightMin: number;
}

/** Answers how many rows it took. */
function drawBox(frames: string[], box: Box, x: number, y: number, drawing: Drawing): number {
  const { scale, weightMin } = drawing;
  if (box.weight === 0 || box.weight < weightMin) return 0;
  const width = box.weight * scale;
  const title = escapeXml([box.label, ...box.remarks].join('\n'));
  const rect = `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${FRAME_HEIGHT - 1}" fill="${box.fill}"/>`;
  frames.push(`<g class="frame"><title>${title}</title>${rect}${labelAt(x, y, width, box.label)}</g>`);
  let childX = x;
  let depth = 0;
  for (const child of [...box.children].sort((a, b) => b.weight - a.weight || (a.label < b.label ? -1 : 1))) {
    depth = Math.max(depth, drawBox(frames, child, childX, y + FRAME_HEIGHT, drawing));
    childX += child.weight * scale;
  }
  return depth + 1;
}

function labelAt(x: number, y: number, width: number, label: string): string {
  const charCount = Math.floor((width - 4) / CHAR_WIDTH);
  if (charCount < 3) return '';
  return `<text x="${round(x + 3)}" y="${y + 12}">${escapeXml(label.length <= charCount ? label : `${label.slice(0, charCount - 1)}…`)}</text>`;
}

function textAt(x: number, y: number, text: string, className: string): string {
  return `<text class="${className}" x="${round(x)}" y="${y}">${escapeXml(text)}</text>`;
}

/** A lane that is narrow at first is widened by a click, so its frames need more digits than the eye. */
const round = (value: number): number => Math.round(value * 1e4) / 1e4;
