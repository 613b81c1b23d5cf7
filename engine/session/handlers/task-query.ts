import { type TaskManagementRequestPdu, TaskManagementResponse } from '../../pdu/index.js';
import { SenseKey } from '../../scsi/sense.js';
import type { Task } from '../../task/task.js';
import type { TaskSet } from '../../task/task-set.js';
import type { Connection } from '../connection.js';

/** UADE DEPTH of SAM-5 "QUERY ASYNCHRONOUS EVENT": how many conditions are pending. */
const UadeDepth = { one: 0x10, several: 0x20 } as const;

export interface QueryAnswer {
  readonly response: number;
  readonly additionalResponseInformation: number;
}

/** RFC 7144: a query whose answer is yes succeeds, one whose answer is no is merely complete. */
const no: QueryAnswer = { response: TaskManagementResponse.functionComplete, additionalResponseInformation: 0 };
const yes: QueryAnswer = { response: TaskManagementResponse.functionSucceeded, additionalResponseInformation: 0 };

/** The task of this tag on this unit, on whichever connection of the session it came, even one that is lost. */
export function findTask({ session, tasks }: Connection, taskSet: TaskSet, initiatorTaskTag: number): Task | undefined {
  const task = tasks.get(initiatorTaskTag) ?? session.findTask(initiatorTaskTag) ?? session.lost.findTask(initiatorTaskTag)?.task;
  return task?.taskSet === taskSet ? task : undefined;
}

/** QUERY TASK: whether the command is in the task set. SAM-5 "QUERY TASK". */
export function queryTask(connection: Connection, taskSet: TaskSet, pdu: TaskManagementRequestPdu): QueryAnswer {
  const task = findTask(connection, taskSet, pdu.referencedTaskTag);
  return task === undefined || task.aborted ? no : yes;
}

/** QUERY TASK SET: whether the nexus has any command in the task set. SAM-5 "QUERY TASK SET". */
export function queryTaskSet(connection: Connection, taskSet: TaskSet): QueryAnswer {
  return taskSet.tasks.some((task) => task.owner.nexus === connection.nexus && !task.aborted) ? yes : no;
}

/** QUERY ASYNCHRONOUS EVENT: the unit attention that the nexus would be told next, which stays pending. SAM-5 "QUERY ASYNCHRONOUS EVENT". */
export function queryAsynchronousEvent(connection: Connection, taskSet: TaskSet): QueryAnswer {
  const [first, ...more] = taskSet.unit.pendingUnitAttentions(connection.nexus);
  if (first === undefined) return no;
  const depth = more.length === 0 ? UadeDepth.one : UadeDepth.several;
  return { response: yes.response, additionalResponseInformation: ((depth | SenseKey.unitAttention) << 16) | first.asc };
}
