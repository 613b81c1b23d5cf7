import type { CommandSlot } from '../../shm/command-slot.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { cdb16, planExtent } from './extent.js';
import { endWithReadFault } from './medium-fault.js';
import { readUntilFault } from './read-until-fault.js';
import { scratchBytesOf, threadScratch } from './scratch.js';
import { isForced, WRITE_FLAGS, wholeBlocksArrived, writeBlocks } from './write.js';
import { inclusiveOr } from './xor.js';

const FLAGS_AT = 1;

/**
 * ORWRITE (16): what is there becomes what is there OR the Data-Out, with no other command in between. Its 32-byte form adds generations of
 * bitmaps, which nobody is known to use: it is not supported.
 */
export const orWriteRow: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'write',
  reservation: 'write',
  opcode: 0x8b,
  name: 'ORWRITE (16)',
  clause: 'SBC-3 "ORWRITE (16) command"',
  cdbLength: 16,
  // Byte 1: ORPROTECT . DPO . FUA . Reserved . FUA_NV, as WRITE has them.
  cdbUsage: cdb16.usage(0x8b, WRITE_FLAGS),
  plan(command, medium) {
    if (planExtent(command, medium, cdb16)) command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
  },
  isDurable: (command) => isForced(command, FLAGS_AT),
  execute: executeOrWrite,
};

/** Piece by piece: a fault ends the command between two of them. */
function executeOrWrite(command: CommandSlot, medium: Medium): void {
  const { blockLengthBytes } = medium;
  const lengthBytes = wholeBlocksArrived(command, medium);
  const durable = isForced(command, FLAGS_AT);
  const scratch = threadScratch();
  const stepBytes = scratchBytesOf(blockLengthBytes);
  for (let done = 0; done < lengthBytes; done += stepBytes) {
    const pieceBytes = Math.min(lengthBytes - done, stepBytes);
    const lba = command.lba + done / blockLengthBytes;
    const lbaCount = pieceBytes / blockLengthBytes;
    const readCount = readUntilFault(medium, scratch, 0, lba, lbaCount);
    if (readCount < lbaCount) {
      endWithReadFault(command, lba + readCount, 0);
      return;
    }
    const present = { bytes: scratch, start: 0 };
    inclusiveOr(present, present, { bytes: command.dataOut, start: command.dataOutStart + done }, pieceBytes);
    if (!writeBlocks(command, medium, scratch, 0, pieceBytes, lba, durable)) return;
  }
}
