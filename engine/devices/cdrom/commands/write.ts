import { AssertionFailure } from '../../../errors.js';
import { ALL_BITS, CONTROL_UNUSED } from '../../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { allBits, cdb10, cdb12, type ExtentCdb } from '../../../scsi/sbc/extent.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import type { Disc } from '../disc/disc.js';
import { BLOCK_LENGTH_BYTES } from '../disc/profile.js';
import { codeOf } from '../disc/sidecar-file.js';
import { discOf } from '../drive/optical-drive.js';
import { endUnlessAllowed } from './recording-sense.js';

/** Byte 1: DPO . FUA, and in WRITE (12) byte 10: Streaming, which lets a drive skip its own verification. */
const DPO_BIT = 0x10;
const FUA_BIT = 0x08;
const STREAMING_BIT = 0x80;
const NO_SPACE: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** Whether the disc takes any writes at all. Ends the command where it does not. MMC-6 "Write protection". */
export function isWritable(command: CommandSlot, unit: LogicalUnit): boolean {
  if (discOf(unit).isWritable && !unit.softwareWriteProtected) return true;
  checkCondition(command, SenseKey.dataProtect, Asc.writeProtected);
  return false;
}

/** Checks where and how much is to be written, before any data is asked for. The lengths of a CDB beyond its track are refused as a whole. */
function plan(command: CommandSlot, unit: LogicalUnit, shape: ExtentCdb): void {
  if (!isWritable(command, unit)) return;
  const lba = shape.lba(command.cdbView);
  const count = shape.count(command.cdbView);
  const { recording } = discOf(unit);
  if (count * BLOCK_LENGTH_BYTES > unit.host.limits.transferLengthBytesMax) {
    invalidFieldInCdb(command, shape.countAt);
    return;
  }
  if (count > 0 && recording !== null && !endUnlessAllowed(command, recording.writeFault(lba, count))) return;
  command.lba = lba;
  command.lbaCount = count;
  command.plannedDataOutLength = count * BLOCK_LENGTH_BYTES;
}

/** A write or a flush of the image failed. What is a defect of ours goes on. */
export function endWithFault(command: CommandSlot, error: unknown): void {
  if (error instanceof AssertionFailure) throw error;
  if (NO_SPACE.includes(codeOf(error))) checkCondition(command, SenseKey.dataProtect, Asc.spaceAllocationFailed);
  else checkCondition(command, SenseKey.mediumError, Asc.writeError);
}

/** Writes the whole blocks that have arrived. False when that failed. */
async function writeArrived(command: CommandSlot, disc: Disc): Promise<boolean> {
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  const lengthBytes = arrivedBytes - (arrivedBytes % BLOCK_LENGTH_BYTES);
  try {
    if (lengthBytes > 0) await disc.write(command.dataOut, command.dataOutStart, lengthBytes, command.lba);
    return true;
  } catch (error) {
    endWithFault(command, error);
    return false;
  }
}

/** Puts what was written on stable storage; false when that failed, and the command has ended. */
export async function syncDisc(command: CommandSlot, disc: Disc): Promise<boolean> {
  try {
    await disc.sync();
    return true;
  } catch (error) {
    endWithFault(command, error);
    return false;
  }
}

function execute(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, ends: { readonly isForced: boolean; readonly isVerified: boolean }): void {
  const disc = discOf(unit);
  runDeferred(command, deferral, async () => {
    if (!(await writeArrived(command, disc))) return;
    if ((ends.isForced || ends.isVerified) && !(await syncDisc(command, disc))) return;
    if (ends.isVerified) await verifyWritten(command, disc);
  });
}

/** WRITE AND VERIFY: what was written can be read, and is what came. */
async function verifyWritten(command: CommandSlot, disc: Disc): Promise<void> {
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  const blockCount = Math.floor(arrivedBytes / BLOCK_LENGTH_BYTES);
  const found = Buffer.alloc(blockCount * BLOCK_LENGTH_BYTES);
  const sent = command.dataOut.subarray(command.dataOutStart, command.dataOutStart + found.length);
  if (blockCount === 0) return;
  if (!disc.read(found, command.lba, blockCount)) checkCondition(command, SenseKey.mediumError, Asc.unrecoveredReadError, { information: command.lba });
  else if (Buffer.compare(found, sent) !== 0) checkCondition(command, SenseKey.mediumError, Asc.writeError, { information: command.lba });
}

function isForced(command: CommandSlot): boolean {
  return ((command.cdb[1] as number) & FUA_BIT) !== 0;
}

const common = { runsOn: 'main', reservation: 'write' } as const;

/*
 * WRITE (10) and (12), WRITE AND VERIFY (10), MMC-6.
 *
 *     0| 0x2a | . DPO FUA . | LBA (4) | Reserved | Transfer Length (2) | Control |
 *     0| 0xaa | . DPO FUA . | LBA (4) | Transfer Length (4) | Streaming . | Control |
 */
export const writeRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x2a,
    name: 'WRITE (10)',
    clause: 'MMC-6 "WRITE (10) command"',
    cdbLength: 10,
    cdbUsage: [0x2a, DPO_BIT | FUA_BIT, ...allBits(4), 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, cdb10),
    execute: (command, unit, _nexus, deferral) => execute(command, unit, deferral, { isForced: isForced(command), isVerified: false }),
  },
  {
    ...common,
    opcode: 0xaa,
    name: 'WRITE (12)',
    clause: 'MMC-6 "WRITE (12) command"',
    cdbLength: 12,
    cdbUsage: [0xaa, DPO_BIT | FUA_BIT, ...allBits(8), STREAMING_BIT, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, cdb12),
    execute: (command, unit, _nexus, deferral) => execute(command, unit, deferral, { isForced: isForced(command), isVerified: false }),
  },
  {
    ...common,
    opcode: 0x2e,
    name: 'WRITE AND VERIFY (10)',
    clause: 'MMC-6 "WRITE AND VERIFY (10) command"',
    cdbLength: 10,
    cdbUsage: [0x2e, DPO_BIT, ...allBits(4), 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, cdb10),
    execute: (command, unit, _nexus, deferral) => execute(command, unit, deferral, { isForced: true, isVerified: true }),
  },
];
