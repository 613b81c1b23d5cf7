import { TargetError } from '../../engine/errors.js';
import { runForeign } from './foreign-run.js';
import { parseIscsiPerf } from './iscsi-perf-output.js';
import type { Initiator, LoadJob, Measurement } from './model.js';

/** The load generator of libiscsi: an initiator that is not ours. Random reads only. */
export const iscsiPerf: Initiator = {
  name: 'iscsi-perf',
  title: 'iscsi-perf of libiscsi (libiscsi-bin)',
  programs: ['iscsi-perf'],
  run: runIscsiPerf,
};

async function runIscsiPerf({ url, medium, workload, seconds, targetPid }: LoadJob): Promise<Measurement> {
  if (workload.operation !== 'read') throw new TargetError('BENCH_RUN', `iscsi-perf cannot ${workload.operation}`);
  const blocks = workload.lengthBytes / medium.blockLengthBytes;
  const args = ['-m', String(workload.depth), '-b', String(blocks), '-r', '-t', String(seconds), url];
  const { stdout, cpuSeconds } = await runForeign('iscsi-perf', args, seconds, targetPid);
  const result = parseIscsiPerf(stdout);
  if (result.fault !== undefined) throw new TargetError('BENCH_RUN', result.fault);
  // It tells the average only.
  return { iops: result.iops, operationCount: result.iops * seconds, cpuSeconds };
}
