import type { CommandSlot } from '../../../shm/command-slot.js';
import type { MediumCommandRow } from '../../command-table.js';
import type { Medium } from '../../medium.js';
import { writeRows } from '../write.js';
import { checksOf, type ProtectForm, protectedRow, protectOf, transferBlockBytes } from './protect-field.js';
import { checkDataOut, writeIncoming } from './protected-blocks.js';

export const protectedWriteRows: readonly MediumCommandRow[] = writeRows.map((row) =>
  protectedRow(row, {
    execute(command, medium, form) {
      executeProtectedWrite(command, medium, form, row.isDurable?.(command) === true);
    },
  }),
);

/**
 * Writes the whole blocks that have arrived and answers how many. What comes with protection information is checked before the first block is written,
 * and kept as it came; a fault ends the command.
 */
export function executeProtectedWrite(command: CommandSlot, medium: Medium, form: ProtectForm, durable: boolean): number {
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  const count = Math.floor(arrivedBytes / transferBlockBytes(command, medium, form));
  const isProtected = protectOf(command, form) !== 0;
  if (isProtected && !checkDataOut(command, medium, 0, count, checksOf(command, medium, form, 'data-out'))) return 0;
  writeIncoming(command, medium, { at: 0, offset: 0, count, isProtected }, durable);
  return count;
}
