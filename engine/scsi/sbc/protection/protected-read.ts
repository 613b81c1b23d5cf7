import { assert } from '../../../errors.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import type { MediumCommandRow } from '../../command-table.js';
import type { Medium } from '../../medium.js';
import { ScsiStatus } from '../../status.js';
import { readRows } from '../read.js';
import { threadScratch } from '../scratch.js';
import { checksOf, type ProtectForm, protectedRow, transferBlockBytes } from './protect-field.js';
import { pieceBlocksOf, readPiece, threadProtectionScratch } from './protected-blocks.js';

export const protectedReadRows: readonly MediumCommandRow[] = readRows.map((row) => protectedRow(row, { execute: executeProtectedRead }));

/** Reads and checks no more blocks than the initiator takes, whole or in part. With RDPROTECT 000b they are checked all the same, and leave alone. */
function executeProtectedRead(command: CommandSlot, medium: Medium, form: ProtectForm): void {
  const unitBytes = transferBlockBytes(command, medium, form);
  const lengthBytes = Math.min(command.plannedDataInLength, command.expectedDataInLength);
  assert(command.dataInCapacity >= lengthBytes, 'a read with protection information was given no room');
  const blockCount = Math.ceil(lengthBytes / unitBytes);
  const checks = checksOf(command, medium, form, 'medium');
  const stepCount = pieceBlocksOf(medium);
  for (let done = 0; done < blockCount; done += stepCount) {
    const pieceCount = Math.min(stepCount, blockCount - done);
    const goodCount = readPiece(command, medium, done, pieceCount, checks);
    putIntoDataIn(command, medium, unitBytes, done, Math.min(goodCount * unitBytes, lengthBytes - done * unitBytes));
    if (goodCount < pieceCount) {
      command.dataInLength = (done + goodCount) * unitBytes;
      return;
    }
  }
  assert(command.status === ScsiStatus.good, 'a read that found all of its blocks has not ended');
  command.dataInLength = command.plannedDataInLength;
}

function putIntoDataIn(command: CommandSlot, { blockLengthBytes }: Medium, unitBytes: number, done: number, lengthBytes: number): void {
  const scratch = threadScratch();
  const target = command.dataInStart + done * unitBytes;
  if (unitBytes === blockLengthBytes) {
    command.dataIn.set(scratch.subarray(0, lengthBytes), target);
    return;
  }
  const protection = threadProtectionScratch();
  for (let at = 0, index = 0; at < lengthBytes; at += unitBytes, index++) {
    const dataBytes = Math.min(blockLengthBytes, lengthBytes - at);
    command.dataIn.set(scratch.subarray(index * blockLengthBytes, index * blockLengthBytes + dataBytes), target + at);
    const protectionBytes = Math.min(PROTECTION_LENGTH_BYTES, lengthBytes - at - dataBytes);
    const from = index * PROTECTION_LENGTH_BYTES;
    command.dataIn.set(protection.subarray(from, from + protectionBytes), target + at + dataBytes);
  }
}
