import { assert } from '../errors.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { hasReservedBitSet, rejectReservedBit } from './cdb.js';
import type { CommandRow, DeviceType } from './command-table.js';
import type { ITNexus } from './it-nexus.js';
import type { LogicalUnit } from './logical-unit.js';
import type { Medium } from './medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from './sense.js';
import { ScsiStatus } from './status.js';

const SERVICE_ACTION_BYTE = 1;
/** The left-most bit of the SERVICE ACTION field. */
const SERVICE_ACTION_BIT = 4;

/**
 * Judges a command on the main thread before any data moves, and plans it if it is a medium command. Answers its row, or
 * null when the command has ended with the status and sense data in the slot. `resetOutcome` must have been called.
 */
export function prepare(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): CommandRow | null {
  const entry = unit.deviceType.commands.lookUp(command.cdb);
  if (entry === undefined) return rejectUnsupported(command, unit.deviceType);
  const row = entry.row;
  if (command.cdbLength < row.cdbLength) {
    // No field pointer: the field that is wrong is the one that is not there.
    checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb);
    return null;
  }
  if (hasReservedBitSet(command.cdbView, entry)) {
    rejectReservedBit(command, row);
    return null;
  }
  if (!unit.hasNoUnitAttention(nexus) && row.passesUnitAttention !== true && reportsUnitAttention(command, unit, nexus)) return null;
  if (row.passesNotReady !== true && isNotReady(command, unit)) return null;
  return row.runsOn === 'main' ? row : planMediumCommand(row, command, unit.medium);
}

/** Executes a command that `prepare` let pass and whose row runs on the main thread. */
export function executeUnitCommand(row: CommandRow, command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): void {
  assert(row.runsOn === 'main', `${row.name} is not a unit command`);
  row.execute(command, unit, nexus);
}

/** Executes a planned medium command on any thread: the slot carries no row, so its CDB finds it again. */
export function executeMediumCommand(command: CommandSlot, deviceType: DeviceType, medium: Medium): void {
  const row = deviceType.commands.find(command.cdb);
  assert(row !== undefined && row.runsOn === 'any', 'a command without a medium row was dispatched to a medium');
  row.execute(command, medium);
}

function rejectUnsupported(command: CommandSlot, deviceType: DeviceType): null {
  if (deviceType.commands.hasServiceActions(command.cdb[0] as number)) {
    invalidFieldInCdb(command, SERVICE_ACTION_BYTE, SERVICE_ACTION_BIT);
  } else {
    checkCondition(command, SenseKey.illegalRequest, deviceType.unsupportedCommandAsc ?? Asc.invalidCommandOperationCode);
  }
  return null;
}

/** SAM-5 §5.14 "Unit attention conditions": the command is not performed, and reporting clears the condition. */
function reportsUnitAttention(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): boolean {
  const attention = unit.takeUnitAttention(nexus);
  if (attention === undefined) return false;
  checkCondition(command, SenseKey.unitAttention, attention.asc);
  return true;
}

function isNotReady(command: CommandSlot, unit: LogicalUnit): boolean {
  if (unit.medium === null) checkCondition(command, SenseKey.notReady, Asc.mediumNotPresent);
  else if (unit.stopped) checkCondition(command, SenseKey.notReady, Asc.logicalUnitStopped);
  else return false;
  return true;
}

function planMediumCommand(row: Extract<CommandRow, { runsOn: 'any' }>, command: CommandSlot, medium: Medium | null): CommandRow | null {
  assert(medium !== null, `${row.name} must not pass a unit without a medium`);
  if (row.mediumAccess === 'write' && medium.readOnly) {
    checkCondition(command, SenseKey.dataProtect, Asc.writeProtected);
    return null;
  }
  row.plan(command, medium);
  return command.status === ScsiStatus.good ? row : null;
}
