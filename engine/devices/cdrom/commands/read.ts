import { assert } from '../../../errors.js';
import { ALL_BITS, CONTROL_UNUSED } from '../../../scsi/cdb.js';
import type { MediumCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import type { Medium } from '../../../scsi/medium.js';
import { allBits, cdb10, cdb12, type ExtentCdb } from '../../../scsi/sbc/extent.js';
import { readRows as blockReadRows } from '../../../scsi/sbc/read.js';
import { verifyRows as blockVerifyRows } from '../../../scsi/sbc/verify.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import { ScsiStatus } from '../../../scsi/status.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { discOf } from '../drive/optical-drive.js';

/** Byte 1: DPO . FUA. Every read sees what was written last. */
const READ_FLAGS = 0x18;
/** READ (12), byte 10: the drive may return what it has in time rather than what is right. Ours is always right. */
const STREAMING_BIT = 0x80;
const STREAMING_AT = 10;

type Execute = MediumCommandRow['execute'];

function executeOf(rows: readonly MediumCommandRow[], opcode: number): Execute {
  const row = rows.find((each) => each.opcode === opcode);
  assert(row !== undefined, 'the block commands have the command');
  return row.execute;
}

const readBlocks = executeOf(blockReadRows, 0x28);
const verifyBlocks = executeOf(blockVerifyRows, 0x2f);

/**
 * Sets the range to the blocks that can be read: what the CDB asks for beyond them is told behind them. Ends the command where the first one cannot be read,
 * or the range leaves the disc.
 */
function planReadable(command: CommandSlot, unit: LogicalUnit, medium: Medium, shape: ExtentCdb): boolean {
  const disc = discOf(unit);
  const lba = shape.lba(command.cdbView);
  const count = shape.count(command.cdbView);
  if (count > disc.lbaEnd - lba) {
    checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange, { information: Math.max(lba, disc.lbaEnd) });
    return false;
  }
  if (count > medium.transferBlocksMax) {
    invalidFieldInCdb(command, shape.countAt);
    return false;
  }
  command.lba = lba;
  command.lbaCount = disc.readableCount(lba, count);
  if (command.lbaCount > 0 || count === 0) return true;
  endUnreadable(command, medium);
  return false;
}

/** The block behind those that could be read: it is missing in the image, or nobody has written it. MMC-6 "READ (10) command". */
function endUnreadable(command: CommandSlot, medium: Medium): void {
  const lba = command.lba + command.lbaCount;
  if (lba >= medium.blockCount) checkCondition(command, SenseKey.mediumError, Asc.unrecoveredReadError, { information: lba });
  else checkCondition(command, SenseKey.blankCheck, Asc.none, { information: lba });
}

function isCut(command: CommandSlot, shape: ExtentCdb): boolean {
  return command.status === ScsiStatus.good && command.lbaCount < shape.count(command.cdbView);
}

function readRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `READ (${shape.cdbLength})`;
  const usage = [...shape.usage(opcode, READ_FLAGS)];
  usage[shape === cdb10 ? 6 : STREAMING_AT] = shape === cdb10 ? 0 : STREAMING_BIT;
  return {
    runsOn: 'any',
    mediumAccess: 'read',
    reservation: 'read',
    opcode,
    name,
    clause: `MMC-6 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: usage,
    plan(command, medium, unit) {
      if (planReadable(command, unit, medium, shape)) command.plannedDataInLength = command.lbaCount * medium.blockLengthBytes;
    },
    execute(command, medium) {
      readBlocks(command, medium);
      if (isCut(command, shape)) endUnreadable(command, medium);
    },
  };
}

/** BYTCHK: Data-Out is compared. MMC leaves it out, and drives refuse it; of DPO nothing follows. */
const VERIFY_FLAGS = 0x10;

/** VERIFY (10), MMC-6: the blocks can be read. */
const verifyRow: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'read',
  reservation: 'read',
  opcode: 0x2f,
  name: 'VERIFY (10)',
  clause: 'MMC-6 "VERIFY (10) command"',
  cdbLength: 10,
  cdbUsage: [0x2f, VERIFY_FLAGS, ...allBits(4), 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  plan(command, medium, unit) {
    planReadable(command, unit, medium, cdb10);
  },
  storeBytes: (command, medium) => command.lbaCount * medium.blockLengthBytes,
  execute(command, medium) {
    verifyBlocks(command, medium);
    if (isCut(command, cdb10)) endUnreadable(command, medium);
  },
};

export const readRows: readonly MediumCommandRow[] = [readRow(0x28, cdb10), readRow(0xa8, cdb12), verifyRow];
