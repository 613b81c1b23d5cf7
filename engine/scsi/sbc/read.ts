import { assert } from '../../errors.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { cdb6, cdb10, cdb12, cdb16, type ExtentCdb, planExtent } from './extent.js';
import { endWithReadFault } from './medium-fault.js';
import { readUntilFault } from './read-until-fault.js';
import { threadScratch } from './scratch.js';
import { cdb32, cdb32Row, ignoredTags } from './variable-length.js';

/**
 * Byte 1: RDPROTECT . DPO . FUA . RARC . FUA_NV. Without protection information RDPROTECT must be zero, like a reserved
 * field; DPO, RARC and the two FUA bits may be set and change nothing, as every read sees what was written last.
 */
const READ_FLAGS = 0x1e;

function readRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `READ (${shape.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'read',
    reservation: 'read',
    opcode,
    name,
    clause: `SBC-3 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: shape.usage(opcode, READ_FLAGS),
    plan(command, medium) {
      if (planExtent(command, medium, shape)) command.plannedDataInLength = command.lbaCount * medium.blockLengthBytes;
    },
    execute: executeRead,
  };
}

/**
 * READ (32). SBC-3 keeps the 32-byte forms to units with type 2 protection, where alone they say more than the 16-byte ones;
 * ours takes them without any, as SBC-2 did not forbid, for initiators that want to send an extended CDB.
 */
const read32Row: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'read',
  reservation: 'read',
  name: 'READ (32)',
  clause: 'SBC-3 "READ (32) command"',
  ...cdb32Row(0x0009, READ_FLAGS),
  cdbIgnored: ignoredTags,
  plan(command, medium) {
    if (planExtent(command, medium, cdb32)) command.plannedDataInLength = command.lbaCount * medium.blockLengthBytes;
  },
  execute: executeRead,
};

export const readRows: readonly MediumCommandRow[] = [readRow(0x08, cdb6), readRow(0x28, cdb10), readRow(0xa8, cdb12), readRow(0x88, cdb16), read32Row];

/**
 * Fetches no more than the initiator will take. `dataInLength` is what the CDB asks for all the same, so that the
 * session can tell the residual. RFC 7143 §11.4.5.
 */
function executeRead(command: CommandSlot, medium: Medium): void {
  const lengthBytes = Math.min(command.plannedDataInLength, command.expectedDataInLength);
  command.dataInLength = command.plannedDataInLength;
  if (lengthBytes === 0) return;
  const view = medium.store.view(command.lba * medium.blockLengthBytes, lengthBytes);
  if (view === null) {
    readIntoDataIn(command, medium, lengthBytes);
    return;
  }
  command.dataIn = view.bytes;
  command.dataInStart = view.offset;
  command.dataInFromStore = true;
}

function readIntoDataIn(command: CommandSlot, medium: Medium, lengthBytes: number): void {
  assert(command.dataInCapacity >= lengthBytes, 'a read that the store cannot show was given no room');
  const { blockLengthBytes } = medium;
  const tailBytes = lengthBytes % blockLengthBytes;
  const wholeBytes = lengthBytes - tailBytes;
  const wholeCount = wholeBytes / blockLengthBytes;
  if (wholeCount > 0) {
    const readCount = readUntilFault(medium, command.dataIn, command.dataInStart, command.lba, wholeCount);
    if (readCount < wholeCount) {
      endWithReadFault(command, command.lba + readCount, readCount * blockLengthBytes);
      return;
    }
  }
  if (tailBytes > 0) readTail(command, medium, wholeBytes, tailBytes);
}

/** The initiator takes part of a block, but stores are read by whole blocks: alignment forbids less. */
function readTail(command: CommandSlot, medium: Medium, wholeBytes: number, tailBytes: number): void {
  const scratch = threadScratch();
  const lba = command.lba + wholeBytes / medium.blockLengthBytes;
  if (medium.store.read(scratch, 0, medium.blockLengthBytes, lba * medium.blockLengthBytes) < 0) endWithReadFault(command, lba, wholeBytes);
  else command.dataIn.set(scratch.subarray(0, tailBytes), command.dataInStart + wholeBytes);
}
