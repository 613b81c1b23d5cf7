import { type Area, areaOf } from './areas.js';
import { type CallFrame, type CpuProfile, parentsOf, selfMicrosOf } from './cpu-profile.js';

/** A function with its place in the sources, as the graph shows it. */
export interface Frame {
  readonly name: string;
  /** `engine/task/task.ts`, `node:net`; empty for what has no source. */
  readonly file: string;
  /** From 1; 0 when there is none. */
  readonly line: number;
  readonly area: Area;
}

/** A function called along one path, with the time of all samples that went through it. */
export interface StackNode {
  readonly frame: Frame;
  selfMicros: number;
  /** With all that it called. */
  totalMicros: number;
  readonly children: Map<string, StackNode>;
}

/** What one thread did. */
export interface Lane {
  readonly name: string;
  /** Its `totalMicros` are the busy ones, and the idle ones where they are shown. */
  readonly root: StackNode;
  readonly busyMicros: number;
  readonly idleMicros: number;
  readonly sampleCount: number;
}

/** Finds the place of a function in the sources. */
export type Locate = (callFrame: CallFrame) => { readonly file: string; readonly line: number };

export interface LaneOptions {
  /** Idle time as frames of its own, too. */
  readonly withIdle?: boolean;
  readonly locate?: Locate;
  /** What counts as the same function. */
  readonly keyOf?: (frame: Frame) => string;
}

/** The path of a file below the package that was compiled to `dist`, whoever installed it where. */
export const locateCompiled: Locate = ({ url, lineNumber }) => ({ file: shortPath(url), line: lineNumber + 1 });

const COMPILED = /\/dist[^/]*\/((?:engine|workers|cli|initiator|load|bench|flamegraphs|test)\/.*)$/;
const PACKAGE = /.*\/(node_modules\/.*)$/;

export function shortPath(url: string): string {
  if (!url.startsWith('file:') && !url.startsWith('/')) return url;
  const path = url.replace(/^file:\/\//, '');
  // Ours may be installed below node_modules like any other package, so it is looked for first.
  return COMPILED.exec(path)?.[1] ?? PACKAGE.exec(path)?.[1] ?? path;
}

export const keyWithLine = ({ name, file, line }: Frame): string => `${name}\0${file}\0${line}`;
/** For two builds: lines move, functions stay. */
export const keyWithoutLine = ({ name, file }: Frame): string => `${name}\0${file.replace(/\.[jt]s$/, '')}`;

export function newNode(frame: Frame): StackNode {
  return { frame, selfMicros: 0, totalMicros: 0, children: new Map() };
}

/** Merges profiles of one thread into one lane: equal stacks become one. */
export function buildLane(name: string, profiles: readonly CpuProfile[], options: LaneOptions = {}): Lane {
  const root = newNode({ name, file: '', line: 0, area: 'native' });
  let idleMicros = 0;
  let sampleCount = 0;
  for (const profile of profiles) {
    sampleCount += profile.samples.length;
    idleMicros += addProfile(root, profile, options);
  }
  return { name, root, busyMicros: root.totalMicros - (options.withIdle === true ? idleMicros : 0), idleMicros, sampleCount };
}

/** Answers how long it was idle. */
function addProfile(root: StackNode, profile: CpuProfile, options: LaneOptions): number {
  const { withIdle = false, locate = locateCompiled, keyOf = keyWithLine } = options;
  const parents = parentsOf(profile);
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameOf(callFrame, locate)]));
  let idleMicros = 0;
  for (const [id, micros] of selfMicrosOf(profile)) {
    const stack: Frame[] = [];
    // The root of the profile is above every stack and says nothing; a cycle in a broken file ends at the number of nodes.
    for (let at: number | undefined = id; at !== undefined && parents.has(at) && stack.length <= profile.nodes.length; at = parents.get(at)) {
      stack.push(frames.get(at) as Frame);
    }
    const isIdle = stack[0]?.area === 'idle';
    if (isIdle) idleMicros += micros;
    if (!isIdle || withIdle) addStack(root, stack, micros, keyOf);
  }
  return idleMicros;
}

/** `stack` begins with the innermost function. */
function addStack(root: StackNode, stack: readonly Frame[], micros: number, keyOf: (frame: Frame) => string): void {
  let node = root;
  node.totalMicros += micros;
  for (let at = stack.length - 1; at >= 0; at--) {
    const frame = stack[at] as Frame;
    const key = keyOf(frame);
    let child = node.children.get(key);
    if (child === undefined) {
      child = newNode(frame);
      node.children.set(key, child);
    }
    child.totalMicros += micros;
    node = child;
  }
  node.selfMicros += micros;
}

function frameOf(callFrame: CallFrame, locate: Locate): Frame {
  const { file, line } = callFrame.url === '' ? { file: '', line: 0 } : locate(callFrame);
  const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName;
  return { name, file, line, area: areaOf(callFrame.functionName, file) };
}

/** Self time by function over all paths of a lane. Recursion does not matter to self time. */
export function selfByFunction(root: StackNode, keyOf: (frame: Frame) => string): Map<string, { readonly frame: Frame; selfMicros: number }> {
  const functions = new Map<string, { readonly frame: Frame; selfMicros: number }>();
  const visit = (node: StackNode): void => {
    if (node !== root) {
      const key = keyOf(node.frame);
      const known = functions.get(key);
      if (known === undefined) functions.set(key, { frame: node.frame, selfMicros: node.selfMicros });
      else known.selfMicros += node.selfMicros;
    }
    for (const child of node.children.values()) visit(child);
  };
  visit(root);
  return functions;
}
