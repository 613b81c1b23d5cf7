import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import { type CpuProfile, type ProfileOrigin, parseCpuProfile } from './cpu-profile.js';
import { buildLane, type Lane, type LaneOptions } from './stack-tree.js';

const SUFFIX = '.cpuprofile';

export interface NamedProfile {
  readonly thread: string;
  readonly profile: CpuProfile;
}

/**
 * Reads `.cpuprofile` files, and all of those in folders. A profile that does not say its thread is named like its file, or like Node's
 * `--cpu-prof` numbers threads: `CPU.20261123.101112.4711.0.001.cpuprofile`. Throws `TargetError` `PROFILE_INVALID`, `PROFILE_MISSING`.
 */
export function readProfiles(paths: readonly string[]): NamedProfile[] {
  const files = paths.flatMap(profileFiles);
  if (files.length === 0) throw new TargetError('PROFILE_MISSING', `no ${SUFFIX} file in ${paths.join(', ')}`);
  return files.map((file) => {
    const profile = parseCpuProfile(readFileSync(file, 'utf8'), file);
    return { thread: profile.lunloom?.thread ?? threadOfFile(basename(file, SUFFIX)), profile };
  });
}

function profileFiles(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })) throw new TargetError('PROFILE_MISSING', `${path} is not there`);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .map((name) => join(path, name));
}

function threadOfFile(name: string): string {
  const threadId = /^CPU\.\d+\.\d+\.\d+\.(\d+)\.\d+$/.exec(name)?.[1];
  if (threadId === undefined) return name;
  return threadId === '0' ? 'main' : `worker-${threadId}`;
}

/** One lane a thread, main first; profiles of the same thread become one lane. */
export function lanesOf(profiles: readonly NamedProfile[], options: LaneOptions = {}): Lane[] {
  const byThread = new Map<string, CpuProfile[]>();
  for (const { thread, profile } of profiles) byThread.set(thread, [...(byThread.get(thread) ?? []), profile]);
  const rank = (name: string): number => (name === 'main' ? 0 : 1);
  const names = [...byThread.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true }));
  return names.map((name) => buildLane(name, byThread.get(name) as CpuProfile[], options));
}

/** Commands that ended while the profiles were taken, where they say it: each of a set was told the sum of the whole target. */
export function commandCountOf(profiles: readonly NamedProfile[]): number | null {
  const counts = profiles.map(({ profile }) => profile.lunloom?.commandCount).filter((count) => count !== undefined);
  return counts.length === 0 ? null : Math.max(...counts);
}

/** The same text with where it comes from; other programs that read it ignore that. */
export function withOrigin(cpuProfile: string, origin: ProfileOrigin): string {
  return `${JSON.stringify({ ...parseCpuProfile(cpuProfile, origin.thread), lunloom: origin })}\n`;
}
