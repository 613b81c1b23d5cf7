import type { CommandSlot } from '../../shm/command-slot.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { cdb10, cdb16, type ExtentCdb, isInRange } from './extent.js';
import { endWithWriteFault } from './medium-fault.js';

/** Byte 1: Reserved . SYNC_NV . IMMED . Reserved. */
const SYNCHRONIZE_CACHE_FLAGS = 0x06;

function synchronizeCacheRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `SYNCHRONIZE CACHE (${shape.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'flush',
    reservation: 'write',
    opcode,
    name,
    clause: `SBC-3 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: shape.usage(opcode, SYNCHRONIZE_CACHE_FLAGS),
    plan(command, medium) {
      const lba = shape.lba(command.cdbView);
      const count = shape.count(command.cdbView);
      if (!isInRange(command, medium, lba, count)) return;
      command.lba = lba;
      // 0 stays 0: "to the end of the medium".
      command.lbaCount = count;
    },
    execute: executeSynchronizeCache,
  };
}

export const synchronizeCacheRows: readonly MediumCommandRow[] = [synchronizeCacheRow(0x35, cdb10), synchronizeCacheRow(0x91, cdb16)];

/**
 * Flushes the whole store whatever the range, as stores know no smaller unit. IMMED allows an early GOOD; we give it
 * late, because then a fault can still be told.
 */
function executeSynchronizeCache(command: CommandSlot, medium: Medium): void {
  const outcome = medium.store.flush();
  if (outcome < 0) endWithWriteFault(command, outcome, command.lba);
}
