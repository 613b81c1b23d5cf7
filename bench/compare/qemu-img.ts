import { TargetError } from '../../engine/errors.js';
import { type ForeignRun, runForeign } from './foreign-run.js';
import type { Initiator, LoadJob, Measurement } from './model.js';
import { parseQemuImgBench } from './qemu-img-output.js';

/** It counts commands, not seconds: as many tell how many make the seconds. */
const TRIAL_COUNT = 2000;

/** QEMU's block layer over libiscsi, one address behind the other. */
export const qemuImg: Initiator = {
  name: 'qemu-img',
  title: 'qemu-img bench (qemu-utils, qemu-block-extra)',
  programs: ['qemu-img'],
  isOptional: true,
  run: runQemuImg,
};

async function runQemuImg(job: LoadJob): Promise<Measurement> {
  const { operation, isSequential } = job.workload;
  if (isSequential !== true || (operation !== 'read' && operation !== 'write')) {
    throw new TargetError('BENCH_RUN', 'qemu-img bench can only read and write one address behind the other');
  }
  const trial = await bench(job, TRIAL_COUNT);
  const operationCount = Math.max(TRIAL_COUNT, Math.round((TRIAL_COUNT / trial.elapsedSeconds) * job.seconds));
  const { elapsedSeconds, cpuSeconds } = await bench(job, operationCount);
  return { iops: operationCount / elapsedSeconds, operationCount, cpuSeconds };
}

async function bench({ url, workload, seconds, targetPid }: LoadJob, count: number): Promise<ForeignRun & { readonly elapsedSeconds: number }> {
  const { operation, lengthBytes, depth } = workload;
  const direction = operation === 'write' ? ['-w', '--pattern=1'] : [];
  const sizes = ['-c', String(count), '-d', String(depth), '-s', String(lengthBytes)];
  const run = await runForeign('qemu-img', ['bench', ...sizes, ...direction, '-f', 'raw', '-t', 'none', url], seconds, targetPid);
  const elapsedSeconds = parseQemuImgBench(run.stdout);
  if (elapsedSeconds === null) throw new TargetError('BENCH_RUN', 'qemu-img bench did not say how long it took');
  return { ...run, elapsedSeconds };
}
