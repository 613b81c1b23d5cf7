import type { CommandRow, MediumCommandRow } from '../scsi/command-table.js';
import type { ExecutionPolicy } from '../scsi/logical-unit.js';
import type { Medium } from '../scsi/medium.js';
import type { CommandSlot } from '../shm/command-slot.js';

/**
 * Inline or ring: the one place that decides where a medium command runs.
 *
 * `auto` sends what blocks (files) or is heavy to a worker, and keeps copies of memory on the main thread: a ring hop
 * costs 14 to 60 µs when a side sleeps, a 64 KiB copy about 10 µs (docs/architecture.md, "Measured facts").
 */
export function runsInline(policy: ExecutionPolicy, row: CommandRow, command: CommandSlot, medium: Medium, lengthBytes: number, workersUp: boolean): boolean {
  if (row.runsOn === 'main' || policy === 'inline' || !workersUp) return true;
  if (policy === 'pool') return false;
  if (row.storeBytes !== undefined && row.storeBytes(command, medium) > INLINE_COPY_BYTES_MAX) return false;
  if (medium.store.blocking) return isQuickOnFile(row, command, medium, lengthBytes);
  return lengthBytes <= INLINE_COPY_BYTES_MAX;
}

/** A file that has shown to live in the page cache is like memory, as long as nobody asks for stable storage. */
function isQuickOnFile(row: MediumCommandRow, command: CommandSlot, medium: Medium, lengthBytes: number): boolean {
  if (!medium.pace.isFast || waitsForStableStorage(row, command)) return false;
  return lengthBytes <= (row.mediumAccess === 'read' ? INLINE_FILE_READ_BYTES_MAX : INLINE_FILE_WRITE_BYTES_MAX);
}

/** What such a command takes says nothing about the others. */
export function waitsForStableStorage(row: MediumCommandRow, command: CommandSlot): boolean {
  return row.mediumAccess === 'flush' || row.isDurable?.(command) === true;
}

/** A longer copy than this holds up other sessions for longer than a hop to a sleeping worker takes. */
export const INLINE_COPY_BYTES_MAX = 512 * 1024;
/** A worker copies longer ones out of the page cache while the main thread sends the ones before; measured at 4 and 64 KiB. */
const INLINE_FILE_READ_BYTES_MAX = 32 * 1024;
/** On the main thread Data-Out goes to the file from where it was received, for a worker it is copied once more; measured at 4 and 64 KiB. */
const INLINE_FILE_WRITE_BYTES_MAX = 128 * 1024;
