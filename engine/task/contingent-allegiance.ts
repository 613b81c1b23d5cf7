import { TaskAttribute } from '../pdu/index.js';
import { isNacaSet } from '../scsi/cdb.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { Asc, checkCondition, SenseKey } from '../scsi/sense.js';
import { ScsiStatus } from '../scsi/status.js';
import type { AbortConcern } from '../scsi/unit-host.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { countdown } from './countdown.js';
import { inStoppingOrder } from './stopping-order.js';
import type { Task } from './task.js';
import type { TaskOrder } from './task-order.js';
import type { TaskRunner } from './task-runner.js';
import type { TaskSet } from './task-set.js';

/** QERR of the Control mode page, SPC-4 "Control mode page". */
const QERR_NONE = 0;
const QERR_ALL_NEXUSES = 1;

const PERSISTENT_RESERVE_OUT = 0x5f;
const SERVICE_ACTION_MASK = 0x1f;
const PREEMPT_AND_ABORT = 0x05;

/**
 * Whether a new command may enter its task set; one that may not has got its outcome. Asked while there is an ACA condition, and of commands with the ACA
 * attribute always. SAM-5 "Handling new commands received on the faulted I_T nexus when ACA is in effect", and the same for other nexuses:
 *
 * | ACA condition         | nexus   | command                        | outcome                              |
 * |-----------------------|---------|--------------------------------|--------------------------------------|
 * | none in its task set  |         | ACA attribute                  | CHECK CONDITION, INVALID MESSAGE     |
 * | none in its task set  |         | any other                      | enters                               |
 * | in its task set       | faulted | ACA attribute, the only one    | enters                               |
 * | in its task set       | faulted | any other                      | ACA ACTIVE                           |
 * | in its task set       | other   | PREEMPT AND ABORT              | enters                               |
 * | in its task set       | other   | ACA attribute, or NACA is set  | ACA ACTIVE                           |
 * | in its task set       | other   | any other                      | BUSY: it may know nothing of ACA     |
 */
export function admitsNew(task: Task): boolean {
  const { slot, taskSet, owner } = task;
  if (taskSet.unit.deviceType.normalAca !== true) return true;
  const order = taskSet.orderOf(owner.nexus);
  const hasAcaAttribute = task.attribute === TaskAttribute.aca;
  if (order.aca === null) {
    if (!hasAcaAttribute) return true;
    slot.flags = taskSet.unit.commandFlags;
    checkCondition(slot, SenseKey.illegalRequest, Asc.invalidMessageError);
    return false;
  }
  const isOfFaulted = order.aca.faultedNexus === owner.nexus;
  if (isOfFaulted ? hasAcaAttribute && !hasAcaTask(taskSet, order) : isPreemptAndAbort(slot.cdb)) {
    task.passesAca = true;
    return true;
  }
  slot.status = isOfFaulted || hasAcaAttribute || isNacaSet(slot.cdb) ? ScsiStatus.acaActive : ScsiStatus.busy;
  return false;
}

/** SAM-5 "ACA attribute": there is one such command in a task set at most. */
function hasAcaTask(taskSet: TaskSet, order: TaskOrder): boolean {
  return taskSet.tasks.some((task) => task.order === order && task.attribute === TaskAttribute.aca);
}

function isPreemptAndAbort(cdb: Uint8Array): boolean {
  return cdb[0] === PERSISTENT_RESERVE_OUT && ((cdb[1] as number) & SERVICE_ACTION_MASK) === PREEMPT_AND_ABORT;
}

/**
 * A command has ended with CHECK CONDITION and is still in its task set. With NACA it establishes an ACA condition; with the ACA attribute, but without NACA,
 * it ends the one there is. What becomes of the other commands QERR says. SAM-5 "Establishing an ACA condition", "Clearing an ACA condition".
 */
export function afterCheckCondition(task: Task, runner: TaskRunner): void {
  const { taskSet, owner } = task;
  const establishes = taskSet.unit.deviceType.normalAca === true && isNacaSet(task.slot.cdb);
  const { queueErrorManagement } = taskSet.controlMode;
  if (!establishes && queueErrorManagement === QERR_NONE && !task.passesAca) return;
  const { nexus } = owner;
  const order = task.order ?? taskSet.orderOf(nexus);
  if (order.aca === null && establishes) taskSet.establishAca(order, nexus);
  const mayClear = task.passesAca && !establishes && order.aca?.faultedNexus === nexus;
  if (queueErrorManagement !== QERR_NONE) {
    const others = taskSet.tasksOf(order).filter((other) => other !== task);
    for (const other of others) {
      if (queueErrorManagement === QERR_ALL_NEXUSES || other.owner.nexus === nexus) abortFor(nexus, other, runner, ignore);
    }
  }
  if (mayClear) taskSet.clearAca(({ faultedNexus }) => faultedNexus === nexus);
}

/**
 * Stops a task for what nexus `by` has done. Its own learns of it by that alone; another by TASK ABORTED status, or with TAS = 0 by a unit attention.
 * SAM-5 "Aborting commands".
 */
export function abortFor(by: ITNexus, task: Task, runner: TaskRunner, onStopped: () => void): void {
  const { nexus } = task.owner;
  const { unit, controlMode } = task.taskSet;
  if (nexus !== by && controlMode.taskAbortedStatus) {
    runner.terminate(task, onStopped);
    return;
  }
  if (nexus !== by) unit.establishUnitAttention(nexus.id, Asc.commandsClearedByAnotherInitiator);
  runner.abort(task, onStopped);
}

/**
 * For commands that stop the tasks of other nexuses (PREEMPT AND ABORT): stops those of the nexuses, but for the one of the slot `except`, for which it is
 * done, and ends their ACA conditions. Calls `done` when the last has stopped, perhaps at once. No unit attention is established.
 */
export function abortTasksOf(taskSet: TaskSet, runner: TaskRunner, concerns: AbortConcern, except: CommandSlot | null, done: () => void): void {
  const by = taskSet.tasks.find(({ slot }) => slot === except)?.owner.nexus;
  const affected = taskSet.tasks.filter(({ owner, slot }) => slot !== except && concerns(owner.nexus, true));
  const stopped = countdown(done);
  for (const task of inStoppingOrder(affected)) {
    const isTold = by !== undefined && task.owner.nexus !== by && taskSet.controlMode.taskAbortedStatus;
    if (isTold) runner.terminate(task, stopped.add());
    else runner.abort(task, stopped.add());
  }
  taskSet.clearAca(({ faultedNexus }) => concerns(faultedNexus, false));
  stopped.start();
}

/**
 * CLEAR ACA, SAM-5 "CLEAR ACA": for a command with the ACA attribute it is what ABORT TASK is, and what the condition blocked goes on. `done` is called when
 * that command has really stopped. Without a condition of this nexus there is nothing to do. A command of slot `except` has asked for it, and goes on.
 */
export function clearAcaOf(nexus: ITNexus, taskSet: TaskSet, runner: TaskRunner, done: () => void, except: CommandSlot | null = null): void {
  const acaTask = taskSet.tasks.find((task) => task.passesAca && task.attribute === TaskAttribute.aca && task.owner.nexus === nexus && task.slot !== except);
  const clear = () => {
    taskSet.clearAca(({ faultedNexus }) => faultedNexus === nexus);
    done();
  };
  if (acaTask === undefined) clear();
  else runner.abort(acaTask, clear);
}

function ignore(): void {}
