import { TargetError } from '../../engine/errors.js';
import { runToEnd } from './child-process.js';
import { parseIscsiPerf } from './iscsi-perf-output.js';
import type { Initiator, LoadJob, Measurement } from './model.js';
import { cpuSecondsOf } from './process-cost.js';
import { requireProgram } from './programs.js';

/** It looks at its clock when a command completes, so a target that hangs is for us to notice. */
const SPARE_MS = 20_000;

/** The load generator of libiscsi: an initiator that is not ours. Reads only. */
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
  const cpuBefore = targetPid === null ? null : cpuSecondsOf(targetPid);
  const end = await runToEnd('iscsi-perf', requireProgram('iscsi-perf'), args, seconds * 1000 + SPARE_MS);
  const cpuAfter = targetPid === null ? null : cpuSecondsOf(targetPid);
  if (end.signal !== null) throw new TargetError('BENCH_RUN', `iscsi-perf did not end within ${seconds} s and ${SPARE_MS / 1000} s to spare (${end.signal})`);
  const result = parseIscsiPerf(end.stdout);
  if (end.exitCode !== 0) throw new TargetError('BENCH_RUN', `iscsi-perf ended with exit code ${end.exitCode}: ${end.lastWords()}`);
  if (result.fault !== undefined) throw new TargetError('BENCH_RUN', result.fault);
  return {
    iops: result.iops,
    // It tells the average only.
    operationCount: result.iops * seconds,
    cpuSeconds: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore,
  };
}
