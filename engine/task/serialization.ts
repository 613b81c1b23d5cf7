import type { MediumCommandRow } from '../scsi/command-table.js';

/** Classes of medium commands by what they do to the logical blocks of their range; the row of each command says which it is. */
export type MediumAccess = MediumCommandRow['mediumAccess'];

/**
 * Whether nobody else may hold a block of the range meanwhile. Which commands of a logical unit wait for each other, whatever nexus they came from; those
 * whose ranges do not overlap never do:
 *
 * | class   | commands                                                              | overlaps read | overlaps write | flush |
 * |---------|-----------------------------------------------------------------------|---------------|----------------|-------|
 * | `read`  | READ, VERIFY, PRE-FETCH, GET LBA STATUS…                              | together      | waits          | free  |
 * | `write` | WRITE, WRITE AND VERIFY, WRITE SAME, UNMAP, COMPARE AND WRITE, ORWRITE | waits         | waits          | free  |
 * |         | WRITE ATOMIC, XDWRITEREAD                                             |               |                |       |
 * | `flush` | SYNCHRONIZE CACHE                                                     | free          | free           | free  |
 *
 * A flush covers all writes that have been executed before it begins, of all nexuses, because stores flush whole; writes that are still on their way are not
 * covered, as for any two SIMPLE commands: who wants them covered waits for them or sends an ORDERED command. Overlapping commands are served in the
 * order in which they were enabled, so that a long queue of readers cannot starve a writer. Commands with several ranges (UNMAP) claim the one that holds
 * all of them. What changes the whole medium (FORMAT UNIT, SANITIZE) closes a gate for the time and claims the ranges it works on like any write.
 */
export function excludesAll(access: MediumAccess): boolean {
  return access === 'write';
}

/** Whether a command holds the range from its LBA on over its number of blocks, from before it executes until its data has left the store. */
export function claimsRange(access: MediumAccess): boolean {
  return access !== 'flush';
}
