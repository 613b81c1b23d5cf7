import { execFileSync } from 'node:child_process';
import { TargetError } from '../../engine/errors.js';
import { parseFio } from './fio-output.js';
import { runForeign } from './foreign-run.js';
import type { Initiator, LoadJob, Measurement, Operation } from './model.js';
import { findProgram } from './programs.js';

const ENGINE = 'libiscsi';
const READ_PERCENT = 70;
const patterns: Readonly<Record<Operation, string | null>> = { read: 'read', write: 'write', mixed: 'rw', 'test-unit-ready': null };

/** The flexible I/O tester with its engine for libiscsi, which some distributions build it without. */
export const fio: Initiator = {
  name: 'fio',
  title: 'fio, ioengine=libiscsi',
  programs: ['fio'],
  isOptional: true,
  missing: missingEngine,
  run: runFio,
};

function missingEngine(): string | null {
  const program = findProgram('fio');
  if (program === null) return null;
  try {
    const engines = execFileSync(program, ['--enghelp'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return engines.split(/\s+/).includes(ENGINE) ? null : `this machine's fio was built without the ${ENGINE} engine`;
  } catch {
    return 'fio does not tell its engines';
  }
}

/** fio takes a colon in a file name for the end of it. */
export const escapeFileName = (name: string): string => name.replaceAll(':', '\\:');

async function runFio({ url, workload, seconds, seed, targetPid }: LoadJob): Promise<Measurement> {
  const { operation, lengthBytes, depth, isSequential = false } = workload;
  const pattern = patterns[operation];
  if (pattern === null) throw new TargetError('BENCH_RUN', `fio cannot ${operation}`);
  const args = [
    '--name=bench',
    `--ioengine=${ENGINE}`,
    '--thread',
    `--filename=${escapeFileName(url)}`,
    `--rw=${isSequential ? '' : 'rand'}${pattern}`,
    `--rwmixread=${READ_PERCENT}`,
    `--bs=${lengthBytes}`,
    `--iodepth=${depth}`,
    `--runtime=${seconds}`,
    '--time_based',
    `--randseed=${seed + 1}`,
    '--output-format=json',
  ];
  const { stdout, cpuSeconds } = await runForeign('fio', args, seconds, targetPid);
  const result = parseFio(stdout);
  if (result.fault !== undefined) throw new TargetError('BENCH_RUN', result.fault);
  return { iops: result.iops, operationCount: result.operationCount, latency: result.latency, cpuSeconds };
}
