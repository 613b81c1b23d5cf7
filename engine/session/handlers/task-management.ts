import {
  decodeLun,
  decodeTaskManagementRequest,
  encodeTaskManagementResponse,
  RejectReason,
  TaskManagementFunction,
  type TaskManagementRequestPdu,
  TaskManagementResponse,
} from '../../pdu/index.js';
import { Asc } from '../../scsi/sense.js';
import type { Task } from '../../task/task.js';
import type { TaskSet } from '../../task/task-set.js';
import type { Connection } from '../connection.js';

/**
 * Task Management Function Request, RFC 7143 §11.5. The response is held until every task it concerns has really
 * stopped, on workers too.
 */
export function handleTaskManagement(connection: Connection, header: DataView): void {
  const pdu = decodeTaskManagementRequest(header, 0);
  // Each one that waits for its task to stop is kept, and immediate ones stand outside the window: one for each command that may be out is enough.
  if (connection.waitingTaskManagementCount >= connection.context.limits.commandWindowCountMax) {
    connection.sendReject(RejectReason.immediateCommandReject);
    return;
  }
  switch (pdu.function) {
    case TaskManagementFunction.abortTask:
      abortTask(connection, pdu);
      break;
    case TaskManagementFunction.abortTaskSet:
      abortTasks(connection, pdu, (taskSet) => taskSet.tasks.filter((task) => task.owner === connection));
      break;
    case TaskManagementFunction.logicalUnitReset:
      abortTasks(connection, pdu, (taskSet) => {
        const tasks = taskSet.tasks.slice();
        resetUnit(connection, taskSet);
        return tasks;
      });
      break;
    default:
      respond(connection, pdu, TaskManagementResponse.functionNotSupported);
  }
}

function abortTask(connection: Connection, pdu: TaskManagementRequestPdu): void {
  const task = connection.tasks.get(pdu.referencedTaskTag);
  if (task === undefined) {
    respond(connection, pdu, TaskManagementResponse.taskDoesNotExist);
    return;
  }
  stopAll(connection, [task], () => respond(connection, pdu, TaskManagementResponse.functionComplete));
}

function abortTasks(connection: Connection, pdu: TaskManagementRequestPdu, select: (taskSet: TaskSet) => Task[]): void {
  const lun = decodeLun(pdu.lunHigh, pdu.lunLow);
  const { target } = connection.session;
  if (target === null || !target.hasLun(lun)) {
    respond(connection, pdu, TaskManagementResponse.lunDoesNotExist);
    return;
  }
  stopAll(connection, select(target.taskSetOf(lun)), () => respond(connection, pdu, TaskManagementResponse.functionComplete));
}

/** SAM-5 §6.3.3 "Logical unit reset": every nexus learns of it by a unit attention. */
function resetUnit(connection: Connection, taskSet: TaskSet): void {
  taskSet.unit.stopped = false;
  for (const session of connection.session.target?.sessions ?? []) taskSet.unit.establishUnitAttention(session.nexus.id, Asc.busDeviceResetFunctionOccurred);
}

/** Aborts the tasks and calls `done` when the last one has stopped. */
function stopAll(connection: Connection, tasks: Task[], done: () => void): void {
  let left = tasks.length + 1;
  connection.waitingTaskManagementCount++;
  const stopped = () => {
    left--;
    if (left > 0) return;
    connection.waitingTaskManagementCount--;
    done();
  };
  for (const task of tasks) connection.context.runner.abort(task, stopped);
  stopped();
}

function respond(connection: Connection, pdu: TaskManagementRequestPdu, response: number): void {
  if (!connection.isOpen) return;
  const { output } = connection;
  const offset = output.begin();
  encodeTaskManagementResponse({ response, initiatorTaskTag: pdu.initiatorTaskTag, ...connection.takeNumbers() }, output.view, offset);
  output.end();
  connection.transport.flushSoon();
}
