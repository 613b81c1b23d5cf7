import { placeText } from './flame-graph.js';
import { type Frame, keyWithoutLine, type Lane, type StackNode, selfByFunction } from './stack-tree.js';
import { type Box, renderSvg, type SvgLane } from './svg.js';

/** One of the two things that are compared. */
export interface DiffSide {
  readonly label: string;
  /** Built with `keyWithoutLine`, since lines move between builds. */
  readonly lanes: readonly Lane[];
  /** Commands behind the profile, or null when they were not counted. */
  readonly commandCount: number | null;
}

/** By what the times of both sides are divided, so that a longer or slower run is not a difference. */
export interface DiffUnit {
  readonly name: string;
  readonly beforeFactor: number;
  readonly afterFactor: number;
}

/** A function's self time on both sides, in the unit of the comparison. */
export interface FunctionChange {
  readonly frame: Frame;
  readonly before: number;
  readonly after: number;
  readonly delta: number;
}

const GREY = '#e4e0d8';

/** Microseconds a command where both sides counted commands, else percent of the busy time of all threads. */
export function diffUnit(before: DiffSide, after: DiffSide): DiffUnit {
  if (before.commandCount !== null && after.commandCount !== null && before.commandCount > 0 && after.commandCount > 0) {
    return { name: 'µs/command', beforeFactor: 1 / before.commandCount, afterFactor: 1 / after.commandCount };
  }
  const factor = ({ lanes }: DiffSide): number => {
    const totalMicros = lanes.reduce((sum, lane) => sum + lane.root.totalMicros, 0);
    return totalMicros > 0 ? 100 / totalMicros : 0;
  };
  return { name: '% of busy time', beforeFactor: factor(before), afterFactor: factor(after) };
}

/** All functions of both sides, over all threads, the largest change of self time first. */
export function functionChanges(before: DiffSide, after: DiffSide, unit: DiffUnit): FunctionChange[] {
  const changes = new Map<string, { frame: Frame; before: number; after: number }>();
  const add = (side: DiffSide, name: 'before' | 'after', factor: number): void => {
    for (const lane of side.lanes) {
      for (const [key, { frame, selfMicros }] of selfByFunction(lane.root, keyWithoutLine)) {
        const change = changes.get(key) ?? { frame, before: 0, after: 0 };
        changes.set(key, change);
        change.frame = frame;
        change[name] += selfMicros * factor;
      }
    }
  };
  add(before, 'before', unit.beforeFactor);
  add(after, 'after', unit.afterFactor);
  const all = [...changes.values()].map((change) => ({ ...change, delta: change.after - change.before }));
  return all.sort((a, b) => Math.abs(b.delta) - Math.abs(a.delta));
}

/** The largest changes as a table, with the sum of all threads above it. */
export function renderChanges(before: DiffSide, after: DiffSide, rowCountMax: number): string {
  const unit = diffUnit(before, after);
  const changes = functionChanges(before, after, unit);
  const sum = (pick: (change: FunctionChange) => number): number => changes.reduce((total, change) => total + pick(change), 0);
  const cells = (delta: number, a: number, b: number): string => [signed(delta), a.toFixed(3), b.toFixed(3)].map((text) => text.padStart(10)).join('');
  const rows = changes
    .filter(({ delta }) => delta !== 0)
    .slice(0, rowCountMax)
    .map(({ frame, before: a, after: b, delta }) => `${cells(delta, a, b)}  ${frame.name}  ${placeText(frame.file, frame.line)}`.trimEnd());
  return [
    `self time in ${unit.name}, ${before.label} → ${after.label}`,
    `${['change', 'before', 'after'].map((text) => text.padStart(10)).join('')}  function`,
    `${cells(
      sum(({ delta }) => delta),
      sum((change) => change.before),
      sum((change) => change.after),
    )}  all`,
    ...rows,
    '',
  ].join('\n');
}

/**
 * Both sides as flame graphs, thread by thread, each frame coloured by how its self time along that path changed: red grew, blue
 * shrank. The lane before shows what has gone, the lane after what has come.
 */
export function renderDiff(before: DiffSide, after: DiffSide): string {
  const unit = diffUnit(before, after);
  const names = [...new Set([...after.lanes, ...before.lanes].map(({ name }) => name))];
  const pairs = names.map((name) => ({ name, was: laneNamed(before, name), is: laneNamed(after, name) }));
  const deltaMax = Math.max(0, ...pairs.map(({ was, is }) => largestDelta(was, is, unit)));
  const lanes = pairs.flatMap(({ name, was, is }): SvgLane[] => {
    const context = { unit, deltaMax };
    return [
      ...(is === null ? [] : [laneOf(`${name}, ${after.label}`, pairBox(was, is, context, 'after'), unit)]),
      ...(was === null ? [] : [laneOf(`${name}, ${before.label}`, pairBox(was, is, context, 'before'), unit)]),
    ];
  });
  return renderSvg({
    title: `${before.label} → ${after.label}`,
    subtitle: `widths in ${unit.name}; colours by the change of self time`,
    lanes,
    legend: [
      { label: 'grew', title: 'more self time than before', fill: colourOf(1, 1) },
      { label: 'same', title: 'as before', fill: GREY },
      { label: 'shrank', title: 'less self time than before', fill: colourOf(-1, 1) },
    ],
  });
}

interface DiffContext {
  readonly unit: DiffUnit;
  readonly deltaMax: number;
}

function laneNamed(side: DiffSide, name: string): StackNode | null {
  return side.lanes.find((lane) => lane.name === name)?.root ?? null;
}

function laneOf(name: string, root: Box, unit: DiffUnit): SvgLane {
  return { heading: `${name}: ${root.weight.toFixed(2)} ${unit.name}`, root };
}

function selfDelta(was: StackNode | null, is: StackNode | null, { beforeFactor, afterFactor }: DiffUnit): number {
  return (is?.selfMicros ?? 0) * afterFactor - (was?.selfMicros ?? 0) * beforeFactor;
}

function largestDelta(was: StackNode | null, is: StackNode | null, unit: DiffUnit): number {
  let largest = Math.abs(selfDelta(was, is, unit));
  for (const key of childKeys(was, is)) largest = Math.max(largest, largestDelta(was?.children.get(key) ?? null, is?.children.get(key) ?? null, unit));
  return largest;
}

function childKeys(was: StackNode | null, is: StackNode | null): Set<string> {
  return new Set([...(was?.children.keys() ?? []), ...(is?.children.keys() ?? [])]);
}

/** The box of the side `shown`, which must have the node. */
function pairBox(was: StackNode | null, is: StackNode | null, context: DiffContext, shown: 'before' | 'after'): Box {
  const { unit, deltaMax } = context;
  const own = (shown === 'after' ? is : was) as StackNode;
  const delta = selfDelta(was, is, unit);
  const before = (was?.totalMicros ?? 0) * unit.beforeFactor;
  const after = (is?.totalMicros ?? 0) * unit.afterFactor;
  const { frame } = own;
  const children = [...own.children.keys()].map((key) => pairBox(was?.children.get(key) ?? null, is?.children.get(key) ?? null, context, shown));
  return {
    label: frame.name,
    remarks: [
      placeText(frame.file, frame.line) || frame.area,
      `total ${before.toFixed(3)} → ${after.toFixed(3)} ${unit.name} (${signed(after - before)}), self ${signed(delta)}`,
    ],
    fill: colourOf(delta, deltaMax),
    weight: shown === 'after' ? after : before,
    children,
  };
}

/** Grey to red for growth, grey to blue for less; the square root lets small changes be seen beside a large one. */
export function colourOf(delta: number, deltaMax: number): string {
  const strength = deltaMax > 0 ? Math.sqrt(Math.min(1, Math.abs(delta) / deltaMax)) : 0;
  if (strength < 0.05) return GREY;
  const faded = Math.round(215 * (1 - strength))
    .toString(16)
    .padStart(2, '0');
  return delta > 0 ? `#ff${faded}${faded}` : `#${faded}${faded}ff`;
}

const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
