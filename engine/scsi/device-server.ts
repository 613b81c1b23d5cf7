import { assert } from '../errors.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { hasReservedBitSet, rejectReservedBit } from './cdb.js';
import {
  type CommandRow,
  type Deferral,
  type DeviceType,
  type MediumCommandRow,
  type UnitCommandRow,
  VARIABLE_LENGTH_OPCODE,
  VARIABLE_LENGTH_SERVICE_ACTION_AT,
} from './command-table.js';
import type { ITNexus } from './it-nexus.js';
import type { LogicalUnit } from './logical-unit.js';
import type { Medium } from './medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from './sense.js';
import { ScsiStatus } from './status.js';

const SERVICE_ACTION_BYTE = 1;
/** The left-most bit of the SERVICE ACTION field. */
const SERVICE_ACTION_BIT = 4;
const VARIABLE_LENGTH_SERVICE_ACTION_BIT = 7;
/** SPC-4 "Variable length CDB formats": ADDITIONAL CDB LENGTH counts the bytes behind the first eight. */
const ADDITIONAL_CDB_LENGTH_AT = 7;
const VARIABLE_LENGTH_HEADER_LENGTH = 8;
/** A CDB that fits the header of its PDU always comes with this many bytes, RFC 7143 §11.3.5. */
const TRANSPORTED_LENGTH_MIN = 16;

/**
 * Judges a command on the main thread before any data moves, and plans it if it is a medium command. Answers its row, or
 * null when the command has ended with the status and sense data in the slot. `resetOutcome` must have been called.
 */
export function prepare(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): CommandRow | null {
  const entry = unit.deviceType.commands.lookUp(command.cdb);
  command.flags = unit.commandFlags;
  if (entry === undefined) return rejectUnsupported(command, unit.deviceType);
  const row = entry.row;
  if (row.opcode === VARIABLE_LENGTH_OPCODE && row.isOfAnyLength !== true && !agreesWithLength(command, row)) {
    invalidFieldInCdb(command, ADDITIONAL_CDB_LENGTH_AT);
    return null;
  }
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
  if (unit.gates.length > 0 && !passesGates(row, command, unit, nexus)) return null;
  if (row.passesNotReady !== true && isNotReady(command, unit)) return null;
  return row.runsOn === 'main' ? planUnitCommand(row, command, unit, nexus) : planMediumCommand(row, command, unit);
}

/** Executes a command that `prepare` let pass and whose row runs on the main thread. */
export function executeUnitCommand(row: CommandRow, command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, deferral: Deferral): void {
  assert(row.runsOn === 'main', `${row.name} is not a unit command`);
  row.execute(command, unit, nexus, deferral);
}

/** Executes a planned medium command on any thread: the slot carries no row, so its CDB finds it again. */
export function executeMediumCommand(command: CommandSlot, deviceType: DeviceType, medium: Medium): void {
  const row = deviceType.commands.find(command.cdb);
  assert(row !== undefined && row.runsOn === 'any', 'a command without a medium row was dispatched to a medium');
  row.execute(command, medium);
}

/** ADDITIONAL CDB LENGTH must be what the service action has, and what came. SPC-4 "Variable length CDB formats". */
function agreesWithLength(command: CommandSlot, row: CommandRow): boolean {
  const toldLength = VARIABLE_LENGTH_HEADER_LENGTH + (command.cdb[ADDITIONAL_CDB_LENGTH_AT] as number);
  return toldLength === row.cdbLength && command.cdbLength === Math.max(toldLength, TRANSPORTED_LENGTH_MIN);
}

function rejectUnsupported(command: CommandSlot, deviceType: DeviceType): null {
  const opcode = command.cdb[0] as number;
  if (deviceType.commands.hasServiceActions(opcode)) {
    if (opcode === VARIABLE_LENGTH_OPCODE) invalidFieldInCdb(command, VARIABLE_LENGTH_SERVICE_ACTION_AT, VARIABLE_LENGTH_SERVICE_ACTION_BIT);
    else invalidFieldInCdb(command, SERVICE_ACTION_BYTE, SERVICE_ACTION_BIT);
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
  const condition = unit.mediumCondition;
  if (condition === null) return false;
  checkCondition(command, condition.key, condition.asc);
  return true;
}

/** What closes the way is asked in the order of its rank. */
function passesGates(row: CommandRow, command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): boolean {
  for (const gate of unit.gates) if (!gate.admits(row, command, nexus)) return false;
  return true;
}

function planUnitCommand(row: UnitCommandRow, command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): CommandRow | null {
  if (row.plan === undefined) return row;
  row.plan(command, unit, nexus);
  return command.status === ScsiStatus.good ? row : null;
}

function planMediumCommand(row: MediumCommandRow, command: CommandSlot, unit: LogicalUnit): CommandRow | null {
  const { medium } = unit;
  assert(medium !== null, `${row.name} must not pass a unit without a medium`);
  if (row.mediumAccess === 'write' && (medium.readOnly || unit.softwareWriteProtected)) {
    checkCondition(command, SenseKey.dataProtect, Asc.writeProtected);
    return null;
  }
  row.plan(command, medium, unit);
  return command.status === ScsiStatus.good ? row : null;
}
