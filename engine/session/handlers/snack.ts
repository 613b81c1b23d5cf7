import { decodeSnack, Opcode, RESERVED_TAG, RejectReason, readOpcode, type SnackPdu, SnackType } from '../../pdu/index.js';
import { resendR2Ts } from '../../task/solicitation.js';
import { serialDifference } from '../command-window.js';
import type { Connection } from '../connection.js';
import { replay, sendStatus } from '../replay.js';
import { dataInRun, dataSNOf, type RetainedResponse, type Retransmission } from '../retransmission.js';

/**
 * SNACK Request, RFC 7143 §11.16: sends again what was lost, or takes note of data that arrived. What was never sent, or is
 * acknowledged already, is a protocol error; what could not be kept is a SNACK reject.
 */
export function handleSnack(connection: Connection, header: DataView): void {
  const { retransmission, transport, context } = connection;
  // Small requests make large answers: as long as many wait for the peer to take them, it gets no more.
  if (retransmission === null || transport.backlogBytes > context.limits.sendBacklogBytesMax) {
    connection.sendReject(RejectReason.snackReject);
    return;
  }
  const reason = answer(connection, retransmission, decodeSnack(header, 0));
  if (reason !== null) connection.sendReject(reason);
}

/** The reason to reject the request, or null when it was met. */
function answer(connection: Connection, retransmission: Retransmission, pdu: SnackPdu): RejectReason | null {
  switch (pdu.type) {
    case SnackType.status:
      return resendStatus(connection, retransmission, pdu);
    case SnackType.dataAck:
      return acknowledgeData(retransmission, pdu);
    case SnackType.dataOrR2T:
      return resendDataOrR2T(connection, retransmission, pdu);
    case SnackType.rData:
      return resendResegmented(connection, retransmission, pdu);
    default:
      return RejectReason.invalidPduField;
  }
}

/** DataACK. The tags of what was given up are not known any more. */
function acknowledgeData(retransmission: Retransmission, { targetTransferTag, begRun, runLength }: SnackPdu): RejectReason | null {
  if (runLength === 0 && (retransmission.acknowledgeData(targetTransferTag, begRun) || retransmission.hasGivenUp)) return null;
  return RejectReason.invalidDataAck;
}

/** Status SNACK: numbered responses by StatSN. BegRun and RunLength 0 mean all that are not acknowledged. */
function resendStatus(connection: Connection, retransmission: Retransmission, { begRun, runLength }: SnackPdu): RejectReason | null {
  const { ackedStatSN } = retransmission;
  const end = connection.statSN;
  const isAll = begRun === 0 && runLength === 0;
  const from = isAll ? ackedStatSN : begRun;
  const until = runLength === 0 ? end : (begRun + runLength) >>> 0;
  if (serialDifference(from, ackedStatSN) < 0 || serialDifference(until, end) > 0) return RejectReason.protocolError;
  if (!isAll && serialDifference(from, until) >= 0) return RejectReason.protocolError;
  for (let statSN = from; statSN !== until; statSN = (statSN + 1) >>> 0) {
    const response = retransmission.findResponse(statSN);
    if (response === undefined) return RejectReason.snackReject;
    resendResponse(connection, retransmission, response);
  }
  return null;
}

function resendResponse(connection: Connection, retransmission: Retransmission, response: RetainedResponse): void {
  const { pdu } = response;
  const isCollapsed = readOpcode(pdu.view, 0) === Opcode.dataIn;
  if (!isCollapsed || (!response.isDataGivenUp && pdu.data.length <= connection.parameters.maxRecvDataSegmentLength)) {
    retransmission.resend(pdu);
    return;
  }
  // The data that its status went with is not there any more, or longer than the initiator takes by now: it asks by R-Data (§11.16.3).
  sendStatus(response, connection, retransmission.output.inner, { fromDataSN: dataSNOf(pdu) + 1, statSN: response.statSN, snackTag: 0 });
}

/** Data/R2T SNACK: Data-In of a command that was answered, or R2Ts of one that is not. */
function resendDataOrR2T(connection: Connection, retransmission: Retransmission, pdu: SnackPdu): RejectReason | null {
  const task = connection.tasks.get(pdu.initiatorTaskTag);
  if (task !== undefined) return resendR2Ts(task, connection, pdu.begRun, pdu.runLength) ? null : RejectReason.protocolError;
  const response = retransmission.findCommand(pdu.initiatorTaskTag);
  if (response === undefined) return retransmission.hasGivenUp ? RejectReason.snackReject : RejectReason.protocolError;
  if (response.isDataGivenUp) return RejectReason.snackReject;
  const { dataIn, firstDataSN } = response;
  const last = dataIn.at(-1);
  if (last === undefined) return RejectReason.protocolError;
  const end = dataSNOf(last) + 1;
  const from = pdu.begRun === 0 && pdu.runLength === 0 ? firstDataSN : pdu.begRun;
  const until = pdu.runLength === 0 ? end : pdu.begRun + pdu.runLength;
  if (from < firstDataSN || until > end || from >= until) return RejectReason.protocolError;
  const run = dataInRun(response, from, until);
  // RFC 7143 §11.16.3: whoever takes less in one segment than before has to ask by R-Data.
  if (run.some(({ data }) => data.length > connection.parameters.maxRecvDataSegmentLength)) return RejectReason.protocolError;
  for (const each of run) retransmission.resend(each);
  return null;
}

/** R-Data SNACK: all data that is not acknowledged, cut anew, and a response under the same StatSN that bears its tag. RFC 7143 §11.16.3. */
function resendResegmented(connection: Connection, retransmission: Retransmission, pdu: SnackPdu): RejectReason | null {
  const snackTag = pdu.targetTransferTag;
  if (pdu.begRun !== 0 || pdu.runLength !== 0 || snackTag === 0 || snackTag === RESERVED_TAG) return RejectReason.protocolError;
  const response = retransmission.findCommand(pdu.initiatorTaskTag);
  if (response === undefined) return retransmission.hasGivenUp ? RejectReason.snackReject : RejectReason.protocolError;
  if (response.isDataGivenUp) return RejectReason.snackReject;
  if (response.dataIn.length === 0) return RejectReason.protocolError;
  retransmission.take(response);
  replay(response, connection, { fromDataSN: response.firstDataSN, statSN: response.statSN, snackTag });
  return null;
}
