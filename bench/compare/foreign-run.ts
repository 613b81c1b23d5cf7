import { TargetError } from '../../engine/errors.js';
import { runToEnd } from './child-process.js';
import type { ProgramName } from './model.js';
import { cpuSecondsOf } from './process-cost.js';
import { requireProgram } from './programs.js';

/** Foreign initiators look at their clock when a command completes, so a target that hangs is for us to notice. */
const SPARE_MS = 20_000;

export interface ForeignRun {
  readonly stdout: string;
  /** Of the target, from before login until after logout. */
  readonly cpuSeconds: number | null;
}

/** Runs somebody else's initiator to its end. Rejects with `BENCH_RUN` when that is not in time or not well. */
export async function runForeign(name: ProgramName, args: readonly string[], seconds: number, targetPid: number | null): Promise<ForeignRun> {
  const cpuBefore = targetPid === null ? null : cpuSecondsOf(targetPid);
  const end = await runToEnd(name, requireProgram(name), args, seconds * 1000 + SPARE_MS);
  const cpuAfter = targetPid === null ? null : cpuSecondsOf(targetPid);
  if (end.signal !== null) throw new TargetError('BENCH_RUN', `${name} did not end within ${seconds} s and ${SPARE_MS / 1000} s to spare (${end.signal})`);
  if (end.exitCode !== 0) throw new TargetError('BENCH_RUN', `${name} ended with exit code ${end.exitCode}: ${end.lastWords()}`);
  return { stdout: end.stdout, cpuSeconds: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore };
}
