import type { CommandSlot } from '../../../shm/command-slot.js';
import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import type { MediumCommandRow } from '../../command-table.js';
import type { Medium } from '../../medium.js';
import { cdb10, cdb16, type ExtentFields } from '../extent.js';
import { cdb32 } from '../variable-length.js';
import { fillWith, flushWhereThrough, NO_DATA_OUT_BIT, planWriteSame, UNMAP_BIT, unmapBlocksOf, writeSameRows } from '../write-same.js';
import { checksOf, type ProtectForm, protectedRow, protectionOf, transferBlockBytes } from './protect-field.js';
import { apart, checkDataOut, incomingProtectionScratch, incomingScratch, pieceBlocksOf, writePiece } from './protected-blocks.js';
import { type BlockRun, generateProtection, referenceTagOf, setReferenceTag } from './protection-checks.js';

const BLANK_BYTE = 0xff;

const extents: Readonly<Record<number, ExtentFields>> = { 10: cdb10, 16: cdb16, 32: cdb32 };

export const protectedWriteSameRows: readonly MediumCommandRow[] = writeSameRows.map((row) => {
  const shape = extents[row.cdbLength] as ExtentFields;
  return protectedRow(row, {
    plan: (command, medium, form) => planWriteSame(command, medium, shape, form.flagsAt as number, transferBlockBytes(command, medium, form)),
    execute: executeWriteSame,
  });
});

/** What is unmapped, or written without a block to write (NDOB), is not checked afterwards. SBC-3 "WRITE SAME (10) command", SBC-4 "NDOB bit". */
function executeWriteSame(command: CommandSlot, medium: Medium, form: ProtectForm): void {
  const flags = command.cdb[form.flagsAt as number] as number;
  const hasBlock = (flags & NO_DATA_OUT_BIT) === 0;
  const unitBytes = transferBlockBytes(command, medium, form);
  if (hasBlock && command.dataOutLength < unitBytes) return;
  const isProtected = hasBlock && unitBytes > medium.blockLengthBytes;
  if (isProtected && !checkDataOut(command, medium, 0, 1, checksOf(command, medium, form, 'data-out'))) return;
  if ((flags & UNMAP_BIT) !== 0) {
    unmapBlocksOf(command, medium, flags);
    return;
  }
  const { dataOut, dataOutStart } = command;
  const block = hasBlock ? dataOut.subarray(dataOutStart, dataOutStart + medium.blockLengthBytes) : new Uint8Array(medium.blockLengthBytes);
  writeEverywhere(command, medium, block, (run, offset, count) => {
    if (isProtected) repeatProtection(command, medium, run, offset, count);
    else if (hasBlock) generateProtection(run, medium, command.lba + offset, count);
    else run.protection.fill(BLANK_BYTE, 0, count * PROTECTION_LENGTH_BYTES);
  });
}

/** The reference tag of the block that came is that of the first, and goes on from block to block but for type 3. */
function repeatProtection(command: CommandSlot, medium: Medium, run: BlockRun, offset: number, count: number): void {
  const at = command.dataOutStart + medium.blockLengthBytes;
  const received = command.dataOut.subarray(at, at + PROTECTION_LENGTH_BYTES);
  const goesOn = protectionOf(medium).type !== 3;
  const first = referenceTagOf(received, 0);
  for (let index = 0; index < count; index++) {
    run.protection.set(received, index * PROTECTION_LENGTH_BYTES);
    setReferenceTag(run.protection, index * PROTECTION_LENGTH_BYTES, goesOn ? first + offset + index : first);
  }
}

/** In pieces, with one flush for all where there is no write cache. `protect` gives those of a piece their protection information. */
function writeEverywhere(command: CommandSlot, medium: Medium, block: Uint8Array, protect: (run: BlockRun, offset: number, count: number) => void): void {
  const stepCount = Math.min(command.lbaCount, pieceBlocksOf(medium));
  const run = apart(medium, incomingScratch(), 0, incomingProtectionScratch());
  fillWith(run.data, block, stepCount * medium.blockLengthBytes);
  for (let done = 0; done < command.lbaCount; done += stepCount) {
    const count = Math.min(stepCount, command.lbaCount - done);
    protect(run, done, count);
    if (!writePiece(command, medium, run, command.lba + done, count, false)) return;
  }
  flushWhereThrough(command, medium);
}
