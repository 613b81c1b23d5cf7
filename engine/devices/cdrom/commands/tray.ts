import { TargetError } from '../../../errors.js';
import { CONTROL_UNUSED } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { PowerConditions } from '../../../scsi/sbc/power-conditions.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import { driveOf } from '../drive/optical-drive.js';

/*
 * START STOP UNIT, MMC-6 "START STOP UNIT command".
 *
 *     0| 0x1b | . IMMED | Reserved | . Format-layer Number | Power Conditions (4) . FL LOEJ START | Control |
 */
const IMMED_BIT = 0x01;
const ACTION_AT = 4;
const POWER_CONDITION_SHIFT = 4;
const POWER_CONDITION_BIT = 7;
const LOEJ_BIT = 0x02;
const START_BIT = 0x01;
const PowerCondition = { none: 0, active: 1, idle: 2, standby: 3, sleep: 5 } as const;

function changePower(command: CommandSlot, unit: LogicalUnit, condition: number): void {
  const power = unit.part(PowerConditions);
  if (condition === PowerCondition.active) power.enterActive();
  else if (condition === PowerCondition.idle) power.enterLow('idle_a', 'command');
  // A drive that sleeps would have to be reset to wake up: standby is as much as a logical unit of ours does.
  else if (condition === PowerCondition.standby || condition === PowerCondition.sleep) power.enterLow('standby_z', 'command');
  else invalidFieldInCdb(command, ACTION_AT, POWER_CONDITION_BIT);
}

export const startStopUnitRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: (command) => (((command.cdb[ACTION_AT] as number) & 0xf3) === START_BIT ? 'always' : 'write'),
  opcode: 0x1b,
  name: 'START STOP UNIT',
  clause: 'MMC-6 "START STOP UNIT command"',
  cdbLength: 6,
  cdbUsage: [0x1b, IMMED_BIT, 0x00, 0x00, 0xf0 | LOEJ_BIT | START_BIT, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit, nexus, deferral) {
    const drive = driveOf(unit);
    const action = command.cdb[ACTION_AT] as number;
    const condition = action >> POWER_CONDITION_SHIFT;
    if (condition !== PowerCondition.none) return changePower(command, unit, condition);
    const isStart = (action & START_BIT) !== 0;
    unit.part(PowerConditions).enterActive();
    if ((action & LOEJ_BIT) === 0) {
      // A disc that stands still turns again when it is wanted: there is nothing to refuse.
      if (!isStart) runDeferred(command, deferral, () => endingOnFault(command, drive.sync()));
      return;
    }
    if (!isStart && drive.isRemovalPrevented) return checkCondition(command, SenseKey.illegalRequest, Asc.mediumRemovalPrevented);
    runDeferred(command, deferral, () => endingOnFault(command, isStart ? drive.load(nexus) : drive.eject()));
  },
};

async function endingOnFault(command: CommandSlot, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    checkCondition(command, SenseKey.mediumError, Asc.writeError);
  }
}

/*
 * PREVENT ALLOW MEDIUM REMOVAL, MMC-6 "PREVENT ALLOW MEDIUM REMOVAL command".
 *
 *     0| 0x1e | Reserved (3) | . Persistent Prevent | Control |
 */
const PREVENT_AT = 4;
const PREVENT_BIT = 0x01;
const PERSISTENT_BIT = 0x02;

export const preventAllowMediumRemovalRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: (command) => (((command.cdb[PREVENT_AT] as number) & PREVENT_BIT) === 0 ? 'always' : 'write'),
  opcode: 0x1e,
  name: 'PREVENT ALLOW MEDIUM REMOVAL',
  clause: 'MMC-6 "PREVENT ALLOW MEDIUM REMOVAL command"',
  cdbLength: 6,
  cdbUsage: [0x1e, 0x00, 0x00, 0x00, PERSISTENT_BIT | PREVENT_BIT, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit, nexus) {
    const bits = command.cdb[PREVENT_AT] as number;
    driveOf(unit).prevention.set(nexus.id, (bits & PERSISTENT_BIT) !== 0, (bits & PREVENT_BIT) !== 0);
  },
};
