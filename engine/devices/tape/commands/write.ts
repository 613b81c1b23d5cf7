import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, parameterListLengthError, SenseKey, StreamFlag } from '../../../scsi/sense.js';
import { ScsiStatus } from '../../../scsi/status.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeWriteOutcome } from '../image/tape-service.js';
import { BufferedMode, WriteMode } from '../medium/drive-settings.js';
import { endWithFault } from '../medium/tape-fault.js';
import { type TapeUnit, tapeOf } from '../tape-unit.js';
import { admitsFixed } from './read.js';
import { admitsWriting, EXPLICIT, FIXED_BIT, isFixed, runOnTape, seek } from './tape-command.js';

/*
 * WRITE, SSC-4 "WRITE(6) command" and "WRITE(16) command".
 *
 *     0| 0x0a | . FIXED | TRANSFER LENGTH (3) | CONTROL |
 *     0| 0x8a | . FCS LCS . FIXED | . | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | TRANSFER LENGTH (3) | CONTROL |
 *
 * FCS and LCS enclose a sequence of writes that the device may keep together: it makes no difference to one that never loses its place.
 */
/** FCS and LCS. */
export const SEQUENCE_BITS = 0x0c;

const common = { runsOn: 'main', reservation: 'write', timeoutSeconds: { nominal: 60, recommended: 1500 } } as const;

export const writeRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x0a,
    name: 'WRITE (6)',
    clause: 'SSC-4 "WRITE(6) command"',
    cdbLength: 6,
    cdbUsage: [0x0a, FIXED_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, 2),
    execute(command, unit, nexus, deferral) {
      runOnTape(command, unit, deferral, async (drive) => {
        drive.useEncryptionOf(nexus);
        await write(command, drive, readUint24(command.cdbView, 2));
      });
    },
  },
  {
    ...common,
    opcode: 0x8a,
    name: 'WRITE (16)',
    clause: 'SSC-4 "WRITE(16) command"',
    cdbLength: 16,
    cdbUsage: [0x8a, SEQUENCE_BITS | FIXED_BIT, 0x00, ...new Array<number>(12).fill(ALL_BITS), CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, EXPLICIT.length),
    execute(command, unit, nexus, deferral) {
      runOnTape(command, unit, deferral, async (drive) => {
        drive.useEncryptionOf(nexus);
        if (await seek(command, drive)) await write(command, drive, readUint24(command.cdbView, EXPLICIT.length));
      });
    },
  },
];

function plan(command: CommandSlot, unit: LogicalUnit, lengthAt: number): void {
  const drive = tapeOf(unit);
  const length = readUint24(command.cdbView, lengthAt);
  if (!admitsFixed(command, unit) || !admitsWriting(command, unit)) return;
  if (!isFixed(command) && length > drive.blockLengthBytesMax) {
    invalidFieldInCdb(command, lengthAt);
    return;
  }
  const lengthBytes = isFixed(command) ? length * drive.settings.blockLengthBytes : length;
  if (lengthBytes > unit.host.limits.transferLengthBytesMax) {
    invalidFieldInCdb(command, lengthAt);
    return;
  }
  command.plannedDataOutLength = lengthBytes;
}

async function write(command: CommandSlot, drive: TapeUnit, length: number): Promise<void> {
  // No transfer is no error, and nothing behind the position goes.
  if (length === 0) return;
  // The initiator has sent less than the CDB says: there is no whole block to be written of that.
  if (command.dataOutLength < command.plannedDataOutLength) return parameterListLengthError(command);
  if (!admitsOverwrite(command, drive)) return;
  const source = command.dataOut.subarray(command.dataOutStart, command.dataOutStart + command.dataOutLength);
  const outcome = isFixed(command) ? await drive.call('writeBlocks', source, drive.settings.blockLengthBytes) : await drive.call('writeBlock', source);
  const residual = isFixed(command) ? length - outcome.count : outcome.count > 0 ? 0 : length;
  endWrite(command, outcome, residual);
  await flushUnlessBuffered(command, drive, outcome);
}

/**
 * In append-only mode nothing is written over, unless ALLOW OVERWRITE has permitted it right here, once. SSC-4 "Append-only mode". False when the command
 * has ended.
 */
export function admitsOverwrite(command: CommandSlot, drive: TapeUnit): boolean {
  const { settings, position } = drive;
  if (settings.writeMode !== WriteMode.appendOnly || position === null || position.isEndOfData) return true;
  const { permission } = settings;
  const isPermitted = permission?.kind === 'position' && permission.partition === position.partition && permission.objectNumber === position.objectNumber;
  if (isPermitted) {
    settings.permission = null;
    return true;
  }
  checkCondition(command, SenseKey.dataProtect, Asc.writeAppendPositionError);
  return false;
}

/** Also of WRITE FILEMARKS: the residual counts what was not written. SSC-4 "WRITE(6) command", early warning and end of partition. */
export function endWrite(command: CommandSlot, outcome: TapeWriteOutcome, information: number): void {
  if (outcome.fault !== null) {
    endWithFault(command, outcome.fault, { information });
    return;
  }
  if (outcome.stop === 'endOfPartition') {
    checkCondition(command, SenseKey.volumeOverflow, Asc.endOfPartition, { information, streamFlags: StreamFlag.endOfMedium });
    return;
  }
  if (outcome.position.isBeyondEarlyWarning) {
    checkCondition(command, SenseKey.noSense, Asc.endOfPartition, { information, streamFlags: StreamFlag.endOfMedium });
    return;
  }
  // Told once. EOM says to drivers that the data were written all the same: without it NO SENSE is a failed write to Linux st.
  if (outcome.crossedProgrammableEarlyWarning) {
    checkCondition(command, SenseKey.noSense, Asc.programmableEarlyWarning, { information, streamFlags: StreamFlag.endOfMedium });
  }
}

/** BUFFERED MODE 0: a write ends when it is on the medium. SEW: what is buffered when early warning is met is written out, so that its report is no promise. */
async function flushUnlessBuffered(command: CommandSlot, drive: TapeUnit, outcome: TapeWriteOutcome): Promise<void> {
  if (drive.settings.bufferedMode !== BufferedMode.unbuffered && !outcome.crossedEarlyWarning) return;
  const { fault } = await drive.call('flush');
  if (fault !== null && (command.status === ScsiStatus.good || outcome.fault === null)) endWithFault(command, fault);
}
