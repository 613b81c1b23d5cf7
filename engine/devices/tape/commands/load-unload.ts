import { TargetError } from '../../../errors.js';
import { CONTROL_UNUSED } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import { AlertFlag, TapeAlerts } from '../alerts/tape-alerts.js';
import { endWithFault } from '../medium/tape-fault.js';
import { DriveState, type TapeUnit, tapeOf } from '../tape-unit.js';
import { IMMED_BIT, isImmediate } from './tape-command.js';

/*
 * LOAD UNLOAD, SSC-4 "LOAD UNLOAD command".
 *
 *     0| 0x1b | . IMMED | Reserved (2) | . HOLD EOT RETEN LOAD | CONTROL |
 */
const ACTION_AT = 4;
const HOLD_BIT = 0x08;
const EOT_BIT = 0x04;
const EOT_BIT_NUMBER = 2;
const RETEN_BIT = 0x02;
const LOAD_BIT = 0x01;

export const loadUnloadRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  timeoutSeconds: { nominal: 60, recommended: 780 },
  opcode: 0x1b,
  name: 'LOAD UNLOAD',
  clause: 'SSC-4 "LOAD UNLOAD command"',
  cdbLength: 6,
  // RETEN evens out the tension of a tape that has none.
  cdbUsage: [0x1b, IMMED_BIT, 0x00, 0x00, HOLD_BIT | EOT_BIT | RETEN_BIT | LOAD_BIT, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit, nexus, deferral) {
    const action = command.cdb[ACTION_AT] as number;
    const isLoad = (action & LOAD_BIT) !== 0;
    const drive = tapeOf(unit);
    // The end of the tape is where it is unloaded from, and never where it is loaded to.
    if (isLoad && (action & EOT_BIT) !== 0) return invalidFieldInCdb(command, ACTION_AT, EOT_BIT_NUMBER);
    if (drive.current === null) {
      if (isLoad) checkCondition(command, SenseKey.notReady, Asc.mediumNotPresent);
      return;
    }
    const isHeld = (action & HOLD_BIT) !== 0;
    if (!isLoad && !isHeld && drive.isRemovalPrevented) {
      unit.part(TapeAlerts).raise(AlertFlag.noRemoval);
      return checkCondition(command, SenseKey.illegalRequest, Asc.mediumRemovalPrevented);
    }
    const work = () => (isLoad ? load(command, drive, isHeld, nexus) : unload(command, unit, drive, isHeld));
    if (isLoad && isImmediate(command)) void work().catch(() => undefined);
    // IMMED of an unload would allow to answer first. What could not be written is better told here than by another command.
    else runDeferred(command, deferral, work);
  },
};

/** HOLD takes the cartridge in without threading the tape. A tape that is threaded goes back to its beginning. */
async function load(command: CommandSlot, drive: TapeUnit, isHeld: boolean, nexus: ITNexus): Promise<void> {
  if (drive.isLoaded && !isHeld) {
    const { fault } = await drive.call('locate', { partition: 0, to: 'object', number: 0 });
    if (fault !== null && !isImmediate(command)) endWithFault(command, fault);
    return;
  }
  if (isHeld) {
    await drive.unload(DriveState.held);
    return;
  }
  try {
    await drive.load(nexus);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    drive.options.onNotice(error.message);
    const { readiness } = drive;
    if (readiness !== null && !isImmediate(command)) checkCondition(command, readiness.key, readiness.asc);
  }
}

async function unload(command: CommandSlot, unit: LogicalUnit, drive: TapeUnit, isHeld: boolean): Promise<void> {
  const fault = await drive.unload(isHeld ? DriveState.held : DriveState.unloaded);
  if (fault === null) return;
  unit.part(TapeAlerts).raise(AlertFlag.writeFailure);
  endWithFault(command, fault);
}
