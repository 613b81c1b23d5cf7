/** What a run of iscsi-perf printed, as far as it can be believed. */
export type IscsiPerfResult = { readonly iops: number; readonly fault?: never } | { readonly fault: string; readonly iops?: never };

/**
 * Reads the figure of a finished run from the output of `iscsi-perf -t`.
 *
 * Progress lines begin with `\r` and carry the average so far behind the current figure; the last one is `iops average N (M MB/s)` alone,
 * padded with blanks, and `finished.` follows. Only that final average counts: a run that stopped half-way has none. Errors are
 * lines such as `Read10/16 failed with …`, printed among the others without ending the run when errors are ignored.
 */
export function parseIscsiPerf(stdout: string): IscsiPerfResult {
  const lines = stdout
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const failed = lines.find((line) => /\bfailed\b/i.test(line));
  if (failed !== undefined) return { fault: failed };
  const reconnects = lines.find((line) => /\breconnect/i.test(line));
  if (reconnects !== undefined) return { fault: `the connection broke: ${reconnects}` };
  if (!lines.some((line) => line.startsWith('finished'))) return { fault: 'iscsi-perf did not finish' };
  const average = lines.map((line) => /^iops average (\d+)\b/.exec(line)?.[1]).findLast((figure) => figure !== undefined);
  if (average === undefined) return { fault: 'iscsi-perf finished without a final average' };
  const iops = Number(average);
  return iops > 0 ? { iops } : { fault: 'iscsi-perf completed no command' };
}
