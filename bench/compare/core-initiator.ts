import { fileURLToPath } from 'node:url';
import { TargetError } from '../../engine/errors.js';
import type { InitiatorJob, InitiatorReply, LoadAnswer, VerifyAnswer } from '../load/job.js';
import { runToEnd } from './child-process.js';
import type { Initiator, LoadJob, Measurement, Medium } from './model.js';

const PROGRAM = fileURLToPath(new URL('../initiator-process.js', import.meta.url));
/** Beyond the time that is measured: start, login, lead-in, read-back, logout, on a machine that is busy. */
const SPARE_MS = 30_000;
const VERIFY_MS_MAX = 120_000;

/** Our own initiator, one process a run: what `PipelinedCore` drives. */
export const coreInitiator: Initiator = {
  name: 'core',
  title: 'PipelinedCore of lunloom/initiator, in a process of its own',
  programs: [],
  run: runCore,
};

async function runCore({ url, medium, workload, seconds, seed, targetPid }: LoadJob): Promise<Measurement> {
  const { operation, lengthBytes, depth, isSequential = false, sessionCount = 1, digests = false } = workload;
  const shape = { operation, lengthBytes, depth, isSequential, sessionCount, digests };
  const job: InitiatorJob = { kind: 'load', url, medium, ...shape, seconds, seed, targetPid };
  const { operationCount, elapsedSeconds, cpuSeconds, latency } = await ask<LoadAnswer>(job, seconds * 1000 + SPARE_MS);
  if (operationCount === 0) throw new TargetError('BENCH_RUN', 'no command completed');
  return { iops: operationCount / elapsedSeconds, operationCount, cpuSeconds, latency };
}

/** Rejects with `BENCH_RUN` when the logical unit cannot be asked. */
export function probeMedium(url: string): Promise<Medium> {
  return ask<Medium>({ kind: 'probe', url }, SPARE_MS);
}

/** Writes and reads back a pattern; answers how many bytes. Rejects with `BENCH_RUN` on wrong data. */
export async function verifyMedium(url: string, medium: Medium, seed: number, lengthBytes: number): Promise<number> {
  const { verifiedBytes } = await ask<VerifyAnswer>({ kind: 'verify', url, medium, seed, lengthBytes }, VERIFY_MS_MAX);
  return verifiedBytes;
}

async function ask<Answer>(job: InitiatorJob, msMax: number): Promise<Answer> {
  const child = await runToEnd('the initiator', process.execPath, [PROGRAM, JSON.stringify(job)], msMax);
  const reply = parseReply<Answer>(child.stdout);
  if (reply?.answer !== undefined && child.exitCode === 0) return reply.answer;
  throw new TargetError('BENCH_RUN', reply?.error ?? (child.signal === null ? child.lastWords() : `the initiator did not end within ${msMax} ms`));
}

function parseReply<Answer>(stdout: string): InitiatorReply<Answer> | null {
  try {
    return JSON.parse(stdout) as InitiatorReply<Answer>;
  } catch {
    return null;
  }
}
