import { TargetError } from '../../engine/errors.js';

/** A function, or a piece of V8, as it stands in a profile. Lines and columns count from 0; -1 is nowhere. */
export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
  /** Older writers give this instead of `children`. */
  readonly parent?: number;
}

/** The document in a `.cpuprofile` file: Chrome DevTools protocol, Profiler.Profile. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** The node on top of the stack, sample by sample. */
  readonly samples: readonly number[];
  /** From the sample before, the first from `startTime`. */
  readonly timeDeltas: readonly number[];
  /** What Lunloom adds; other programs ignore it. */
  readonly lunloom?: ProfileOrigin;
}

/** Where a profile comes from. */
export interface ProfileOrigin {
  readonly thread: string;
  /** Commands that the whole target ended meanwhile. */
  readonly commandCount?: number;
  readonly commit?: string;
  readonly workload?: string;
}

/** Parses the text of a `.cpuprofile` file. Throws `TargetError` `PROFILE_INVALID` that names `source`. */
export function parseCpuProfile(text: string, source: string): CpuProfile {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new TargetError('PROFILE_INVALID', `${source} is not JSON`);
  }
  const profile = raw as Partial<CpuProfile> | null;
  const isProfile = [profile?.nodes, profile?.samples, profile?.timeDeltas].every(Array.isArray) && typeof profile?.endTime === 'number';
  if (!isProfile) throw new TargetError('PROFILE_INVALID', `${source} is not a V8 CPU profile`);
  const whole = profile as CpuProfile;
  if (whole.samples.length !== whole.timeDeltas.length) throw new TargetError('PROFILE_INVALID', `${source} has not one time for each sample`);
  return whole;
}

/**
 * Microseconds that each node was on top of the stack. A sample stands for the time until the next one, the last until the end;
 * V8 takes samples out of order now and then, and time that has been counted is not counted again.
 */
export function selfMicrosOf(profile: CpuProfile): Map<number, number> {
  const self = new Map<number, number>();
  let at = profile.startTime;
  let countedUntil = profile.startTime + Math.max(0, profile.timeDeltas[0] ?? 0);
  for (const [index, id] of profile.samples.entries()) {
    at += profile.timeDeltas[index] as number;
    const delta = profile.timeDeltas[index + 1];
    const until = delta === undefined ? profile.endTime : at + delta;
    self.set(id, (self.get(id) ?? 0) + Math.max(0, until - countedUntil));
    countedUntil = Math.max(countedUntil, until);
  }
  return self;
}

/** The parent of each node; the root has none. Throws `TargetError` `PROFILE_INVALID` when the nodes are no tree. */
export function parentsOf(profile: CpuProfile): Map<number, number> {
  const parents = new Map<number, number>();
  for (const node of profile.nodes) {
    if (node.parent !== undefined) parents.set(node.id, node.parent);
    for (const child of node.children ?? []) parents.set(child, node.id);
  }
  return parents;
}
