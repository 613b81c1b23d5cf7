import type { CommandSlot } from '../../shm/command-slot.js';
import { CommandFlag } from '../../shm/layout.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { cdb6, cdb10, cdb12, cdb16, type ExtentCdb, planExtent } from './extent.js';
import { endWithWriteFault } from './medium-fault.js';
import { CDB_32_FLAGS_AT, cdb32, cdb32Row, ignoredTags } from './variable-length.js';

/** Byte 1: WRPROTECT . DPO . FUA . Reserved . FUA_NV. WRPROTECT must be zero without protection information. */
export const WRITE_FLAGS = 0x1a;
/** FUA and FUA_NV: we have no non-volatile cache, so that both ask for the medium itself. SBC-3 "Cache". */
export const FORCE_UNIT_ACCESS_BITS = 0x0a;
const NO_BITS = 0x00;

/** Whether what the command writes goes to stable storage before it ends: it has FUA, or the unit has no write cache. SBC-3 "Caching mode page", WCE. */
export function isForced(command: CommandSlot, flagsAt: number, bits = FORCE_UNIT_ACCESS_BITS): boolean {
  return ((command.cdb[flagsAt] as number) & bits) !== 0 || isWriteThrough(command);
}

export function isWriteThrough(command: CommandSlot): boolean {
  return (command.flags & CommandFlag.writeThrough) !== 0;
}

function writeRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `WRITE (${shape.cdbLength})`;
  // In a six-byte CDB these bits belong to the LBA.
  const durableBits = shape === cdb6 ? NO_BITS : FORCE_UNIT_ACCESS_BITS;
  const isDurable = (command: CommandSlot): boolean => isForced(command, 1, durableBits);
  return {
    runsOn: 'any',
    mediumAccess: 'write',
    reservation: 'write',
    opcode,
    name,
    clause: `SBC-3 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: shape.usage(opcode, WRITE_FLAGS),
    plan(command, medium) {
      if (planExtent(command, medium, shape)) command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
    },
    isDurable,
    execute(command, medium) {
      executeWrite(command, medium, isDurable(command));
    },
  };
}

const isWrite32Durable = (command: CommandSlot): boolean => isForced(command, CDB_32_FLAGS_AT);

/** WRITE (32): as free of protection information as READ (32). */
const write32Row: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'write',
  reservation: 'write',
  name: 'WRITE (32)',
  clause: 'SBC-3 "WRITE (32) command"',
  ...cdb32Row(0x000b, WRITE_FLAGS),
  cdbIgnored: ignoredTags,
  plan(command, medium) {
    if (planExtent(command, medium, cdb32)) command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
  },
  isDurable: isWrite32Durable,
  execute(command, medium) {
    executeWrite(command, medium, isWrite32Durable(command));
  },
};

export const writeRows: readonly MediumCommandRow[] = [writeRow(0x0a, cdb6), writeRow(0x2a, cdb10), writeRow(0xaa, cdb12), writeRow(0x8a, cdb16), write32Row];

/** Bytes of the whole blocks that have arrived: an initiator that sends less than its CDB says is told by the residual. */
export function wholeBlocksArrived(command: CommandSlot, medium: Medium): number {
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  return arrivedBytes - (arrivedBytes % medium.blockLengthBytes);
}

/** Writes the whole blocks that have arrived and answers their length in bytes. A fault ends the command. */
export function executeWrite(command: CommandSlot, medium: Medium, durable: boolean): number {
  const lengthBytes = wholeBlocksArrived(command, medium);
  if (lengthBytes === 0) return 0;
  writeBlocks(command, medium, command.dataOut, command.dataOutStart, lengthBytes, command.lba, durable);
  return lengthBytes;
}

/** Writes whole blocks from memory; false when a fault has ended the command. All commands that write data write it here. */
export function writeBlocks(
  command: CommandSlot,
  medium: Medium,
  source: Uint8Array,
  sourceStart: number,
  lengthBytes: number,
  lba: number,
  durable: boolean,
): boolean {
  const outcome = medium.store.write(source, sourceStart, lengthBytes, lba * medium.blockLengthBytes, durable);
  if (outcome >= 0) return true;
  endWithWriteFault(command, outcome, lba);
  return false;
}
