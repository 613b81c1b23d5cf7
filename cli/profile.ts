import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type EngineProfile, PROFILE_INTERVAL_MICROS_DEFAULT } from '../engine/admin/engine-profiler.js';
import { PROFILE_OPERATION } from '../engine/admin/profile-operation.js';
import { TargetError } from '../engine/errors.js';
import { laneHeading } from '../flamegraphs/graph/flame-graph.js';
import { timeStampText, writeProfileSet } from '../flamegraphs/graph/profile-set.js';
import { ControlClient, chooseControlSocket } from './control-client.js';
import type { RawProfileOptions } from './profile-command.js';
import type { ProgramOutput } from './program-output.js';

/** Beyond the time of the profile: threads end theirs, and main makes one text of all. */
const SPARE_MS = 30_000;

/** Asks the target behind a control socket for profiles. Rejects with `TargetError` `PROFILE_…` and `CONTROL_…`. */
export async function requestProfile(controlPath: string, durationMs: number, intervalMicros: number): Promise<EngineProfile> {
  const client = await ControlClient.open(controlPath);
  try {
    return (await client.request(PROFILE_OPERATION, { durationMs, intervalMicros }, durationMs + SPARE_MS)) as EngineProfile;
  } finally {
    client.close();
  }
}

/** `lunloom profile`. Rejects as `requestProfile` does, and with `PROFILE_OPTIONS` and `PROFILE_WRITE`. */
export async function runProfileCommand(
  typed: RawProfileOptions,
  { output, now }: { readonly output: ProgramOutput; readonly now: () => Date },
): Promise<void> {
  const durationMs = Math.round(positive('--seconds', typed.seconds) * 1000);
  const intervalMicros = typed.intervalUs === undefined ? PROFILE_INTERVAL_MICROS_DEFAULT : positive('--interval-us', typed.intervalUs);
  const controlPath = chooseControlSocket(typed.control);
  const folder = typed.out ?? defaultFolder(now());
  const profile = await requestProfile(controlPath, durationMs, intervalMicros);
  const { lanes, files, lostThreads } = write(folder, profile, `lunloom profile of ${controlPath}`);
  if (typed.json === true) {
    const threads = lanes.map(({ name, busyMicros, idleMicros, sampleCount }) => ({ thread: name, busyMicros, idleMicros, sampleCount }));
    output.event({ event: 'profile', durationMs: profile.durationMs, commandCount: profile.commandCount, threads, lostThreads, files });
    return;
  }
  for (const lane of lanes) output.resultLine(laneHeading(lane));
  for (const file of files) output.resultLine(`wrote ${file}`);
  for (const thread of lostThreads) output.remarkLine(`lunloom: ${thread} gave no profile: it ended or did not answer`);
}

function write(folder: string, profile: EngineProfile, title: string): ReturnType<typeof writeProfileSet> {
  try {
    return writeProfileSet(folder, profile, { title });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof TargetError || code === undefined) throw error;
    throw new TargetError('PROFILE_WRITE', `cannot write to ${folder}: ${code}`);
  }
}

/** The checkout has a place for them; elsewhere they stand by themselves. */
function defaultFolder(date: Date): string {
  const stamp = timeStampText(date);
  return existsSync('flamegraphs') ? join('flamegraphs', 'out', stamp) : `lunloom-profile-${stamp}`;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new TargetError('PROFILE_OPTIONS', `${option} must be a number above 0, not ${text}`);
  return value;
}
