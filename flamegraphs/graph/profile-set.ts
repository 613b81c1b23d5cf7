import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineProfile } from '../../engine/admin/engine-profiler.js';
import { parseCpuProfile } from './cpu-profile.js';
import { renderFlameGraph } from './flame-graph.js';
import { lanesOf, withOrigin } from './profile-files.js';
import { makeLocate } from './source-places.js';
import type { Lane } from './stack-tree.js';

const GRAPH_FILE = 'flame.svg';

export interface ProfileSetOptions {
  readonly title: string;
  readonly commit?: string;
  /** What the target did meanwhile. */
  readonly workload?: string;
}

/** What was written. */
export interface ProfileSet {
  readonly lanes: readonly Lane[];
  /** Paths: one `.cpuprofile` a thread, and the graph of all last. */
  readonly files: readonly string[];
  /** Threads that gave no profile, because they died or did not answer. */
  readonly lostThreads: readonly string[];
}

/** Writes the profiles of an engine's threads and their flame graph into `folder`, which is made when it is missing. */
export function writeProfileSet(folder: string, profile: EngineProfile, { title, commit, workload }: ProfileSetOptions): ProfileSet {
  mkdirSync(folder, { recursive: true });
  const { commandCount, durationMs, intervalMicros } = profile;
  const rest = { commandCount, ...(commit === undefined ? {} : { commit }), ...(workload === undefined ? {} : { workload }) };
  const texts = profile.threads.flatMap(({ thread, cpuProfile }) =>
    cpuProfile === null ? [] : [{ thread, text: withOrigin(cpuProfile, { thread, ...rest }) }],
  );
  const files = texts.map(({ thread, text }) => {
    const file = join(folder, `${thread}.cpuprofile`);
    writeFileSync(file, text);
    return file;
  });
  const named = texts.map(({ thread, text }) => ({ thread, profile: parseCpuProfile(text, thread) }));
  const lanes = lanesOf(named, { locate: makeLocate() });
  const rate = Math.round((commandCount * 1000) / Math.max(1, durationMs)).toLocaleString('en-US');
  const subtitle = [
    workload,
    commit === undefined ? undefined : `commit ${commit}`,
    `${(durationMs / 1000).toFixed(1)} s, a sample each ${intervalMicros} µs`,
    `${commandCount.toLocaleString('en-US')} commands (${rate}/s)`,
  ].filter((text) => text !== undefined);
  const graph = join(folder, GRAPH_FILE);
  writeFileSync(graph, renderFlameGraph(lanes, { title, subtitle: subtitle.join(' · ') }));
  const lostThreads = profile.threads.filter(({ cpuProfile }) => cpuProfile === null).map(({ thread }) => thread);
  return { lanes, files: [...files, graph], lostThreads };
}

/** A name for a folder: `20261123-061114`. */
export function timeStampText(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}
