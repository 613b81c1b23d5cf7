import type { CommandSlot } from '../../../shm/command-slot.js';
import type { MediumCommandRow } from '../../command-table.js';
import type { Medium } from '../../medium.js';
import { Asc, checkCondition, SenseKey } from '../../sense.js';
import { ScsiStatus } from '../../status.js';
import { compareAndWriteRow, planCompareAndWrite } from '../compare-and-write.js';
import { threadScratch } from '../scratch.js';
import { firstDifference } from '../verify.js';
import { checksOf, type ProtectForm, protectedRow, protectOf, transferBlockBytes } from './protect-field.js';
import { checkDataOut, pieceBlocksOf, readPiece, writeIncoming } from './protected-blocks.js';

export const protectedCompareAndWriteRow: MediumCommandRow = protectedRow(compareAndWriteRow, {
  plan: (command, medium, form) => planCompareAndWrite(command, medium, transferBlockBytes(command, medium, form)),
  execute: executeCompareAndWrite,
});

/** User data is compared. The protection information of both halves is checked as WRPROTECT says, and that of the second is kept. */
function executeCompareAndWrite(command: CommandSlot, medium: Medium, form: ProtectForm): void {
  const count = command.lbaCount;
  const halfBytes = count * transferBlockBytes(command, medium, form);
  if (count === 0 || command.dataOutLength < 2 * halfBytes) return;
  const isProtected = protectOf(command, form) !== 0;
  if (isProtected) {
    const checks = checksOf(command, medium, form, 'data-out');
    if (!checkDataOut(command, medium, 0, count, checks) || !checkDataOut(command, medium, halfBytes, count, checks)) return;
  }
  compareUserData(command, medium, form);
  if (command.status !== ScsiStatus.good) return;
  writeIncoming(command, medium, { at: halfBytes, offset: 0, count, isProtected }, compareAndWriteRow.isDurable?.(command) === true);
}

function compareUserData(command: CommandSlot, medium: Medium, form: ProtectForm): void {
  const { blockLengthBytes } = medium;
  const unitBytes = transferBlockBytes(command, medium, form);
  const checks = checksOf(command, medium, form, 'medium');
  const stepCount = pieceBlocksOf(medium);
  for (let done = 0; done < command.lbaCount && command.status === ScsiStatus.good; done += stepCount) {
    const goodCount = readPiece(command, medium, done, Math.min(stepCount, command.lbaCount - done), checks);
    for (let index = 0; index < goodCount; index++) {
      const at = (done + index) * unitBytes;
      const expected = command.dataOut.subarray(command.dataOutStart + at, command.dataOutStart + at + blockLengthBytes);
      const actual = threadScratch().subarray(index * blockLengthBytes, (index + 1) * blockLengthBytes);
      if (Buffer.compare(expected, actual) === 0) continue;
      checkCondition(command, SenseKey.miscompare, Asc.miscompareDuringVerify, { information: at + firstDifference(expected, actual) });
      return;
    }
  }
}
