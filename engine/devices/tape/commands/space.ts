import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey, StreamFlag } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeSpaceOutcome, TapeSpaceUnit } from '../image/tape-service.js';
import { endWithFault } from '../medium/tape-fault.js';
import type { TapeUnit } from '../tape-unit.js';
import { runOnTape } from './tape-command.js';

/*
 * SPACE, SSC-4 "SPACE(6) command" and "SPACE(16) command". COUNT is signed: negative ones go backward.
 *
 *     0| 0x11 | . CODE (4) | COUNT (3) | CONTROL |
 *     0| 0x91 | . CODE (4) | Reserved (2) | COUNT (8) | PARAMETER LIST LENGTH (2) | . | CONTROL |
 */
const CODE_MASK = 0x0f;
const CODE_BIT = 3;
const COUNT_6_AT = 2;
const COUNT_16_AT = 4;
const PARAMETER_LIST_LENGTH_AT = 12;
/** 100b and 101b are of setmarks, which there are no more. */
const units: readonly (TapeSpaceUnit | undefined)[] = ['blocks', 'filemarks', 'sequentialFilemarks', 'endOfData'];

const common = { runsOn: 'main', reservation: 'read', timeoutSeconds: { nominal: 60, recommended: 2300 } } as const;

export const spaceRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x11,
    name: 'SPACE (6)',
    clause: 'SSC-4 "SPACE(6) command"',
    cdbLength: 6,
    cdbUsage: [0x11, CODE_MASK, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan,
    execute(command, unit, _nexus, deferral) {
      runOnTape(command, unit, deferral, (drive) => space(command, drive, (readUint24(command.cdbView, COUNT_6_AT) << 8) >> 8));
    },
  },
  {
    ...common,
    opcode: 0x91,
    name: 'SPACE (16)',
    clause: 'SSC-4 "SPACE(16) command"',
    cdbLength: 16,
    cdbUsage: [0x91, CODE_MASK, 0x00, 0x00, ...new Array<number>(8).fill(ALL_BITS), ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
    plan(command) {
      // A list of positions is of devices that keep several, which this one does not.
      if (command.cdbView.getUint16(PARAMETER_LIST_LENGTH_AT) !== 0) return invalidFieldInCdb(command, PARAMETER_LIST_LENGTH_AT);
      plan(command);
    },
    execute(command, unit, _nexus, deferral) {
      runOnTape(command, unit, deferral, (drive) => space(command, drive, Number(command.cdbView.getBigInt64(COUNT_16_AT))));
    },
  },
];

function unitOf(command: CommandSlot): TapeSpaceUnit | undefined {
  return units[(command.cdb[1] as number) & CODE_MASK];
}

function plan(command: CommandSlot): void {
  if (unitOf(command) === undefined) invalidFieldInCdb(command, 1, CODE_BIT);
}

async function space(command: CommandSlot, drive: TapeUnit, count: number): Promise<void> {
  const what = unitOf(command) as TapeSpaceUnit;
  if (count === 0 && what !== 'endOfData') return;
  endSpace(command, await drive.call('space', what, what === 'endOfData' ? 0 : count));
}

/** INFORMATION is how many were left of the count, without its sign. */
function endSpace(command: CommandSlot, { stop, residualCount, fault, position }: TapeSpaceOutcome): void {
  const information = residualCount;
  switch (stop) {
    case 'filemark':
      checkCondition(command, SenseKey.noSense, Asc.filemarkDetected, { information, streamFlags: StreamFlag.filemark });
      return;
    case 'beginningOfPartition':
      checkCondition(command, SenseKey.noSense, Asc.beginningOfPartition, { information, streamFlags: StreamFlag.endOfMedium });
      return;
    case 'endOfData': {
      const streamFlags = position.isBeyondEarlyWarning ? { streamFlags: StreamFlag.endOfMedium } : {};
      checkCondition(command, SenseKey.blankCheck, Asc.endOfData, { information, ...streamFlags });
      return;
    }
    case 'fault':
      if (fault !== null) endWithFault(command, fault, { information });
  }
}
