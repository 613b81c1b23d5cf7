import type { CommandSlot } from '../../shm/command-slot.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { invalidFieldInCdb } from '../sense.js';
import { ScsiStatus } from '../status.js';
import { cdb10, cdb12, cdb16, type ExtentCdb, type ExtentFields, planExtent } from './extent.js';
import { CDB_32_FLAGS_AT, cdb32, cdb32Row, ignoredTags } from './variable-length.js';
import { BYTCHK_BIT, ByteCheck, byteCheckOf, verifyBlocks } from './verify.js';
import { executeWrite } from './write.js';

/** Flags: WRPROTECT . DPO . Reserved . BYTCHK (2 bits) . Reserved. WRPROTECT must be zero without protection information. */
const WRITE_AND_VERIFY_FLAGS = 0x16;
const FLAGS_AT = 1;

type RowOfForm = Pick<MediumCommandRow, 'opcode' | 'serviceAction' | 'cdbLength' | 'cdbUsage' | 'cdbIgnored'>;

function writeAndVerifyRow(flagsAt: number, shape: ExtentFields, form: RowOfForm): MediumCommandRow {
  const name = `WRITE AND VERIFY (${form.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'write',
    reservation: 'write',
    name,
    clause: `SBC-3 "${name} command"`,
    ...form,
    plan: (command, medium) => planWriteAndVerify(command, medium, shape, flagsAt),
    // What is still in a volatile cache says nothing about the medium, so that the command has FUA without having the bit.
    isDurable: () => true,
    execute: (command, medium) => executeWriteAndVerify(command, medium, byteCheckOf(command, flagsAt)),
  };
}

function shortRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  return writeAndVerifyRow(FLAGS_AT, shape, { opcode, cdbLength: shape.cdbLength, cdbUsage: shape.usage(opcode, WRITE_AND_VERIFY_FLAGS) });
}

/** The 32-byte form is as free of protection information as READ (32). */
export const writeAndVerifyRows: readonly MediumCommandRow[] = [
  shortRow(0x2e, cdb10),
  shortRow(0xae, cdb12),
  shortRow(0x8e, cdb16),
  writeAndVerifyRow(CDB_32_FLAGS_AT, cdb32, { ...cdb32Row(0x000c, WRITE_AND_VERIFY_FLAGS), cdbIgnored: ignoredTags }),
];

/** The comparison with one block for all, BYTCHK 11b, is VERIFY's alone: here as many blocks come as are written. */
function planWriteAndVerify(command: CommandSlot, medium: Medium, shape: ExtentFields, flagsAt: number): void {
  const byteCheck = byteCheckOf(command, flagsAt);
  if (byteCheck !== ByteCheck.nothing && byteCheck !== ByteCheck.everyByte) {
    invalidFieldInCdb(command, flagsAt, BYTCHK_BIT);
    return;
  }
  if (planExtent(command, medium, shape)) command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
}

/**
 * Writes as WRITE does, through to stable storage, and reads it back: only to see that it can be read, or to compare every
 * byte. Memory and the page cache answer from where they were written; a `file` store with `direct` asks the device.
 */
function executeWriteAndVerify(command: CommandSlot, medium: Medium, byteCheck: number): void {
  const writtenBytes = executeWrite(command, medium, true);
  if (command.status !== ScsiStatus.good) return;
  verifyBlocks(command, medium, writtenBytes, byteCheck === ByteCheck.everyByte ? writtenBytes : 0);
}
