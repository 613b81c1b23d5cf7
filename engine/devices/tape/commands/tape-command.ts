import { readUint64 } from '../../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../../scsi/command-table.js';
import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit, UnitCondition } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import type { TapeFault } from '../image/tape-service.js';
import { endWithFault } from '../medium/tape-fault.js';
import { DriveState, type TapeUnit, tapeOf } from '../tape-unit.js';

const FLAGS_AT = 1;
/** FIXED of READ, WRITE and VERIFY: the transfer length counts blocks of the length in the block descriptor. */
export const FIXED_BIT = 0x01;

export function isFixed(command: CommandSlot): boolean {
  return ((command.cdb[FLAGS_AT] as number) & FIXED_BIT) !== 0;
}

export type TapeWork = (drive: TapeUnit, signal: AbortSignal) => Promise<void>;

/**
 * Does the work of a command that wants the medium, behind what an earlier one has left to be done. Where that has left an error behind it is told, and the
 * command is not performed.
 */
export function runOnTape(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, work: TapeWork): void {
  const drive = tapeOf(unit);
  runDeferred(command, deferral, async (signal) => {
    await drive.settled();
    const error = drive.takeDeferredError();
    if (error !== null) endWithDeferred(command, error);
    else await unlessTakenOut(command, drive, work(drive, signal));
  });
}

/** An operator or a picker takes the cartridge out between two steps of a command: what is left of that finds no medium. */
async function unlessTakenOut(command: CommandSlot, drive: TapeUnit, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const { readiness, state } = drive;
    // While it loads, a thread was lost: nobody knows how far the command has come.
    if (readiness === null || state === DriveState.loading) throw error;
    checkCondition(command, readiness.key, readiness.asc);
  }
}

/** With IMMED the command ends with GOOD when its work has begun, and what goes wrong is told by a later one. `admits` is asked first, in either case. */
export function runImmediate(
  command: CommandSlot,
  unit: LogicalUnit,
  deferral: Deferral,
  work: (drive: TapeUnit) => Promise<{ readonly fault: TapeFault | null }>,
  admits: (drive: TapeUnit) => boolean = () => true,
): void {
  runOnTape(command, unit, deferral, async (drive) => {
    if (!admits(drive)) return;
    const done = work(drive);
    if (isImmediate(command)) return drive.leave(done.then(({ fault }) => drive.deferFault(fault)));
    const { fault } = await done;
    if (fault !== null) endWithFault(command, fault);
  });
}

function endWithDeferred(command: CommandSlot, { key, asc, details }: UnitCondition): void {
  checkCondition(command, key, asc, { ...details, deferred: true });
}

/** IMMED is bit 0 of byte 1 in all commands but ERASE and VERIFY. */
export const IMMED_BIT = 0x01;
const immedBitOf = new Map<number, number>([
  [0x19, 0x02],
  [0x93, 0x02],
  [0x13, 0x04],
  [0x8f, 0x04],
]);

export function isImmediate(command: CommandSlot): boolean {
  const bit = immedBitOf.get(command.cdb[0] as number) ?? IMMED_BIT;
  return ((command.cdb[1] as number) & bit) !== 0;
}

/** Refuses what writes when nothing may be written, SSC-4 "Write protection". False when the command has ended. */
export function admitsWriting(command: CommandSlot, unit: LogicalUnit): boolean {
  if (!tapeOf(unit).isWriteProtected) return true;
  endWithFault(command, { kind: 'writeProtected' });
  return false;
}

/**
 * Commands with an explicit address, SSC-4 "Explicit address command set":
 *
 *     0| opcode | flags | . | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | length or count (3) | CONTROL |
 */
export const EXPLICIT = { partition: 3, objectNumber: 4, length: 12 } as const;

/** Goes to where the command begins, when it does not stand there. False when the command has ended. */
export async function seek(command: CommandSlot, drive: TapeUnit): Promise<boolean> {
  const partition = command.cdb[EXPLICIT.partition] as number;
  const objectNumber = readUint64(command.cdbView, EXPLICIT.objectNumber);
  if (partition >= (drive.facts?.partitions.length ?? 1)) {
    invalidFieldInCdb(command, EXPLICIT.partition);
    return false;
  }
  if (drive.position?.partition === partition && drive.position.objectNumber === objectNumber) return true;
  const { stop, fault } = await drive.call('locate', { partition, to: 'object', number: objectNumber });
  if (fault !== null) endWithFault(command, fault);
  else if (stop === 'endOfData') checkCondition(command, SenseKey.blankCheck, Asc.endOfData);
  else return true;
  return false;
}

/** The row as it is, but what it tells of the medium is asked for first. */
export function withFreshFacts(row: UnitCommandRow, before?: (unit: LogicalUnit, nexus: ITNexus, command: CommandSlot) => void): UnitCommandRow {
  return {
    ...row,
    execute(command, unit, nexus, deferral) {
      const drive = tapeOf(unit);
      const answer = () => {
        before?.(unit, nexus, command);
        row.execute(command, unit, nexus, deferral);
      };
      if (!drive.isLoaded) return answer();
      runDeferred(command, deferral, async () => {
        await drive.settled();
        // A drive whose thread is gone still has the facts of before.
        await drive.refresh().catch(() => undefined);
        answer();
      });
    },
  };
}
