import type { CommandRow } from '../scsi/command-table.js';
import type { ExecutionPolicy } from '../scsi/logical-unit.js';
import type { Medium } from '../scsi/medium.js';

/**
 * Inline or ring: the one place that decides where a medium command runs.
 *
 * `auto` sends what can block (files) or is heavy to a worker, and keeps copies of memory on the main thread: a ring hop
 * costs 14 to 60 µs when a side sleeps, a 64 KiB copy about 10 µs (docs/architecture.md, "Measured facts").
 */
export function runsInline(policy: ExecutionPolicy, row: CommandRow, medium: Medium, lengthBytes: number, workersUp: boolean): boolean {
  if (row.runsOn === 'main' || policy === 'inline' || !workersUp) return true;
  if (policy === 'pool') return false;
  if (medium.store.blocking) return false;
  return lengthBytes <= INLINE_COPY_BYTES_MAX;
}

/** A longer copy than this holds up other sessions for longer than a hop to a sleeping worker takes. */
export const INLINE_COPY_BYTES_MAX = 512 * 1024;
