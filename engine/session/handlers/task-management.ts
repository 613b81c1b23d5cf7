import {
  decodeLun,
  decodeTaskManagementRequest,
  encodeTaskManagementResponse,
  RejectReason,
  TaskManagementFunction,
  type TaskManagementRequestPdu,
  TaskManagementResponse,
} from '../../pdu/index.js';
import { clearAcaOf } from '../../task/contingent-allegiance.js';
import type { TaskSet } from '../../task/task-set.js';
import { CommandTurn, serialDifference } from '../command-window.js';
import type { Connection } from '../connection.js';
import { abortTasks, type MultiTaskAbort, multiTaskAborts } from '../multi-task-abort.js';
import { ResponseFence } from '../response-fence.js';
import { powerCycle } from '../session-operations.js';
import { findTask, type QueryAnswer, queryAsynchronousEvent, queryTask, queryTaskSet } from './task-query.js';
import { reassignTask } from './task-reassign.js';

/** iSCSIProtocolLevel from which on there are the functions of RFC 7144. */
const PROTOCOL_LEVEL_SAM5 = 2;

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
  // RFC 7143 §4.3: in a discovery session only SendTargets and logout are accepted.
  const { target } = connection.session;
  if (target === null) {
    connection.sendReject(RejectReason.protocolError);
    return;
  }
  const rule = multiTaskAborts.get(pdu.function);
  if (pdu.function >= TaskManagementFunction.queryTask && connection.parameters.protocolLevel < PROTOCOL_LEVEL_SAM5) {
    respond(connection, pdu, TaskManagementResponse.functionNotSupported);
  } else if (pdu.function === TaskManagementFunction.targetColdReset && target !== target.whole) {
    // It would end the sessions of initiators whose LUNs this one may not even see. RFC 7143 §11.6.1.
    respond(connection, pdu, TaskManagementResponse.authorizationFailed);
  } else if (rule !== undefined) startMultiTaskAbort(connection, pdu, rule);
  else handleSingle(connection, pdu);
}

/** Functions on one task, and questions. */
function handleSingle(connection: Connection, pdu: TaskManagementRequestPdu): void {
  switch (pdu.function) {
    case TaskManagementFunction.abortTask:
      abortTask(connection, pdu);
      break;
    case TaskManagementFunction.taskReassign: {
      const { response, takeEffect } = reassignTask(connection, pdu);
      respond(connection, pdu, response);
      takeEffect();
      break;
    }
    case TaskManagementFunction.queryTask:
      answerQuery(connection, pdu, queryTask);
      break;
    case TaskManagementFunction.queryTaskSet:
      answerQuery(connection, pdu, queryTaskSet);
      break;
    case TaskManagementFunction.queryAsynchronousEvent:
      answerQuery(connection, pdu, queryAsynchronousEvent);
      break;
    case TaskManagementFunction.clearAca:
      clearAca(connection, pdu);
      break;
    default:
      respond(connection, pdu, TaskManagementResponse.functionNotSupported);
  }
}

/** The task set that the LUN field names; null when there is none, which has then been answered. */
function unitOf(connection: Connection, pdu: TaskManagementRequestPdu): TaskSet | null {
  const lun = decodeLun(pdu.lunHigh, pdu.lunLow);
  const { target } = connection.session;
  if (target?.hasLun(lun) === true) return target.taskSetOf(lun);
  respond(connection, pdu, TaskManagementResponse.lunDoesNotExist);
  return null;
}

function answerQuery(
  connection: Connection,
  pdu: TaskManagementRequestPdu,
  ask: (...args: [Connection, TaskSet, TaskManagementRequestPdu]) => QueryAnswer,
): void {
  const taskSet = unitOf(connection, pdu);
  if (taskSet === null) return;
  const { response, additionalResponseInformation } = ask(connection, taskSet, pdu);
  respond(connection, pdu, response, additionalResponseInformation);
}

function abortTask(connection: Connection, pdu: TaskManagementRequestPdu): void {
  const taskSet = unitOf(connection, pdu);
  if (taskSet === null) return;
  const task = findTask(connection, taskSet, pdu.referencedTaskTag);
  if (task === undefined) {
    abortAbsentTask(connection, pdu);
    return;
  }
  connection.waitingTaskManagementCount++;
  connection.context.runner.abort(task, () => {
    connection.waitingTaskManagementCount--;
    respond(connection, pdu, TaskManagementResponse.functionComplete);
  });
}

/** CLEAR ACA, RFC 7143 §11.5.1: it names no task, and is complete when there is no ACA condition of this nexus too. */
function clearAca(connection: Connection, pdu: TaskManagementRequestPdu): void {
  const taskSet = unitOf(connection, pdu);
  if (taskSet === null) return;
  connection.waitingTaskManagementCount++;
  clearAcaOf(connection.nexus, taskSet, connection.context.runner, () => {
    connection.waitingTaskManagementCount--;
    respond(connection, pdu, TaskManagementResponse.functionComplete);
  });
}

/**
 * RFC 7143 §11.6.1: a command that has not come yet, by its RefCmdSN, counts as received, so that it will be ignored when it
 * comes and nothing waits for it; any other does not exist.
 */
function abortAbsentTask(connection: Connection, pdu: TaskManagementRequestPdu): void {
  const { window } = connection.session;
  if (!window.isWithin(pdu.refCmdSN) || serialDifference(pdu.refCmdSN, pdu.cmdSN) >= 0) {
    respond(connection, pdu, TaskManagementResponse.taskDoesNotExist);
    return;
  }
  const turn = window.turnOf(pdu.refCmdSN);
  if (turn === CommandTurn.early) window.hold(pdu.refCmdSN, null);
  else if (turn === CommandTurn.now) window.advance();
  if (turn !== CommandTurn.outside) connection.expectStrays(pdu.referencedTaskTag);
  respond(connection, pdu, TaskManagementResponse.functionComplete);
  connection.runHeldPdus();
}

/** RFC 7143 §4.2.3.3: all commands that came before the function by CmdSN have to be here first. */
function startMultiTaskAbort(connection: Connection, pdu: TaskManagementRequestPdu, rule: MultiTaskAbort): void {
  const { session } = connection;
  const { target } = session;
  const taskSet = rule.targetScoped ? null : unitOf(connection, pdu);
  if (target === null || (taskSet === null && !rule.targetScoped)) return;
  connection.waitingTaskManagementCount++;
  const begin = () => {
    if (!connection.isOpen) return;
    const taskSets = taskSet === null ? target.taskSets : [taskSet];
    abortTasks(connection, pdu, rule, taskSets, () =>
      respondFenced(connection, taskSets, () => {
        connection.waitingTaskManagementCount--;
        respond(connection, pdu, TaskManagementResponse.functionComplete);
        if (pdu.function === TaskManagementFunction.targetColdReset) powerCycle(connection.context.directory, target);
      }),
    );
  };
  if (!pdu.immediate) begin();
  else if (rule.targetScoped) plugAndBegin(connection, pdu, begin);
  else session.whenReceived(pdu.cmdSN, begin);
}

/** Functions on the whole target need not wait: what has not come counts as received. RFC 7143 §4.2.3.3. */
function plugAndBegin(connection: Connection, pdu: TaskManagementRequestPdu, begin: () => void): void {
  const { window } = connection.session;
  for (const missing of window.missingBefore(pdu.cmdSN)) window.hold(missing, null);
  connection.runHeldPdus();
  begin();
}

/** With several connections the response must not overtake what was answered on others. RFC 7143 §4.2.2.3.3. */
function respondFenced(connection: Connection, taskSets: readonly TaskSet[], send: () => void): void {
  const { session } = connection;
  if (ResponseFence.isNeeded(session)) session.fence.raise({ connection, taskSets, send });
  else send();
}

function respond(connection: Connection, pdu: TaskManagementRequestPdu, response: number, additionalResponseInformation = 0): void {
  if (!connection.isOpen) return;
  const { output } = connection;
  const offset = output.begin();
  const { initiatorTaskTag } = pdu;
  encodeTaskManagementResponse({ response, initiatorTaskTag, additionalResponseInformation, ...connection.takeNumbers() }, output.view, offset);
  output.end();
  connection.transport.flushSoon();
}
