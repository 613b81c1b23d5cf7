import type { CommandSlot } from '../../../shm/command-slot.js';
import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import type { MediumCommandRow } from '../../command-table.js';
import type { Medium } from '../../medium.js';
import { Asc, checkCondition, SenseKey } from '../../sense.js';
import { ScsiStatus } from '../../status.js';
import { threadScratch } from '../scratch.js';
import { ByteCheck, byteCheckOf, firstDifference, verifyRows } from '../verify.js';
import { writeAndVerifyRows } from '../write-and-verify.js';
import { checksOf, type ProtectForm, protectedRow, protectionOf, protectOf, transferBlockBytes } from './protect-field.js';
import { checkDataOut, pieceBlocksOf, readPiece, threadProtectionScratch } from './protected-blocks.js';
import { executeProtectedWrite } from './protected-write.js';
import { referenceTagOf } from './protection-checks.js';

const TWO_TO_THE_32 = 0x1_0000_0000;
/** The value of VRPROTECT and WRPROTECT with which guards are not compared. SBC-3 "VERIFY (10) command". */
const NO_GUARD = 0b010;

export const protectedVerifyRows: readonly MediumCommandRow[] = verifyRows.map((row) => protectedRow(row, { execute: executeProtectedVerify }));

export const protectedWriteAndVerifyRows: readonly MediumCommandRow[] = writeAndVerifyRows.map((row) =>
  protectedRow(row, {
    execute(command, medium, form) {
      const count = executeProtectedWrite(command, medium, form, true);
      if (command.status !== ScsiStatus.good) return;
      compareBlocks(command, medium, form, count, byteCheckOf(command, form.flagsAt as number) === ByteCheck.everyByte ? count : 0);
    },
  }),
);

function executeProtectedVerify(command: CommandSlot, medium: Medium, form: ProtectForm): void {
  const byteCheck = byteCheckOf(command, form.flagsAt as number);
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  const arrivedCount = Math.floor(arrivedBytes / transferBlockBytes(command, medium, form));
  if (byteCheck === ByteCheck.oneBlock && arrivedCount === 0) return;
  const count = byteCheck === ByteCheck.everyByte ? arrivedCount : command.lbaCount;
  const periodCount = byteCheck === ByteCheck.nothing ? 0 : arrivedCount;
  const isProtected = periodCount > 0 && protectOf(command, form) !== 0;
  if (isProtected && !checkDataOut(command, medium, 0, periodCount, checksOf(command, medium, form, 'data-out'))) return;
  compareBlocks(command, medium, form, count, periodCount);
}

/**
 * Reads `count` blocks and compares them with the first `periodCount` of Data-Out, over and over; 0 compares nothing. What comes with protection information
 * is compared with that of the medium, which is not checked then. SBC-3 "VERIFY (10) command", VRPROTECT.
 */
export function compareBlocks(command: CommandSlot, medium: Medium, form: ProtectForm, count: number, periodCount: number): void {
  const comparesProtection = periodCount > 0 && protectOf(command, form) !== 0;
  const checks = comparesProtection ? null : checksOf(command, medium, form, 'medium');
  const stepCount = pieceBlocksOf(medium);
  for (let done = 0; done < count && command.status === ScsiStatus.good; done += stepCount) {
    const goodCount = readPiece(command, medium, done, Math.min(stepCount, count - done), checks);
    // What can be read is compared before what cannot is reported: the lower address comes first.
    for (let index = 0; index < goodCount && periodCount > 0; index++) {
      if (!isSame(command, medium, form, index, done + index, periodCount)) return;
    }
  }
}

/** The block of Data-Out for the `offset`-th of the command, and the `index`-th of the piece; false when a difference has ended the command. */
function isSame(command: CommandSlot, medium: Medium, form: ProtectForm, index: number, offset: number, periodCount: number): boolean {
  const { blockLengthBytes } = medium;
  const at = (offset % periodCount) * transferBlockBytes(command, medium, form);
  const start = command.dataOutStart + at;
  const expected = command.dataOut.subarray(start, start + blockLengthBytes);
  const actual = threadScratch().subarray(index * blockLengthBytes, (index + 1) * blockLengthBytes);
  // SBC-3 wants the offset in the Data-Out Buffer, also when that is one block for all.
  if (Buffer.compare(expected, actual) !== 0) return miscompare(command, Asc.miscompareDuringVerify, at + firstDifference(expected, actual));
  if (protectOf(command, form) === 0) return true;
  const sent = command.dataOut.subarray(start + blockLengthBytes, start + blockLengthBytes + PROTECTION_LENGTH_BYTES);
  const kept = threadProtectionScratch().subarray(index * PROTECTION_LENGTH_BYTES, (index + 1) * PROTECTION_LENGTH_BYTES);
  const atProtection = at + blockLengthBytes;
  if (protectOf(command, form) !== NO_GUARD && !areEqual(sent, kept, 0, 2)) return miscompare(command, Asc.logicalBlockGuardCheckFailed, atProtection);
  if (!areEqual(sent, kept, 2, 4)) return miscompare(command, Asc.logicalBlockApplicationTagCheckFailed, atProtection + 2);
  // One block that stands for all is duplicated as by WRITE SAME: its reference tag goes on from block to block.
  const goesOn = protectionOf(medium).type === 3 ? 0 : offset - (offset % periodCount);
  if ((referenceTagOf(sent, 0) + goesOn) % TWO_TO_THE_32 === referenceTagOf(kept, 0)) return true;
  return miscompare(command, Asc.logicalBlockReferenceTagCheckFailed, atProtection + 4);
}

function areEqual(left: Uint8Array, right: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (left[at] !== right[at]) return false;
  return true;
}

function miscompare(command: CommandSlot, asc: number, information: number): false {
  checkCondition(command, SenseKey.miscompare, asc, { information });
  return false;
}
