import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, readUint64 } from '../cdb.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { invalidFieldInCdb } from '../sense.js';
import { ScsiStatus } from '../status.js';
import { allBits, GROUP_NUMBER_BITS, isInRange } from './extent.js';
import { verifyBlocks } from './verify.js';
import { isForced, WRITE_FLAGS, writeBlocks } from './write.js';

/*
 * COMPARE AND WRITE, SBC-3 "COMPARE AND WRITE command".
 *
 *     0| 0x89 | WRPROTECT . DPO . FUA . Reserved . FUA_NV . Reserved | LBA (8) |
 *    10| Reserved (3) | Number of Logical Blocks | . Group | Control |
 */
const FLAGS_AT = 1;
const LBA_AT = 2;
const COUNT_AT = 13;
/** MAXIMUM COMPARE AND WRITE LENGTH is one byte; locks need one block, and this many suffice for any journal of a cluster. */
const COMPARE_BLOCKS_MAX = 128;

/** MAXIMUM COMPARE AND WRITE LENGTH, SBC-3 "Block Limits VPD page": both halves of the Data-Out are one transfer. */
export function compareAndWriteBlocksMax(medium: Medium): number {
  return Math.min(COMPARE_BLOCKS_MAX, Math.floor(medium.transferBlocksMax / 2));
}

/** Compares and writes with no other command between the two: it holds its range alone, as every write does. */
export const compareAndWriteRow: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'write',
  reservation: 'write',
  opcode: 0x89,
  name: 'COMPARE AND WRITE',
  clause: 'SBC-3 "COMPARE AND WRITE command"',
  cdbLength: 16,
  cdbUsage: [0x89, WRITE_FLAGS, ...allBits(8), 0x00, 0x00, 0x00, ALL_BITS, GROUP_NUMBER_BITS, CONTROL_UNUSED],
  plan: (command, medium) => planCompareAndWrite(command, medium, medium.blockLengthBytes),
  isDurable: (command) => isForced(command, FLAGS_AT),
  execute: executeCompareAndWrite,
};

/** `transferBlockBytes` is what a logical block takes in Data-Out. */
export function planCompareAndWrite(command: CommandSlot, medium: Medium, transferBlockBytes: number): void {
  const lba = readUint64(command.cdbView, LBA_AT);
  const count = command.cdb[COUNT_AT] as number;
  if (!isInRange(command, medium, lba, count)) return;
  if (count > compareAndWriteBlocksMax(medium)) {
    invalidFieldInCdb(command, COUNT_AT);
    return;
  }
  const lengthBytes = 2 * count * transferBlockBytes;
  // Half a comparison compares with the wrong half: what was sent for another count than the CDB tells must not be taken for this one.
  if (command.expectedDataOutLength !== lengthBytes) {
    invalidFieldInCdb(command, COUNT_AT);
    return;
  }
  command.lba = lba;
  command.lbaCount = count;
  command.plannedDataOutLength = lengthBytes;
}

/** The first half of the Data-Out is what must be there, the second what is to be there then. */
function executeCompareAndWrite(command: CommandSlot, medium: Medium): void {
  const lengthBytes = command.lbaCount * medium.blockLengthBytes;
  if (lengthBytes === 0 || command.dataOutLength < 2 * lengthBytes) return;
  verifyBlocks(command, medium, lengthBytes, lengthBytes);
  if (command.status !== ScsiStatus.good) return;
  writeBlocks(command, medium, command.dataOut, command.dataOutStart + lengthBytes, lengthBytes, command.lba, isForced(command, FLAGS_AT));
}
