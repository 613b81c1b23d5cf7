import type { CommandSlot } from '../../shm/command-slot.js';
import { DataDirection } from '../../shm/layout.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { cdb10, type ExtentFields, planExtent } from './extent.js';
import { endWithReadFault } from './medium-fault.js';
import { readUntilFault } from './read-until-fault.js';
import { scratchBytesOf, threadScratch } from './scratch.js';
import { CDB_32_FLAGS_AT, cdb32, cdb32Row } from './variable-length.js';
import { isForced, wholeBlocksArrived, writeBlocks } from './write.js';
import { exclusiveOr } from './xor.js';

/**
 * Flags: WRPROTECT . DPO . FUA . DISABLE WRITE . FUA_NV . XORPINFO. WRPROTECT and XORPINFO speak of protection information,
 * which there is none of: INVALID FIELD IN CDB, as for a reserved bit.
 */
const XDWRITEREAD_FLAGS = 0x1e;
export const DISABLE_WRITE_BIT = 0x04;

function xdWriteReadRow(
  form: 10 | 32,
  flagsAt: number,
  shape: ExtentFields,
  cdb: Pick<MediumCommandRow, 'opcode' | 'serviceAction' | 'cdbLength' | 'cdbUsage'>,
) {
  const name = `XDWRITEREAD (${form})`;
  const row: MediumCommandRow = {
    runsOn: 'any',
    mediumAccess: 'write',
    reservation: 'write',
    name,
    clause: `SBC-3 "${name} command"`,
    ...cdb,
    answersInPlace: true,
    plan: (command, medium) => planXdWriteRead(command, medium, shape),
    isDurable: (command) => isForced(command, flagsAt),
    execute: (command, medium) => executeXdWriteRead(command, medium, command.cdb[flagsAt] as number, isForced(command, flagsAt)),
  };
  return row;
}

/** The bidirectional commands: blocks in, and out again XOR what had been in their place. */
export const xdWriteReadRows: readonly MediumCommandRow[] = [
  xdWriteReadRow(10, 1, cdb10, { opcode: 0x53, cdbLength: 10, cdbUsage: cdb10.usage(0x53, XDWRITEREAD_FLAGS) }),
  xdWriteReadRow(32, CDB_32_FLAGS_AT, cdb32, cdb32Row(0x0007, XDWRITEREAD_FLAGS)),
];

function planXdWriteRead(command: CommandSlot, medium: Medium, shape: ExtentFields): void {
  if (!planExtent(command, medium, shape) || command.lbaCount === 0) return;
  // An initiator that did not announce both directions has another command in mind than its CDB says. No field of the CDB to point at.
  if (command.direction !== DataDirection.bidirectional) {
    checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb);
    return;
  }
  command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
  command.plannedDataInLength = command.plannedDataOutLength;
}

/**
 * Takes the whole blocks that have arrived, piece by piece: reads what is there, writes what came (unless DISABLE WRITE) and
 * leaves their XOR as Data-In, which may lie where Data-Out did. A fault ends the command between two blocks: all before it
 * are written and their XOR is returned, so that no parity is lost.
 */
function executeXdWriteRead(command: CommandSlot, medium: Medium, flags: number, durable: boolean): void {
  const { blockLengthBytes } = medium;
  const lengthBytes = wholeBlocksArrived(command, medium);
  const scratch = threadScratch();
  const stepBytes = scratchBytesOf(blockLengthBytes);
  for (let done = 0; done < lengthBytes; done += stepBytes) {
    const pieceBytes = Math.min(lengthBytes - done, stepBytes);
    const lba = command.lba + done / blockLengthBytes;
    const readCount = readUntilFault(medium, scratch, 0, lba, pieceBytes / blockLengthBytes);
    const readBytes = readCount * blockLengthBytes;
    if ((flags & DISABLE_WRITE_BIT) === 0 && readBytes > 0) {
      if (!writeBlocks(command, medium, command.dataOut, command.dataOutStart + done, readBytes, lba, durable)) {
        command.dataInLength = done;
        return;
      }
    }
    returnExclusiveOr(command, scratch, done, readBytes);
    if (readBytes < pieceBytes) {
      endWithReadFault(command, lba + readCount, done + readBytes);
      return;
    }
  }
  command.dataInLength = lengthBytes;
}

/** No more than the initiator takes. */
function returnExclusiveOr(command: CommandSlot, before: Uint8Array, done: number, readBytes: number): void {
  const takenBytes = Math.min(readBytes, Math.min(command.dataInCapacity, command.expectedDataInLength) - done);
  if (takenBytes <= 0) return;
  const target = { bytes: command.dataIn, start: command.dataInStart + done };
  const written = { bytes: command.dataOut, start: command.dataOutStart + done };
  exclusiveOr(target, written, { bytes: before, start: 0 }, takenBytes);
}
