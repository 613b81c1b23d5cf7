import { type DataOutPdu, decodeDataOut, RESERVED_TAG, RejectReason } from '../../pdu/index.js';
import { Asc, SenseKey } from '../../scsi/sense.js';
import { DataOutVerdict } from '../../task/data-out-transfer.js';
import { NO_PIECE, type Task, TaskState } from '../../task/task.js';
import type { Connection } from '../connection.js';
import { PduFinish } from '../connection-state.js';
import { recoverSequence } from '../data-out-recovery.js';
import { placeDataOut } from './scsi-command.js';

/**
 * SCSI Data-Out, RFC 7143 §11.7: checked against the sequence it belongs to before a byte of it lands. A PDU that
 * breaks the rules ends its task with CHECK CONDITION; one for no task is rejected.
 */
export function handleDataOutHeader(connection: Connection, bytes: Uint8Array, view: DataView, at: number, lengthBytes: number): void {
  const pdu = decodeDataOut(view, at, connection.dataOutPdu);
  const task = connection.tasks.get(pdu.initiatorTaskTag);
  if (task === undefined && connection.stoppedTags.has(pdu.initiatorTaskTag)) {
    connection.dropPdu();
    if (pdu.final) connection.abortedTransfers.onSequenceEnded(pdu.targetTransferTag);
    return;
  }
  if (connection.retransmission !== null && isSentTwice(task, pdu)) {
    connection.dropPdu();
    return;
  }
  // A task whose data is complete is out of reach: a worker may have its slot and its memory.
  if (task === undefined || task.state === TaskState.waiting || task.state === TaskState.executing) {
    connection.rejectPdu(RejectReason.invalidPduField, bytes, at);
    return;
  }
  connection.finish = PduFinish.dataOut;
  connection.landingTask = task;
  const { runner } = connection.context;
  const verdict = task.dataOut.poisoned ? DataOutVerdict.accepted : task.dataOut.check(pdu, lengthBytes);
  if (verdict !== DataOutVerdict.accepted && connection.retransmission !== null && recoverSequence(connection, task, pdu, verdict)) {
    connection.landingTask = null;
    connection.dropPdu();
    return;
  }
  if (verdict !== DataOutVerdict.accepted) runner.failTransfer(task, SenseKey.abortedCommand, senseOf(verdict));
  else if (task.dataOutPiece === NO_PIECE && !task.dataOut.poisoned && !placeDataOut(connection, task)) runner.refuse(task);
  if (connection.landingTask !== task || task.dataOut.poisoned) {
    connection.transport.discardData();
    return;
  }
  const room = task.dataOutPieceLength - pdu.bufferOffset;
  if (room > 0) connection.transport.landIn(runner.arena.bytes, task.dataOutPiece + pdu.bufferOffset, room);
  else connection.transport.discardData();
}

/** Unsolicited data of a command that needs none any more: the command was sent again because it was thought lost. RFC 7143 §7.2.1. */
function isSentTwice(task: Task | undefined, { targetTransferTag }: DataOutPdu): boolean {
  if (task === undefined) return targetTransferTag === RESERVED_TAG;
  const isComplete = task.state === TaskState.waiting || task.state === TaskState.executing;
  return isComplete && (targetTransferTag === RESERVED_TAG || task.dataOut.isGivenUp(targetTransferTag));
}

/** Sense of RFC 7143 §11.4.7.2 for each way to break the rules. */
function senseOf(verdict: DataOutVerdict): number {
  return verdict === DataOutVerdict.wrongFinal || verdict === DataOutVerdict.tooLong
    ? Asc.notEnoughUnsolicitedData
    : verdict === DataOutVerdict.unexpected
      ? Asc.unexpectedUnsolicitedData
      : Asc.dataPhaseError;
}

/** The data has landed. */
export function finishDataOut(connection: Connection, lengthBytes: number): void {
  const task = connection.landingTask;
  if (task === null) return;
  connection.landingTask = null;
  // Empty ones are in order, but bring what is owed no nearer.
  if (lengthBytes > 0) connection.keepalive.progressMicros = connection.receivedAtMicros;
  if (task.dataOut.poisoned) task.dataOut.skip(connection.dataOutPdu);
  else task.dataOut.accept(connection.dataOutPdu, lengthBytes);
  connection.context.runner.advanceTransfer(task);
}
