import {
  type DataInPdu,
  decodeDataIn,
  decodeScsiResponse,
  emptyDataIn,
  emptyScsiResponse,
  encodeDataIn,
  encodeScsiResponse,
  Opcode,
  readOpcode,
  type ScsiResponsePdu,
  ServiceResponse,
} from '../pdu/index.js';
import type { PduOutput } from '../task/pdu-output.js';
import type { Connection } from './connection.js';
import { dataInRun, dataSNOf, type RetainedPdu, type RetainedResponse } from './retransmission.js';

const noSense = new Uint8Array(0);

export interface ReplayNumbers {
  /** Data before this DataSN has arrived. */
  readonly fromDataSN: number;
  readonly statSN: number;
  /** What an R-Data SNACK wants to see in the response; 0 without. RFC 7143 §11.4.6. */
  readonly snackTag: number;
}

/**
 * Answers a command once more: Data-In cut anew as the connection takes it now, and the status in a SCSI Response of its own.
 * For an R-Data SNACK, and for a command that another connection has taken over. RFC 7143 §11.16, §7.2.2.
 */
export function replay(response: RetainedResponse, connection: Connection, numbers: ReplayNumbers): void {
  const nextDataSN = sendData(response, connection, numbers.fromDataSN);
  sendStatus(response, connection, connection.output, { ...numbers, fromDataSN: nextDataSN });
}

/** The status of a command as a SCSI Response; `fromDataSN` is the DataSN after its last Data-In. */
export function sendStatus(response: RetainedResponse, connection: Connection, output: PduOutput, numbers: ReplayNumbers): void {
  const { expCmdSN, maxCmdSN } = connection;
  const { statSN, snackTag, fromDataSN } = numbers;
  const pdu = { ...statusOf(response), statSN, snackTag, expDataSN: fromDataSN, expCmdSN, maxCmdSN };
  const sense = readOpcode(response.pdu.view, 0) === Opcode.scsiResponse ? response.pdu.data : noSense;
  const at = output.begin();
  encodeScsiResponse(pdu, sense.length, output.view, at);
  output.endWithCopy(sense, 0, sense.length);
}

function statusOf({ pdu: { view } }: RetainedResponse): ScsiResponsePdu {
  if (readOpcode(view, 0) === Opcode.scsiResponse) return decodeScsiResponse(view, 0);
  const { status, residualFlags, residualCount, initiatorTaskTag } = decodeDataIn(view, 0);
  return { ...emptyScsiResponse(), response: ServiceResponse.commandCompleted, status, residualFlags, residualCount, initiatorTaskTag };
}

/** Answers the DataSN after the last one. */
function sendData(response: RetainedResponse, connection: Connection, fromDataSN: number): number {
  const pdus = dataInRun(response, fromDataSN, Number.POSITIVE_INFINITY);
  const [first] = pdus;
  if (first === undefined) return fromDataSN;
  const data = joinData(pdus);
  const { maxRecvDataSegmentLength, maxBurstLength } = connection.parameters;
  const { expCmdSN, maxCmdSN, output } = connection;
  const pdu: DataInPdu = { ...emptyDataIn(), initiatorTaskTag: response.initiatorTaskTag, expCmdSN, maxCmdSN, dataSN: dataSNOf(first) };
  const startOffset = decodeDataIn(first.view, 0).bufferOffset;
  let burstLeft = maxBurstLength;
  for (let offset = 0; offset < data.length; ) {
    const length = Math.min(data.length - offset, maxRecvDataSegmentLength, burstLeft);
    burstLeft -= length;
    pdu.final = burstLeft === 0 || offset + length === data.length;
    if (burstLeft === 0) burstLeft = maxBurstLength;
    pdu.bufferOffset = startOffset + offset;
    const at = output.begin();
    encodeDataIn(pdu, length, output.view, at);
    output.endWithView(data, offset, length);
    offset += length;
    pdu.dataSN++;
  }
  return pdu.dataSN;
}

function joinData(pdus: readonly RetainedPdu[]): Uint8Array {
  let lengthBytes = 0;
  for (const { data } of pdus) lengthBytes += data.length;
  const joined = new Uint8Array(lengthBytes);
  let at = 0;
  for (const { data } of pdus) {
    joined.set(data, at);
    at += data.length;
  }
  return joined;
}
