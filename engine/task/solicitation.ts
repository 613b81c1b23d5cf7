import { assert } from '../errors.js';
import { emptyReadyToTransfer, encodeReadyToTransfer } from '../pdu/index.js';
import type { OutstandingR2T } from './data-out-transfer.js';
import { NO_PIECE, type PduTaskOwner, type Task } from './task.js';
import type { TaskMemory } from './task-memory.js';

/** One thread writes PDUs, so one record is enough. */
const pdu = emptyReadyToTransfer();

/** Bytes that open R2Ts have asked for and that have not come. */
export function requestedLength({ dataOut }: Task): number {
  let sum = 0;
  for (const r2t of dataOut.outstanding) sum += r2t.endOffset - r2t.nextOffset;
  return sum;
}

/** R2Ts wait for memory that holds all of the Data-Out. */
export function placeAndSolicit(task: Task, memory: TaskMemory): void {
  const lengthBytes = task.dataOut.wantedLength;
  assert(task.dataOutPiece === NO_PIECE, 'Data-Out got a piece for a part of it: who waits for memory must hold none');
  if (memory.allocateDataOut(task, lengthBytes)) {
    task.owner.solicit(task);
    return;
  }
  memory.share.waitFor(task, lengthBytes, (granted) => {
    memory.placeDataOut(task, granted, lengthBytes);
    task.owner.solicit(task);
  });
  memory.makeRoomFor(task);
}

/** Sends as many R2Ts as may be open. */
export function solicit(task: Task, owner: PduTaskOwner): void {
  const { dataOut } = task;
  const { maxBurstLength, maxOutstandingR2T } = owner.parameters;
  for (;;) {
    const r2t = dataOut.nextR2T(() => owner.takeTargetTransferTag(), maxBurstLength, maxOutstandingR2T);
    if (r2t === null) return;
    sendR2T(task, owner, r2t);
  }
}

/** Asks for a part of the task's Data-Out. RFC 7143 §11.8. */
export function sendR2T(task: Task, owner: PduTaskOwner, r2t: OutstandingR2T): void {
  pdu.lunHigh = task.lunHigh;
  pdu.lunLow = task.lunLow;
  pdu.initiatorTaskTag = task.initiatorTaskTag;
  pdu.targetTransferTag = r2t.targetTransferTag;
  pdu.statSN = owner.statSN;
  pdu.expCmdSN = owner.expCmdSN;
  pdu.maxCmdSN = owner.maxCmdSN;
  pdu.r2tSN = r2t.r2tSN;
  pdu.bufferOffset = r2t.startOffset;
  pdu.desiredDataTransferLength = r2t.endOffset - r2t.startOffset;
  const { output } = owner;
  const at = output.begin();
  encodeReadyToTransfer(pdu, output.view, at);
  output.end();
}

/**
 * R2T SNACK: sends R2Ts again as they were; `begRun` and `runLength` 0 mean all that are not answered. False when one of them
 * was never sent, or its data has arrived, which acknowledges it. RFC 7143 §11.16.
 */
export function resendR2Ts(task: Task, owner: PduTaskOwner, begRun: number, runLength: number): boolean {
  const { outstanding, r2tCount } = task.dataOut;
  const until = runLength === 0 ? r2tCount : begRun + runLength;
  const isAll = begRun === 0 && runLength === 0;
  const run = outstanding.filter(({ r2tSN }) => r2tSN >= begRun && r2tSN < until);
  if (until > r2tCount || (!isAll && run.length !== until - begRun) || run.length === 0) return false;
  for (const r2t of run) sendR2T(task, owner, r2t);
  return true;
}
