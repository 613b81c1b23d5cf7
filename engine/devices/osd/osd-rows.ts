import { TargetError } from '../../errors.js';
import { ALL_BITS, CONTROL_UNUSED } from '../../scsi/cdb.js';
import { type ReservationClass, type UnitCommandRow, VARIABLE_LENGTH_OPCODE } from '../../scsi/command-table.js';
import { abortedByWorkerLoss } from '../../scsi/device-server-faults.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import { Asc, SenseKey } from '../../scsi/sense.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { runDeferred } from '../deferred.js';
import { cdbOf, failing, planCommand, setSense } from './command-plan.js';
import { type CommandDefinition, changesBy } from './commands/definition.js';
import { osdUnitOf } from './osd-unit.js';
import { attributeGeometry } from './protocol/attribute-request.js';
import { CommandFailure } from './protocol/command-failure.js';
import { ADDITIONAL_CDB_LENGTH, ATTRIBUTES_FORMAT_MASK, AttributesFormat, CDB, OPTION, OSD_CDB_LENGTH, OsdCdb } from './protocol/osd-cdb.js';

const CONTINUATION_FIELD = [CDB.continuationLength, 4] as const;

/** The bits of the CDB that a service action evaluates. */
function usageOf(definition: CommandDefinition): number[] {
  const usage = new Array<number>(OSD_CDB_LENGTH).fill(0);
  usage[0] = VARIABLE_LENGTH_OPCODE;
  usage[1] = CONTROL_UNUSED;
  usage[7] = ALL_BITS;
  usage[CDB.serviceAction] = definition.serviceAction >> 8;
  usage[CDB.serviceAction + 1] = definition.serviceAction & 0xff;
  usage[CDB.options] = definition.optionsMask ?? OPTION.isolationMask | OPTION.forceUnitAccess | OPTION.disablePageOut;
  usage[CDB.specific] = ATTRIBUTES_FORMAT_MASK | (definition.specificMask ?? 0);
  usage[CDB.timestampsControl] = ALL_BITS;
  const fields = definition.continues === true ? [...definition.fields, CONTINUATION_FIELD] : definition.fields;
  for (const [at, lengthBytes] of fields) usage.fill(ALL_BITS, at, at + lengthBytes);
  return usage.fill(ALL_BITS, CDB.attributes);
}

/** A command that sets attributes changes something, whatever it is called. */
export function reservationOf(definition: CommandDefinition): (command: CommandSlot) => ReservationClass {
  return (command) => {
    const cdb = new OsdCdb(command.cdb.subarray(0, OSD_CDB_LENGTH));
    return changesBy(definition, cdb) || setsAttributes(cdb) ? 'write' : 'read';
  };
}

function setsAttributes(cdb: OsdCdb): boolean {
  try {
    return cdb.attributesFormat === AttributesFormat.setOne || attributeGeometry(cdb).setData !== null;
  } catch (error) {
    // The CDB is refused for it in any case.
    if (error instanceof CommandFailure) return true;
    throw error;
  }
}

/** What rows of all service actions have in common. */
export function rowOf(definition: CommandDefinition) {
  return {
    runsOn: 'main',
    opcode: VARIABLE_LENGTH_OPCODE,
    serviceAction: definition.serviceAction,
    name: definition.name,
    clause: `OSD-2 "${definition.name} command"`,
    cdbLength: ADDITIONAL_CDB_LENGTH + 8,
    cdbUsage: usageOf(definition),
    reservation: reservationOf(definition),
  } as const satisfies Partial<UnitCommandRow>;
}

/** The row of a service action that the thread of the device does from beginning to end. */
export function osdRow(definition: CommandDefinition): UnitCommandRow {
  return {
    ...rowOf(definition),
    plan(command, unit) {
      const cdb = cdbOf(command);
      failing(command, cdb, () => planInto(command, definition, cdb, unit));
    },
    execute(command, unit, nexus, deferral) {
      runDeferred(command, deferral, () => executeOnThread(command, unit, nexus));
    },
  };
}

/** Sets the planned lengths. Throws `CommandFailure`. */
export function planInto(command: CommandSlot, definition: CommandDefinition, cdb: OsdCdb, unit: LogicalUnit): void {
  const plan = planCommand(definition, cdb, unit.host.limits.transferLengthBytesMax);
  if (unit.softwareWriteProtected && (changesBy(definition, cdb) || setsAttributes(cdb))) throw new CommandFailure(SenseKey.dataProtect, Asc.writeProtected);
  command.plannedDataOutLength = plan.dataOutLengthBytes;
  command.plannedDataInLength = plan.dataInLengthBytes;
}

/** Has the thread do the command, and puts what came of it into the slot. */
export async function executeOnThread(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): Promise<void> {
  const part = osdUnitOf(unit);
  const lengthBytes = Math.min(command.plannedDataInLength, command.expectedDataInLength, unit.host.limits.transferLengthBytesMax);
  // Memory that both threads see: what was read is not copied on its way.
  const dataIn = new Uint8Array(new SharedArrayBuffer(lengthBytes));
  const dataOut = command.dataOut.subarray(command.dataOutStart, command.dataOutStart + command.dataOutLength);
  try {
    const outcome = await part.execute({ cdb: cdbOf(command).bytes, dataOut, dataIn, securityToken: part.securityTokenOf(nexus) });
    setSense(command, outcome.status, outcome.sense);
    command.dataIn = dataIn;
    command.dataInStart = 0;
    command.dataInLength = outcome.dataInLengthBytes;
  } catch (error) {
    if (!(error instanceof TargetError && error.code === 'DEVICE_THREAD_LOST')) throw error;
    abortedByWorkerLoss(command);
  }
}
