import {
  emptyDataIn,
  emptyScsiResponse,
  encodeDataIn,
  encodeScsiResponse,
  RESERVED_TAG,
  ResidualFlag,
  SENSE_LENGTH_BYTES,
  ServiceResponse,
} from '../pdu/index.js';
import { ScsiStatus } from '../scsi/status.js';
import { DataDirection, SENSE_CAPACITY_BYTES } from '../shm/layout.js';
import type { PduTaskOwner, Task } from './task.js';

/** Data up to this length is copied next to its header: cheaper than one more piece in the `writev`. */
const COPY_LENGTH_MAX = 512;

/** One thread writes PDUs, so one record of each kind is enough. */
const dataIn = emptyDataIn();
const response = emptyScsiResponse();
const senseSegment = new Uint8Array(SENSE_LENGTH_BYTES + SENSE_CAPACITY_BYTES);

interface Residual {
  flags: number;
  count: number;
}
const readResidual: Residual = { flags: 0, count: 0 };
const writeResidual: Residual = { flags: 0, count: 0 };

/** RFC 7143 §11.4.5 "Residual Count": what the device moved or would have moved, against what the initiator expected. */
function computeResidual(into: Residual, expectedLength: number, deviceLength: number): Residual {
  into.flags = deviceLength === expectedLength ? ResidualFlag.none : deviceLength < expectedLength ? ResidualFlag.underflow : ResidualFlag.overflow;
  into.count = Math.abs(expectedLength - deviceLength);
  return into;
}

/**
 * Queues all Data-In PDUs of a finished task and its status: in the last Data-In PDU when the command succeeded, in a
 * SCSI Response of its own when there is sense data, no data, or data in both directions. RFC 7143 §11.4, §11.7.
 */
export function answerTask(task: Task, owner: PduTaskOwner): void {
  const { slot } = task;
  const expectedIn = slot.expectedDataInLength;
  const sendLength = Math.min(slot.dataInLength, expectedIn);
  const bidirectional = slot.direction === DataDirection.bidirectional;
  const collapse = sendLength > 0 && slot.status === ScsiStatus.good && slot.senseLength === 0 && !bidirectional;
  // Data-In and R2Ts of a bidirectional command are numbered together, RFC 7143 §4.2.2.4.
  const firstDataSN = bidirectional ? task.dataOut.r2tCount : 0;
  const nextDataSN = sendLength > 0 ? sendDataIn(task, owner, sendLength, firstDataSN, collapse) : 0;
  if (!collapse) sendResponse(task, owner, bidirectional, nextDataSN);
}

/** Answers the DataSN after the last one. */
function sendDataIn(task: Task, owner: PduTaskOwner, sendLength: number, firstDataSN: number, collapse: boolean): number {
  const { slot } = task;
  const { maxRecvDataSegmentLength, maxBurstLength, errorRecoveryLevel } = owner.parameters;
  dataIn.initiatorTaskTag = task.initiatorTaskTag;
  dataIn.expCmdSN = owner.expCmdSN;
  dataIn.maxCmdSN = owner.maxCmdSN;
  let offset = 0;
  let dataSN = firstDataSN;
  let burstLeft = maxBurstLength;
  while (offset < sendLength) {
    const length = Math.min(sendLength - offset, maxRecvDataSegmentLength, burstLeft);
    const last = offset + length === sendLength;
    burstLeft -= length;
    dataIn.final = last || burstLeft === 0;
    if (errorRecoveryLevel > 0) askForAcknowledgement(task, owner, burstLeft === 0 && !last);
    if (burstLeft === 0) burstLeft = maxBurstLength;
    dataIn.dataSN = dataSN++;
    dataIn.bufferOffset = offset;
    if (last && collapse) {
      const residual = computeResidual(readResidual, slot.expectedDataInLength, slot.dataInLength);
      dataIn.statusPresent = true;
      dataIn.status = slot.status;
      dataIn.statSN = owner.takeStatSN();
      dataIn.residualFlags = residual.flags;
      dataIn.residualCount = residual.count;
    } else {
      dataIn.statusPresent = false;
      dataIn.status = 0;
      dataIn.statSN = 0;
      dataIn.residualFlags = 0;
      dataIn.residualCount = 0;
    }
    const { output } = owner;
    const at = output.begin();
    encodeDataIn(dataIn, length, output.view, at);
    if (length <= COPY_LENGTH_MAX) output.endWithCopy(slot.dataIn, slot.dataInStart + offset, length);
    else output.endWithView(slot.dataIn, slot.dataInStart + offset, length);
    offset += length;
  }
  return dataSN;
}

/**
 * A bit, RFC 7143 §11.7.2: once every MaxBurstLength bytes we ask to be told what has arrived, so that it needs not be kept any
 * longer. The last of all data is acknowledged with the status.
 */
function askForAcknowledgement(task: Task, owner: PduTaskOwner, isAsked: boolean): void {
  dataIn.acknowledge = isAsked;
  dataIn.targetTransferTag = isAsked ? owner.takeTargetTransferTag() : RESERVED_TAG;
  dataIn.lunHigh = isAsked ? task.lunHigh : 0;
  dataIn.lunLow = isAsked ? task.lunLow : 0;
}

/**
 * How much Data-Out the device wanted, for the residual; what was never asked for counts as not transferred. `expDataSN` counts
 * Data-In PDUs, with the R2Ts of a bidirectional command; it is 0 when there was no Data-In. RFC 7143 §11.4.8.
 */
function sendResponse(task: Task, owner: PduTaskOwner, bidirectional: boolean, expDataSN: number): void {
  const { slot, output } = { slot: task.slot, output: owner.output };
  const expectedOut = slot.expectedDataOutLength;
  const residual =
    bidirectional || expectedOut > 0 || slot.plannedDataOutLength > 0
      ? computeResidual(writeResidual, expectedOut, slot.plannedDataOutLength)
      : computeResidual(readResidual, slot.expectedDataInLength, slot.dataInLength);
  response.residualFlags = residual.flags;
  response.residualCount = residual.count;
  response.bidirectionalReadResidualCount = 0;
  if (bidirectional) {
    const inward = computeResidual(readResidual, slot.expectedDataInLength, slot.dataInLength);
    if (inward.flags === ResidualFlag.underflow) response.residualFlags |= ResidualFlag.bidirectionalReadUnderflow;
    if (inward.flags === ResidualFlag.overflow) response.residualFlags |= ResidualFlag.bidirectionalReadOverflow;
    response.bidirectionalReadResidualCount = inward.count;
  }
  response.response = ServiceResponse.commandCompleted;
  response.status = slot.status;
  response.initiatorTaskTag = task.initiatorTaskTag;
  response.expDataSN = expDataSN;
  response.statSN = owner.takeStatSN();
  response.expCmdSN = owner.expCmdSN;
  response.maxCmdSN = owner.maxCmdSN;
  const senseLength = Math.min(slot.senseLength, SENSE_CAPACITY_BYTES);
  const at = output.begin();
  if (senseLength === 0) {
    encodeScsiResponse(response, 0, output.view, at);
    output.end();
    return;
  }
  senseSegment[0] = senseLength >> 8;
  senseSegment[1] = senseLength & 0xff;
  senseSegment.set(slot.sense.subarray(0, senseLength), SENSE_LENGTH_BYTES);
  encodeScsiResponse(response, SENSE_LENGTH_BYTES + senseLength, output.view, at);
  output.endWithCopy(senseSegment, 0, SENSE_LENGTH_BYTES + senseLength);
}
