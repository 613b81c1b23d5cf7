import type { Latency } from './model.js';

/** What a run of fio printed, as far as it can be believed. */
export type FioResult =
  | { readonly iops: number; readonly operationCount: number; readonly latency: Latency | null; readonly fault?: never }
  | { readonly fault: string; readonly iops?: never };

interface Direction {
  readonly iops: number;
  readonly total_ios: number;
  readonly clat_ns?: { readonly percentile?: Readonly<Record<string, number>> };
}

interface FioReport {
  readonly jobs?: readonly { readonly error: number; readonly read: Direction; readonly write: Direction }[];
}

const NS_PER_MICRO = 1000;

/** Reads `--output-format=json` of one job. fio may say something in front of it. Percentiles are the reads' where there are reads. */
export function parseFio(stdout: string): FioResult {
  let report: FioReport;
  try {
    report = JSON.parse(stdout.slice(Math.max(stdout.indexOf('{'), 0))) as FioReport;
  } catch {
    return { fault: 'fio printed no JSON' };
  }
  const job = report.jobs?.[0];
  if (job === undefined) return { fault: 'fio reports no job' };
  if (job.error !== 0) return { fault: `fio ended with error ${job.error}` };
  const operationCount = job.read.total_ios + job.write.total_ios;
  if (operationCount === 0) return { fault: 'fio completed no command' };
  return { iops: job.read.iops + job.write.iops, operationCount, latency: latencyOf(job.read.total_ios > 0 ? job.read : job.write) };
}

function latencyOf({ clat_ns: completion }: Direction): Latency | null {
  const percentile = completion?.percentile;
  const [p50, p99, p999] = ['50.000000', '99.000000', '99.900000'].map((name) => percentile?.[name]);
  if (p50 === undefined || p99 === undefined || p999 === undefined) return null;
  return { p50: p50 / NS_PER_MICRO, p99: p99 / NS_PER_MICRO, p999: p999 / NS_PER_MICRO };
}
