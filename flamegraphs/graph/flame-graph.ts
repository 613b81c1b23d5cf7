import { areas } from './areas.js';
import type { Lane, StackNode } from './stack-tree.js';
import { type Box, type LegendEntry, renderSvg } from './svg.js';

export interface FlameGraphOptions {
  readonly title: string;
  /** Where and under which load it was taken. */
  readonly subtitle?: string;
}

/** The searchable SVG of what threads did: one lane a thread, a frame as wide as its time, coloured by the part of Lunloom it is in. */
export function renderFlameGraph(lanes: readonly Lane[], { title, subtitle = '' }: FlameGraphOptions): string {
  return renderSvg({
    title,
    subtitle,
    legend: areaLegend(),
    lanes: lanes.map((lane) => ({ heading: laneHeading(lane), root: toBox(lane.root, lane.root.totalMicros) })),
  });
}

function areaLegend(): LegendEntry[] {
  return Object.entries(areas).map(([label, { title, colour }]) => ({ label, title, fill: colour }));
}

/** `main: 3.912 s busy of 4.001 s (97.8%), idle 0.089 s, 3987 samples`. */
export function laneHeading(lane: Lane): string {
  const { busyMicros } = lane;
  const wholeMicros = busyMicros + lane.idleMicros;
  const [busy, whole, idle] = [busyMicros, wholeMicros, lane.idleMicros].map((micros) => `${(micros / 1e6).toFixed(3)} s`);
  return `${lane.name}: ${busy} busy of ${whole} (${percent(busyMicros, wholeMicros)}), idle ${idle}, ${lane.sampleCount} samples`;
}

function toBox(node: StackNode, laneMicros: number): Box {
  const { frame, selfMicros, totalMicros } = node;
  return {
    label: frame.name,
    remarks: [
      placeText(frame.file, frame.line) || frame.area,
      `total ${millis(totalMicros)} (${percent(totalMicros, laneMicros)}), self ${millis(selfMicros)} (${percent(selfMicros, laneMicros)})`,
    ],
    fill: areas[frame.area].colour,
    weight: totalMicros,
    children: [...node.children.values()].map((child) => toBox(child, laneMicros)),
  };
}

export function placeText(file: string, line: number): string {
  return line > 0 ? `${file}:${line}` : file;
}

const millis = (micros: number): string => `${(micros / 1000).toFixed(1)} ms`;
const percent = (part: number, whole: number): string => `${(whole > 0 ? (100 * part) / whole : 0).toFixed(1)}%`;
