import {
  type CommandRow,
  type CommandTable,
  type Deferral,
  reservationClassOf,
  type UnitCommandRow,
  VARIABLE_LENGTH_OPCODE,
} from '../../scsi/command-table.js';
import { prepare } from '../../scsi/device-server.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import { Asc } from '../../scsi/sense.js';
import { ScsiStatus } from '../../scsi/status.js';
import { CommandSlot, SlotMemory } from '../../shm/command-slot.js';
import { runDeferred } from '../deferred.js';
import { cdbOf, failCommand, failing, setSense } from './command-plan.js';
import type { CommandDefinition } from './commands/definition.js';
import { PERFORMED_CDB, TASK_MANAGEMENT } from './commands/index.js';
import { executeOnThread, planInto, reservationOf, rowOf } from './osd-rows.js';
import { invalidCdbField } from './protocol/command-failure.js';
import type { OsdCdb } from './protocol/osd-cdb.js';

/** A command that is performed within another one, with its row. */
interface Performed {
  readonly command: CommandSlot;
  readonly row: UnitCommandRow;
}

/** Between plan and execution, by the slot of the outer command: slots are few and live as long as the engine. */
const performed = new WeakMap<CommandSlot, Performed>();

const performedCdb = (cdb: OsdCdb) => cdb.bytes.subarray(PERFORMED_CDB.at, PERFORMED_CDB.at + PERFORMED_CDB.lengthBytes);

/**
 * PERFORM SCSI COMMAND, OSD-2: an SPC command of 6 to 16 bytes, guarded by the capability. It goes through the unit's own command table, as it would have gone
 * by itself; attributes of the root are set and got beside it. Its Data-Out and Data-In begin where those of the OSD command do.
 * `tableOf` is that table, which this row is part of.
 */
export function performScsiCommandRow(definition: CommandDefinition, tableOf: () => CommandTable): UnitCommandRow {
  const reservationOfOuter = reservationOf(definition);
  return {
    ...rowOf(definition),
    // The command inside decides, which is asked again when it is prepared.
    reservation(command) {
      const inner = innerSlot(cdbOf(command), command);
      const row = rowInside(inner, tableOf());
      return row === undefined ? reservationOfOuter(command) : reservationClassOf(row, inner);
    },
    plan(command, unit, nexus) {
      const cdb = cdbOf(command);
      failing(command, cdb, () => planPerformed(command, definition, cdb, unit, nexus));
    },
    execute(command, unit, nexus, deferral) {
      runDeferred(command, deferral, (signal) => executePerformed(command, unit, nexus, { signal, outer: deferral }));
    },
  };
}

function rowInside(inner: CommandSlot, table: CommandTable): CommandRow | undefined {
  return inner.cdb[0] === VARIABLE_LENGTH_OPCODE ? undefined : table.find(inner.cdb);
}

function innerSlot(cdb: OsdCdb, outer: CommandSlot): CommandSlot {
  const inner = new CommandSlot(SlotMemory.allocate(1), 0);
  inner.resetOutcome();
  inner.cdb.set(performedCdb(cdb));
  inner.cdbLength = PERFORMED_CDB.lengthBytes;
  inner.direction = outer.direction;
  inner.nexusId = outer.nexusId;
  inner.taskAttribute = outer.taskAttribute;
  inner.expectedDataInLength = outer.expectedDataInLength;
  inner.expectedDataOutLength = outer.expectedDataOutLength;
  return inner;
}

function planPerformed(command: CommandSlot, definition: CommandDefinition, cdb: OsdCdb, unit: LogicalUnit, nexus: ITNexus): void {
  planInto(command, definition, cdb, unit);
  // An OSD command within an OSD command would be judged by two capabilities.
  if (performedCdb(cdb)[0] === VARIABLE_LENGTH_OPCODE) throw invalidCdbField(PERFORMED_CDB.at);
  const inner = innerSlot(cdb, command);
  const row = prepare(inner, unit, nexus);
  if (row === null) {
    copyOutcome(inner, command);
    return;
  }
  if (row.runsOn !== 'main' || row.reservesDataIn === true) throw invalidCdbField(PERFORMED_CDB.at);
  command.plannedDataOutLength = Math.max(command.plannedDataOutLength, inner.plannedDataOutLength);
  performed.set(command, { command: inner, row });
}

function copyOutcome(from: CommandSlot, to: CommandSlot): void {
  setSense(to, from.status, from.sense.subarray(0, from.senseLength));
}

/** What ends the command around the one that is performed, and who hears of its defects. */
interface Surroundings {
  readonly signal: AbortSignal;
  readonly outer: Deferral;
}

async function executePerformed(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, around: Surroundings): Promise<void> {
  const inside = performed.get(command);
  performed.delete(command);
  await executeOnThread(command, unit, nexus);
  if (inside === undefined || command.status !== ScsiStatus.good) return;
  const { command: inner, row } = inside;
  inner.dataOut = command.dataOut;
  inner.dataOutStart = command.dataOutStart;
  inner.dataOutLength = Math.min(inner.plannedDataOutLength, command.dataOutLength);
  await settled(row, inner, unit, nexus, around);
  copyOutcome(inner, command);
  const data = inner.dataIn.subarray(inner.dataInStart, inner.dataInStart + inner.dataInLength);
  const attributes = command.dataIn.subarray(command.dataInStart, command.dataInStart + command.dataInLength);
  const both = new Uint8Array(Math.max(data.length, attributes.length));
  both.set(attributes);
  both.set(data);
  command.dataIn = both;
  command.dataInStart = 0;
  command.dataInLength = both.length;
}

/** Executes a row that may end later. */
function settled(row: UnitCommandRow, inner: CommandSlot, unit: LogicalUnit, nexus: ITNexus, { signal, outer }: Surroundings): Promise<void> {
  return new Promise((resolve) => {
    let isDeferred = false;
    const deferral: Deferral = {
      defer(onAbort) {
        isDeferred = true;
        if (onAbort !== undefined) signal.addEventListener('abort', onAbort, { once: true });
        return resolve;
      },
      tellDefect: (error) => outer.tellDefect?.(error),
    };
    row.execute(inner, unit, nexus, deferral);
    if (!isDeferred) resolve();
  });
}

/** FUNCTION of PERFORM TASK MANAGEMENT FUNCTION, as SAM's functions are coded where they travel in one byte. */
const TaskManagement = { abortTask: 0x01, abortTaskSet: 0x02, clearTaskSet: 0x04, logicalUnitReset: 0x08, clearAca: 0x40, queryTask: 0x80 } as const;

/** PERFORM TASK MANAGEMENT FUNCTION, OSD-2. */
export function performTaskManagementRow(definition: CommandDefinition): UnitCommandRow {
  return {
    ...rowOf(definition),
    reservation: 'write',
    plan(command, unit) {
      const cdb = cdbOf(command);
      failing(command, cdb, () => {
        planInto(command, definition, cdb, unit);
        const functions: readonly number[] = Object.values(TaskManagement);
        if (!functions.includes(functionOf(cdb))) throw invalidCdbField(TASK_MANAGEMENT.functionAt);
      });
    },
    execute(command, unit, nexus, deferral) {
      const cdb = cdbOf(command);
      runDeferred(command, deferral, async (signal) => {
        await executeOnThread(command, unit, nexus);
        if (command.status === ScsiStatus.good) await manageTasks(command, cdb, unit, nexus, signal);
      });
    },
  };
}

const functionOf = (cdb: OsdCdb) => cdb.bytes[TASK_MANAGEMENT.functionAt] as number;

/** The tag of the other task: that of the transport in eight bytes. Anything longer than the four of iSCSI names none. */
function tagOf(cdb: OsdCdb): number {
  return Number(cdb.view.getBigUint64(TASK_MANAGEMENT.tagAt));
}

/** SAM-5 "Task management functions". The command that asks is a task itself, and goes on. */
async function manageTasks(command: CommandSlot, cdb: OsdCdb, unit: LogicalUnit, nexus: ITNexus, signal: AbortSignal): Promise<void> {
  const { tasks } = unit.host;
  const tag = tagOf(cdb);
  switch (functionOf(cdb)) {
    case TaskManagement.abortTask:
      // It cannot wait for itself.
      if (tag === command.initiatorTaskTag) failCommand(command, cdb, invalidCdbField(TASK_MANAGEMENT.tagAt));
      else await untilStopped(signal, (done) => tasks.abortOne(nexus, tag, done));
      return;
    case TaskManagement.clearAca:
      await untilStopped(signal, (done) => tasks.clearAca(nexus, command, done));
      return;
    case TaskManagement.queryTask:
      if (!tasks.has(nexus, tag)) failCommand(command, cdb, invalidCdbField(TASK_MANAGEMENT.tagAt));
      return;
    default:
      await manageTaskSet(command, functionOf(cdb), unit, nexus, signal);
  }
}

/** Waits for other tasks, unless the command is aborted itself: two may be sent to abort each other. */
function untilStopped(signal: AbortSignal, stop: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    stop(resolve);
  });
}

async function manageTaskSet(command: CommandSlot, what: number, unit: LogicalUnit, nexus: ITNexus, signal: AbortSignal): Promise<void> {
  const isOwn = what === TaskManagement.abortTaskSet;
  const concerned = new Set<ITNexus>();
  const concerns = (of: ITNexus, hasTask: boolean) => {
    if (hasTask && of.id !== nexus.id) concerned.add(of);
    return !isOwn || of.id === nexus.id;
  };
  await untilStopped(signal, (done) => unit.host.tasks.abort(concerns, command, done));
  if (what === TaskManagement.clearTaskSet) {
    for (const other of concerned) unit.establishUnitAttention(other.id, Asc.commandsClearedByAnotherInitiator);
  } else if (what === TaskManagement.logicalUnitReset) {
    unit.reset('logical-unit-reset');
    unit.tellNexuses(Asc.busDeviceResetFunctionOccurred);
  }
}
