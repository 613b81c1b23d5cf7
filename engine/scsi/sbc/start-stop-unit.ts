import type { CommandSlot } from '../../shm/command-slot.js';
import { CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { invalidFieldInCdb } from '../sense.js';
import { endWithWriteFault } from './medium-fault.js';

/*
 * START STOP UNIT, SBC-3 "START STOP UNIT command".
 *
 *     0| 0x1b | . IMMED | Reserved | . Power Condition Modifier |
 *     4| Power Condition . NO_FLUSH LOEJ START | Control |
 */
const IMMED_BIT = 0x01;
const MODIFIER_BITS = 0x0f;
const ACTION_AT = 4;
const POWER_CONDITION_BITS = 0xf0;
const POWER_CONDITION_BIT = 7;
const NO_FLUSH_BIT = 0x04;
const LOEJ_BIT = 0x02;
const LOEJ_BIT_NUMBER = 1;
const START_BIT = 0x01;

export const startStopUnitRow: UnitCommandRow = {
  runsOn: 'main',
  // Starting a unit takes nothing from anybody. SBC-3 "SBC-3 commands that are allowed in the presence of various reservations".
  reservation: (command) => (((command.cdb[ACTION_AT] as number) & (POWER_CONDITION_BITS | START_BIT)) === START_BIT ? 'persistent' : 'write'),
  opcode: 0x1b,
  name: 'START STOP UNIT',
  clause: 'SBC-3 "START STOP UNIT command"',
  cdbLength: 6,
  cdbUsage: [0x1b, IMMED_BIT, 0x00, MODIFIER_BITS, POWER_CONDITION_BITS | NO_FLUSH_BIT | LOEJ_BIT | START_BIT, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    const action = command.cdb[ACTION_AT] as number;
    if ((action & POWER_CONDITION_BITS) !== 0) return invalidFieldInCdb(command, ACTION_AT, POWER_CONDITION_BIT);
    // The medium cannot be removed, so that there is nothing to load or eject.
    if ((action & LOEJ_BIT) !== 0) return invalidFieldInCdb(command, ACTION_AT, LOEJ_BIT_NUMBER);
    if ((action & START_BIT) !== 0) unit.stopped = false;
    else stop(command, unit, (action & NO_FLUSH_BIT) === 0);
  },
};

/**
 * Stopping writes what is cached to the medium first. That blocks the main thread for one flush, which a command that
 * comes before a shutdown may cost.
 */
function stop(command: CommandSlot, unit: LogicalUnit, flush: boolean): void {
  const outcome = flush && unit.medium !== null ? unit.medium.store.flush() : 0;
  if (outcome < 0) endWithWriteFault(command, outcome, 0);
  else unit.stopped = true;
}
