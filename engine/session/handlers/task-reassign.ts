import { type TaskManagementRequestPdu, TaskManagementResponse } from '../../pdu/index.js';
import { NO_PIECE, type Task, TaskState } from '../../task/task.js';
import type { Connection } from '../connection.js';
import type { LostConnection } from '../lost-connections.js';
import { replay } from '../replay.js';
import { dataSNOf, type RetainedResponse } from '../retransmission.js';

/** What TASK REASSIGN comes to, and what is to be done once the response is on its way. */
export interface Reassignment {
  readonly response: number;
  readonly takeEffect: () => void;
}

/**
 * TASK REASSIGN, RFC 7143 §7.2.2, §11.5.1: a task whose connection is gone goes on by this one. The new allegiance holds only after
 * the response. The LUN field is reserved. Tasks end when nobody takes them over within DefaultTime2Wait + DefaultTime2Retain; who comes
 * before DefaultTime2Wait has passed is served all the same.
 */
export function reassignTask(connection: Connection, pdu: TaskManagementRequestPdu): Reassignment {
  const { session } = connection;
  const { referencedTaskTag } = pdu;
  if (!session.recoversConnections) return refused(TaskManagementResponse.allegianceReassignmentNotSupported);
  if (isAllegiant(connection, referencedTaskTag)) return refused(TaskManagementResponse.taskStillAllegiant);
  const found = session.lost.findTask(referencedTaskTag);
  if (found === null) return refused(TaskManagementResponse.taskDoesNotExist);
  const { lost, task } = found;
  if (!lost.isLoggedOut) return refused(TaskManagementResponse.taskStillAllegiant);
  // One that is being aborted is as good as gone.
  if (task?.aborted === true) return refused(TaskManagementResponse.taskDoesNotExist);
  const answered = task === undefined ? lost.connection.retransmission?.findCommand(referencedTaskTag) : undefined;
  if (answered?.isDataGivenUp === true) return refused(TaskManagementResponse.functionRejected);
  const takeEffect = () => {
    if (task !== undefined) moveTask(task, lost.connection, connection);
    else if (answered !== undefined) replayAnswer(connection, lost, answered, pdu.expDataSN);
    session.lost.forgetEmpty();
  };
  return { response: TaskManagementResponse.functionComplete, takeEffect };
}

function refused(response: number): Reassignment {
  return { response, takeEffect: () => {} };
}

/** The task, or an answer to it that was not acknowledged, belongs to a connection that is there. */
function isAllegiant({ session }: Connection, initiatorTaskTag: number): boolean {
  if (session.findTask(initiatorTaskTag) !== undefined) return true;
  for (const { retransmission } of session.connections.values()) if (retransmission?.findCommand(initiatorTaskTag) !== undefined) return true;
  return false;
}

/** Data sequences end with their connection: what they lack is asked for again on the new one. */
function moveTask(task: Task, from: Connection, to: Connection): void {
  if (task.state === TaskState.ended || task.owner !== from) return;
  const { runner } = to.context;
  from.tasks.delete(task.initiatorTaskTag);
  to.tasks.set(task.initiatorTaskTag, task);
  const heldBytes = (task.dataOutPiece === NO_PIECE ? 0 : task.dataOutPieceLength) + (task.dataInPiece === NO_PIECE ? 0 : task.dataInPieceLength);
  runner.share.handOver(from, to, heldBytes);
  task.owner = to;
  task.dataOut.giveUpAll();
  to.keepalive.progressMicros = to.context.clock.nowMicros();
  if (!runner.share.isWaiting(task)) runner.advanceTransfer(task);
  to.transport.flushSoon();
}

/** The answer goes out by the new connection, with data from the first that the initiator has not acknowledged. */
function replayAnswer(connection: Connection, { connection: from }: LostConnection, answered: RetainedResponse, expDataSN: number): void {
  from.retransmission?.take(answered);
  replay(answered, connection, { fromDataSN: firstUnacknowledged(answered, expDataSN), statSN: connection.takeStatSN(), snackTag: 0 });
  connection.transport.flushSoon();
}

/** ExpDataSN acknowledges data before it; 0, and what cannot be, say nothing. RFC 7143 §11.5.6. */
function firstUnacknowledged({ dataIn, firstDataSN }: RetainedResponse, expDataSN: number): number {
  const last = dataIn.at(-1);
  const isPlausible = last !== undefined && expDataSN > firstDataSN && expDataSN <= dataSNOf(last) + 1;
  return isPlausible ? expDataSN : firstDataSN;
}
