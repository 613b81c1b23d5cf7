import { TaskManagementFunction, type TaskManagementRequestPdu } from '../pdu/index.js';
import type { ResetCause } from '../scsi/logical-unit.js';
import { Asc } from '../scsi/sense.js';
import { abortFor } from '../task/contingent-allegiance.js';
import { type Countdown, countdown } from '../task/countdown.js';
import { inStoppingOrder } from '../task/stopping-order.js';
import type { Task } from '../task/task.js';
import type { TaskSet } from '../task/task-set.js';
import { announceTaskTermination } from './async-messages.js';
import { serialDifference } from './command-window.js';
import type { Connection } from './connection.js';
import { ResponseFence } from './response-fence.js';
import type { NexusSeat } from './target-node.js';

/** What one of the functions that stop many tasks does. RFC 7143 §11.5.1, RFC 7144. */
export interface MultiTaskAbort {
  /** It concerns all logical units of the target, and the LUN field says nothing. */
  readonly targetScoped: boolean;
  /** Whose tasks: of the nexus that asks, of all that share a task set with it (TST), or of all nexuses. */
  readonly stops: 'own' | 'task set' | 'all';
  /** A reset: unit attentions, and what else becomes of each logical unit. Whose ACA condition ends with it. */
  readonly affectUnit?: (by: NexusSeat, taskSet: TaskSet) => void;
  readonly endsAca?: 'own' | 'all';
}

const abortOwn: MultiTaskAbort = { targetScoped: false, stops: 'own' };
const clearAll: MultiTaskAbort = { targetScoped: false, stops: 'task set' };
const resetUnits: MultiTaskAbort = { targetScoped: false, stops: 'all', affectUnit: resetUnit, endsAca: 'all' };
const resetTarget: MultiTaskAbort = { ...resetUnits, targetScoped: true };
/** The target as if it had been switched off and on. RFC 7143 §11.5.1, TARGET COLD RESET. */
const powerCycleUnits: MultiTaskAbort = { ...resetTarget, affectUnit: powerOnUnit };
const resetNexus: MultiTaskAbort = { targetScoped: true, stops: 'own', affectUnit: tellNexusLoss, endsAca: 'own' };

export const multiTaskAborts = new Map<number, MultiTaskAbort>([
  [TaskManagementFunction.abortTaskSet, abortOwn],
  [TaskManagementFunction.clearTaskSet, clearAll],
  [TaskManagementFunction.logicalUnitReset, resetUnits],
  [TaskManagementFunction.targetWarmReset, resetTarget],
  [TaskManagementFunction.targetColdReset, powerCycleUnits],
  [TaskManagementFunction.itNexusReset, resetNexus],
]);

/** SAM-5 "Logical unit reset": every nexus learns of it by a unit attention, the one that asked too. */
function resetUnit(by: NexusSeat, taskSet: TaskSet): void {
  resetAndTell(by, taskSet, 'logical-unit-reset');
}

/** SAM-5 "Power on": reservations that need not outlive a loss of power go too. */
function powerOnUnit(by: NexusSeat, taskSet: TaskSet): void {
  resetAndTell(by, taskSet, 'power-on');
}

function resetAndTell(by: NexusSeat, taskSet: TaskSet, cause: ResetCause): void {
  taskSet.unit.reset(cause);
  for (const { nexus, target } of by.target?.seats ?? []) {
    // Who may not see the unit has nothing to learn of it.
    if (target?.hasLun(taskSet.unit.lun) === true) taskSet.unit.establishUnitAttention(nexus.id, Asc.busDeviceResetFunctionOccurred);
  }
}

/** SAM-5 "I_T nexus loss": the nexus that is reset learns of it on every logical unit, and nobody else. */
function tellNexusLoss({ nexus }: NexusSeat, taskSet: TaskSet): void {
  taskSet.unit.resetNexus(nexus);
  taskSet.unit.establishUnitAttention(nexus.id, Asc.itNexusLossOccurred);
}

/**
 * Stops the tasks and calls `done` when that is over: no worker has any of them, and what the initiator goes on sending for them has
 * come. RFC 7143 §4.2.3.3 "Standard Multi-Task Abort Semantics", §4.2.3.4 "FastAbort Multi-Task Abort Semantics".
 */
export function abortTasks(connection: Connection, pdu: TaskManagementRequestPdu, rule: MultiTaskAbort, taskSets: readonly TaskSet[], done: () => void): void {
  const affected: Task[] = [];
  for (const taskSet of taskSets) {
    const stopped = taskSet.tasks.filter((task) => isAffected(connection, pdu, rule, task));
    rule.affectUnit?.(connection.session, taskSet);
    announceToFastAborters(connection, taskSet.unit.lun, stopped);
    affected.push(...stopped);
  }
  fenceOthers(connection, affected);
  const finished = countdown(done);
  for (const { unit } of taskSets) for (const work of unit.takeResetWork()) void work.then(finished.add());
  if (connection.parameters.taskReporting !== 'FastAbort') awaitTransfers(connection, affected, finished);
  for (const task of inStoppingOrder(affected)) stopOne(connection, rule, task, finished.add());
  if (rule.endsAca !== undefined)
    for (const taskSet of taskSets) taskSet.clearAca(({ faultedNexus }) => rule.endsAca === 'all' || faultedNexus === connection.nexus);
  finished.start();
}

/** With a reset every nexus learns of it by the unit attention of the reset, and no task has a status. */
function stopOne({ nexus, context }: Connection, rule: MultiTaskAbort, task: Task, onStopped: () => void): void {
  if (rule.affectUnit !== undefined) context.runner.abort(task, onStopped);
  else abortFor(nexus, task, context.runner, onStopped);
}

/** A function concerns what came before it by CmdSN; other nexuses have an order of their own. */
function isAffected(connection: Connection, pdu: TaskManagementRequestPdu, rule: MultiTaskAbort, task: Task): boolean {
  if (task.owner.nexus !== connection.nexus)
    return rule.stops === 'all' || (rule.stops === 'task set' && task.order === task.taskSet.orderOf(connection.nexus));
  // An immediate command carries the CmdSN of the next one that is not.
  return serialDifference(task.cmdSN, pdu.cmdSN) < (task.immediate ? 1 : 0);
}

/** Those by which the tasks came; others came from within this process. */
function connectionsAmong(tasks: readonly Task[]): Set<Connection> {
  return new Set(tasks.map(({ owner }) => owner).filter((owner): owner is Connection => 'session' in owner));
}

/** Each connection that has such a task is told once for each unit, but for the one that asks. */
function announceToFastAborters(connection: Connection, lun: number, stopped: readonly Task[]): void {
  const owners = connectionsAmong(stopped);
  owners.delete(connection);
  for (const owner of owners) if (owner.isOpen) announceTaskTermination(owner, lun);
}

/** Other sessions hear of it no sooner than what they were answered before has arrived. RFC 7143 §4.2.2.3.3. */
function fenceOthers({ session: issuing }: Connection, affected: readonly Task[]): void {
  const sessions = new Set(Array.from(connectionsAmong(affected), ({ session }) => session));
  sessions.delete(issuing);
  for (const session of sessions) {
    const { connection } = session;
    if (connection === null || !ResponseFence.isNeeded(session)) continue;
    const taskSets = affected.filter(({ owner }) => owner.nexus === session.nexus).map(({ taskSet }) => taskSet);
    session.fence.raise({ connection, taskSets, send: () => {} });
  }
}

/** Waits for what this initiator still sends for R2Ts it has got, because it must not stop until it has the response. */
function awaitTransfers(connection: Connection, affected: readonly Task[], finished: Countdown): void {
  const tagsByOwner = new Map<Connection, number[]>();
  for (const { owner: anyOwner, dataOut } of affected) {
    // Those of its nexus came by connections.
    const owner = anyOwner as Connection;
    if (owner.nexus !== connection.nexus || !owner.isOpen || dataOut.outstanding.length === 0) continue;
    const tags = tagsByOwner.get(owner) ?? [];
    tags.push(...dataOut.outstanding.map((r2t) => r2t.targetTransferTag));
    tagsByOwner.set(owner, tags);
  }
  const { clock, limits } = connection.context;
  const untilMicros = clock.nowMicros() + limits.abortedTransferMsMax * 1000;
  for (const [owner, tags] of tagsByOwner) owner.abortedTransfers.whenEnded(tags, untilMicros, finished.add());
}
