import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey, StreamFlag } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeReadOutcome } from '../image/tape-service.js';
import { endWithFault } from '../medium/tape-fault.js';
import { type TapeUnit, tapeOf } from '../tape-unit.js';
import { EXPLICIT, FIXED_BIT, isFixed, runOnTape, seek } from './tape-command.js';

/*
 * READ, SSC-4 "READ(6) command" and "READ(16) command".
 *
 *     0| 0x08 | . SILI FIXED | TRANSFER LENGTH (3) | CONTROL |
 *     0| 0x88 | . SILI FIXED | . | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | TRANSFER LENGTH (3) | CONTROL |
 */
const SILI_BIT = 0x02;
const FLAGS_AT = 1;

const common = { runsOn: 'main', reservation: 'read', reservesDataIn: true, timeoutSeconds: { nominal: 60, recommended: 1200 } } as const;

export const readRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x08,
    name: 'READ (6)',
    clause: 'SSC-4 "READ(6) command"',
    cdbLength: 6,
    cdbUsage: [0x08, SILI_BIT | FIXED_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, 2),
    execute(command, unit, nexus, deferral) {
      runOnTape(command, unit, deferral, async (drive) => {
        drive.useEncryptionOf(nexus);
        await read(command, drive, readUint24(command.cdbView, 2));
      });
    },
  },
  {
    ...common,
    opcode: 0x88,
    name: 'READ (16)',
    clause: 'SSC-4 "READ(16) command"',
    cdbLength: 16,
    cdbUsage: [0x88, SILI_BIT | FIXED_BIT, 0x00, ...new Array<number>(12).fill(ALL_BITS), CONTROL_UNUSED],
    plan: (command, unit) => plan(command, unit, EXPLICIT.length),
    execute(command, unit, nexus, deferral) {
      runOnTape(command, unit, deferral, async (drive) => {
        drive.useEncryptionOf(nexus);
        if (await seek(command, drive)) await read(command, drive, readUint24(command.cdbView, EXPLICIT.length));
      });
    },
  },
];

/** Also of VERIFY: FIXED needs a block length. False when the command has ended. */
export function admitsFixed(command: CommandSlot, unit: LogicalUnit): boolean {
  if (!isFixed(command) || tapeOf(unit).settings.blockLengthBytes > 0) return true;
  invalidFieldInCdb(command, FLAGS_AT, 0);
  return false;
}

function plan(command: CommandSlot, unit: LogicalUnit, lengthAt: number): void {
  const drive = tapeOf(unit);
  const length = readUint24(command.cdbView, lengthAt);
  if (!admitsFixed(command, unit)) return;
  // SSC-4 "READ(6) command": a fixed block mode transfer cannot leave an incorrect length out.
  if (isFixed(command) && ((command.cdb[FLAGS_AT] as number) & SILI_BIT) !== 0) {
    invalidFieldInCdb(command, FLAGS_AT, 1);
    return;
  }
  const lengthBytes = isFixed(command) ? length * drive.settings.blockLengthBytes : Math.min(length, drive.blockLengthBytesMax);
  if (lengthBytes > unit.host.limits.transferLengthBytesMax) {
    invalidFieldInCdb(command, lengthAt);
    return;
  }
  command.plannedDataInLength = lengthBytes;
}

async function read(command: CommandSlot, drive: TapeUnit, length: number): Promise<void> {
  // No transfer is no error, and the position stays.
  if (length === 0) return;
  const room = command.dataIn.subarray(command.dataInStart, command.dataInStart + command.dataInCapacity);
  const { blockLengthBytes } = drive.settings;
  if (isFixed(command)) {
    const target = roomForBlocks(room, length * blockLengthBytes);
    const outcome = await drive.call('readBlocks', target, blockLengthBytes, length);
    if (target !== room) room.set(target.subarray(0, room.length));
    command.dataInLength = outcome.blockCount * blockLengthBytes;
    await endFixed(command, drive, outcome, length);
  } else {
    const outcome = await drive.call('readBlock', room);
    command.dataInLength = outcome.stop === 'done' ? Math.min(outcome.blockLengthBytes, length) : 0;
    await endVariable(command, drive, outcome, length, blockLengthBytes);
  }
}

/** The tape moves by as many blocks as the CDB says, also when the initiator takes less than that: what it does not take has to lie somewhere. */
function roomForBlocks(room: Uint8Array, lengthBytes: number): Uint8Array {
  return room.length >= lengthBytes ? room : new Uint8Array(new SharedArrayBuffer(lengthBytes));
}

/** What is met instead of a block, in either mode; `residual` in blocks or in bytes. True when the command has ended. */
export async function endAtObject(command: CommandSlot, drive: TapeUnit, outcome: TapeReadOutcome, residual: number): Promise<boolean> {
  const information = residual;
  switch (outcome.stop) {
    case 'filemark':
      checkCondition(command, SenseKey.noSense, Asc.filemarkDetected, { information, streamFlags: StreamFlag.filemark });
      return true;
    case 'endOfData':
      checkCondition(command, SenseKey.blankCheck, Asc.endOfData, { information, ...streamFlagsAtEnd(outcome) });
      return true;
    case 'endOfPartition':
      checkCondition(command, SenseKey.mediumError, Asc.endOfPartition, { information, streamFlags: StreamFlag.endOfMedium });
      return true;
    case 'fault':
      if (outcome.fault !== null) endWithFault(command, outcome.fault, { information });
      // SSC-4 "Data decryption": the block may be read once the right key is there, so that the position stays before it.
      if (outcome.fault?.kind === 'encryption') await drive.call('space', 'blocks', -1);
      return true;
    default:
      return false;
  }
}

/** SSC-4 "READ(6) command": EOM with end-of-data beyond early warning. */
function streamFlagsAtEnd({ position }: TapeReadOutcome): { streamFlags?: number } {
  return position.isBeyondEarlyWarning ? { streamFlags: StreamFlag.endOfMedium } : {};
}

/** INFORMATION counts the blocks that were not read, the one of another length among them. */
async function endFixed(command: CommandSlot, drive: TapeUnit, outcome: TapeReadOutcome, requestedCount: number): Promise<void> {
  const residual = requestedCount - outcome.blockCount;
  if (outcome.stop === 'length') reportIncorrectLength(command, residual);
  else await endAtObject(command, drive, outcome, residual);
}

/**
 * INFORMATION is what was asked for less the length of the block: negative for a longer one. SILI leaves a shorter block unreported, and a longer one
 * as well unless there is a block length that it may have been expected to have.
 */
async function endVariable(command: CommandSlot, drive: TapeUnit, outcome: TapeReadOutcome, requestedBytes: number, blockLengthBytes: number): Promise<void> {
  if (await endAtObject(command, drive, outcome, requestedBytes)) return;
  const residual = requestedBytes - outcome.blockLengthBytes;
  if (residual === 0) return;
  const isSuppressed = ((command.cdb[FLAGS_AT] as number) & SILI_BIT) !== 0 && (residual > 0 || blockLengthBytes === 0);
  if (!isSuppressed) reportIncorrectLength(command, residual);
}

export function reportIncorrectLength(command: CommandSlot, information: number): void {
  checkCondition(command, SenseKey.noSense, Asc.none, { information, streamFlags: StreamFlag.incorrectLength });
}
