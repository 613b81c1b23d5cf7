import type { MediumCommandRow } from '../../command-table.js';
import { invalidFieldInCdb } from '../../sense.js';
import { ScsiStatus } from '../../status.js';
import { takeSpace, writeAtomicRow } from '../write-atomic.js';
import { protectedRow, transferBlockBytes } from './protect-field.js';
import { executeProtectedWrite } from './protected-write.js';

const COUNT_AT = 12;

export const protectedWriteAtomicRow: MediumCommandRow = protectedRow(writeAtomicRow, {
  plan(command, medium, form, unit) {
    writeAtomicRow.plan(command, medium, unit);
    if (command.status !== ScsiStatus.good) return;
    command.plannedDataOutLength = command.lbaCount * transferBlockBytes(command, medium, form);
    if (command.expectedDataOutLength < command.plannedDataOutLength) invalidFieldInCdb(command, COUNT_AT);
  },
  execute(command, medium, form) {
    if (takeSpace(command, medium)) executeProtectedWrite(command, medium, form, writeAtomicRow.isDurable?.(command) === true);
  },
});
