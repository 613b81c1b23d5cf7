import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../../scsi/command-table.js';
import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, parameterListLengthError, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeReadOutcome } from '../image/tape-service.js';
import { type TapeUnit, tapeOf } from '../tape-unit.js';
import { admitsFixed, endAtObject, reportIncorrectLength } from './read.js';
import { EXPLICIT, FIXED_BIT, isFixed, runOnTape, seek } from './tape-command.js';

/*
 * VERIFY, SSC-4 "VERIFY(6) command" and "VERIFY(16) command".
 *
 *     0| 0x13 | . IMMED BYTCMP FIXED | VERIFICATION LENGTH (3) | CONTROL |
 *     0| 0x8f | . IMMED BYTCMP FIXED | . | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | VERIFICATION LENGTH (3) | CONTROL |
 */
const FLAGS_AT = 1;
const IMMED_BIT = 0x04;
const BYTCMP_BIT = 0x02;

const common = { runsOn: 'main', reservation: 'read', timeoutSeconds: { nominal: 60, recommended: 2300 } } as const;

export const verifyRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x13,
    name: 'VERIFY (6)',
    clause: 'SSC-4 "VERIFY(6) command"',
    cdbLength: 6,
    cdbUsage: [0x13, IMMED_BIT | BYTCMP_BIT | FIXED_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, 2),
    execute: (command, unit, nexus, deferral) => execute(command, unit, nexus, deferral, 2),
  },
  {
    ...common,
    opcode: 0x8f,
    name: 'VERIFY (16)',
    clause: 'SSC-4 "VERIFY(16) command"',
    cdbLength: 16,
    cdbUsage: [0x8f, IMMED_BIT | BYTCMP_BIT | FIXED_BIT, 0x00, ...new Array<number>(12).fill(ALL_BITS), CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, EXPLICIT.length),
    execute: (command, unit, nexus, deferral) => execute(command, unit, nexus, deferral, EXPLICIT.length),
  },
];

function has(command: CommandSlot, bit: number): boolean {
  return ((command.cdb[FLAGS_AT] as number) & bit) !== 0;
}

function plan(command: CommandSlot, unit: LogicalUnit, lengthAt: number): void {
  const drive = tapeOf(unit);
  if (!admitsFixed(command, unit)) return;
  const length = readUint24(command.cdbView, lengthAt);
  const lengthBytes = isFixed(command) ? length * drive.settings.blockLengthBytes : length;
  if (!isFixed(command) && length > drive.blockLengthBytesMax) {
    invalidFieldInCdb(command, lengthAt);
    return;
  }
  if (!has(command, BYTCMP_BIT)) return;
  if (lengthBytes > unit.host.limits.transferLengthBytesMax) {
    invalidFieldInCdb(command, lengthAt);
    return;
  }
  command.plannedDataOutLength = lengthBytes;
}

/** IMMED allows to answer before it is done, which with data to compare is not: what it finds would be told to nobody. */
function execute(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, deferral: Deferral, lengthAt: number): void {
  runOnTape(command, unit, deferral, async (drive) => {
    drive.useEncryptionOf(nexus);
    if (lengthAt === EXPLICIT.length && !(await seek(command, drive))) return;
    await verify(command, drive, readUint24(command.cdbView, lengthAt));
  });
}

async function verify(command: CommandSlot, drive: TapeUnit, length: number): Promise<void> {
  if (length === 0) return;
  if (command.dataOutLength < command.plannedDataOutLength) return parameterListLengthError(command);
  const expected = has(command, BYTCMP_BIT) ? command.dataOut.subarray(command.dataOutStart, command.dataOutStart + command.dataOutLength) : null;
  if (isFixed(command)) {
    const outcome = await drive.call('verifyBlocks', drive.settings.blockLengthBytes, length, expected);
    const residual = length - outcome.blockCount;
    if (outcome.stop === 'length') reportIncorrectLength(command, residual);
    else await endVerify(command, drive, outcome, residual);
    return;
  }
  const outcome = await drive.call('verifyBlock', length, expected);
  if (await endVerify(command, drive, outcome, length)) return;
  const residual = length - outcome.blockLengthBytes;
  if (residual !== 0) reportIncorrectLength(command, residual);
}

async function endVerify(command: CommandSlot, drive: TapeUnit, outcome: TapeReadOutcome, information: number): Promise<boolean> {
  if (outcome.stop !== 'miscompare') return endAtObject(command, drive, outcome, information);
  checkCondition(command, SenseKey.miscompare, Asc.miscompareDuringVerify, { information });
  return true;
}
