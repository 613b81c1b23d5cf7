import { type DataOutPdu, RESERVED_TAG } from '../pdu/index.js';
import { Asc, SenseKey } from '../scsi/sense.js';
import { DataOutVerdict } from '../task/data-out-transfer.js';
import type { Task } from '../task/task.js';
import { serialDifference } from './command-window.js';
import type { Connection } from './connection.js';

/**
 * Data-Out that does not fit its sequence, at ErrorRecoveryLevel 1 and above: a PDU before it was lost, or it is one too many.
 * True when it is to be dropped and that is all; false when it breaks the rules. RFC 7143 §7.9 "Sequence Errors".
 */
export function recoverSequence(connection: Connection, task: Task, pdu: DataOutPdu, verdict: DataOutVerdict): boolean {
  const { dataOut } = task;
  const { targetTransferTag } = pdu;
  if (verdict === DataOutVerdict.unexpected) {
    // The rest of a sequence that is asked for again, or the data of a command that was sent twice. RFC 7143 §7.2.1.
    return dataOut.isGivenUp(targetTransferTag) || targetTransferTag === RESERVED_TAG;
  }
  if (verdict !== DataOutVerdict.wrongDataSN) return false;
  const isMissingOne = serialDifference(pdu.dataSN, dataOut.nextDataSNOf(targetTransferTag)) > 0;
  if (isMissingOne) requestAgain(connection, task, targetTransferTag);
  return true;
}

/** A sequence will not be completed: what it lacks is asked for by recovery R2Ts. RFC 7143 §7.8 "Digest Errors". */
export function requestAgain(connection: Connection, task: Task, targetTransferTag: number): void {
  task.dataOut.giveUp(targetTransferTag);
  goOn(connection, task);
}

/** Nothing came for too long: the end of a sequence may be what was lost. */
export function requestAllAgain(connection: Connection, task: Task): void {
  task.dataOut.giveUpAll();
  goOn(connection, task);
}

function goOn(connection: Connection, task: Task): void {
  const { runner, limits } = connection.context;
  if (!task.dataOut.poisoned && task.dataOut.givenUpCount > limits.recoveryR2TCountMax) {
    runner.failTransfer(task, SenseKey.abortedCommand, Asc.protocolServiceCrcError);
  } else runner.advanceTransfer(task);
}

/** What arrived of a Data-Out PDU is not what was sent. */
export function onDataOutDamaged(connection: Connection, task: Task, pdu: DataOutPdu): void {
  const { dataOut } = task;
  if (dataOut.poisoned) {
    dataOut.skip(pdu);
    connection.context.runner.advanceTransfer(task);
  } else requestAgain(connection, task, pdu.targetTransferTag);
}
