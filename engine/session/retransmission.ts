import { ACKNOWLEDGE_BIT, BHS_LENGTH, DATA_IN, Opcode, RESERVED_TAG, readOpcode, STATUS_BIT } from '../pdu/index.js';
import type { PduOutput } from '../task/pdu-output.js';
import { serialDifference } from './command-window.js';
import type { Connection } from './connection.js';
import { nowhere, RetainingOutput } from './retaining-output.js';

/** StatSN, ExpCmdSN and MaxCmdSN stand at the same place in all PDUs that are kept. */
const INITIATOR_TASK_TAG_AT = 16;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
/** What a kept PDU weighs besides its data: the header and the objects around it. */
const PDU_OVERHEAD_BYTES = 256;

const noData = new Uint8Array(0);

/** One PDU as it was sent. */
export interface RetainedPdu {
  readonly header: Uint8Array;
  readonly view: DataView;
  readonly data: Uint8Array;
}

/** Everything that was sent under one StatSN: the PDU that carries it, and the Data-In of the command before it. */
export interface RetainedResponse {
  readonly statSN: number;
  /** Of the command; `RESERVED_TAG` for what answers none. */
  readonly initiatorTaskTag: number;
  /** A SCSI Response, the last Data-In with the status in it, or another numbered PDU. */
  pdu: RetainedPdu;
  /** Data-In in the order of DataSN, from the first that was not acknowledged. */
  dataIn: RetainedPdu[];
  /** All Data-In before this one was acknowledged by DataACK. */
  firstDataSN: number;
  /** There was no room to keep the data: it cannot be sent again. */
  isDataGivenUp: boolean;
  weightBytes: number;
}

export function dataSNOf(pdu: RetainedPdu): number {
  return pdu.view.getUint32(DATA_IN.dataSN);
}

/** The kept Data-In of a response from one DataSN to before another. */
export function dataInRun({ dataIn }: RetainedResponse, fromDataSN: number, untilDataSN: number): RetainedPdu[] {
  return dataIn.slice(indexOfDataSN(dataIn, fromDataSN), indexOfDataSN(dataIn, untilDataSN));
}

/** The index of the first that has this DataSN or a later one. */
function indexOfDataSN(dataIn: readonly RetainedPdu[], dataSN: number): number {
  let low = 0;
  let high = dataIn.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (dataSNOf(dataIn[middle] as RetainedPdu) < dataSN) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What one connection of ErrorRecoveryLevel 1 or 2 has sent and the initiator has not acknowledged: by ExpStatSN, or for data
 * by DataACK. RFC 7143 §4.2.2.2, §7.2.2. Data is kept as a copy, so that neither arena nor block ranges wait for an
 * acknowledgement. What exceeds its bounds is given up, oldest first, and a SNACK for it is rejected.
 */
export class Retransmission {
  readonly output: RetainingOutput;
  readonly #connection: Connection;
  /** In the order of their StatSN. */
  #responses: RetainedResponse[] = [];
  /** All StatSNs before this one are acknowledged. */
  #ackedStatSN: number;
  /** Of the latest answer that was given up for want of room, or its data; null while there was none. */
  #givenUpStatSN: number | null = null;
  readonly #byTag = new Map<number, RetainedResponse>();
  /** By the Target Transfer Tag of a Data-In with the A bit. */
  readonly #byAckTag = new Map<number, RetainedResponse>();
  #weightBytes = 0;
  // The command whose Data-In is being written.
  #pendingTag = RESERVED_TAG;
  #pending: RetainedPdu[] = [];
  #pendingGivenUp = false;

  constructor(connection: Connection, output: PduOutput) {
    this.#connection = connection;
    this.output = new RetainingOutput(output, this);
    this.#ackedStatSN = connection.statSN;
  }

  /** Nothing has been sent that was not acknowledged. */
  get isEmpty(): boolean {
    return this.#responses.length === 0;
  }

  get responseCount(): number {
    return this.#responses.length;
  }

  /** What is kept, with what goes around it; bytes. */
  get weightBytes(): number {
    return this.#weightBytes;
  }

  /** An answer or its data was given up that is not acknowledged: who asks for it, or acknowledges the data, has made no mistake. */
  get hasGivenUp(): boolean {
    return this.#givenUpStatSN !== null && serialDifference(this.#givenUpStatSN, this.#ackedStatSN) >= 0;
  }

  /** The first StatSN that is not acknowledged. */
  get ackedStatSN(): number {
    return this.#ackedStatSN;
  }

  /** Keeps a PDU that is about to be sent. */
  keep(view: DataView, at: number, bytes: Uint8Array, dataAt: number, lengthBytes: number): void {
    const opcode = readOpcode(view, at);
    const tag = view.getUint32(at + INITIATOR_TASK_TAG_AT);
    // R2Ts are kept by their tasks, and a ping of ours has no StatSN of its own.
    if (opcode === Opcode.readyToTransfer || (opcode === Opcode.nopIn && tag === RESERVED_TAG)) return;
    if (opcode === Opcode.dataIn) this.#keepDataIn(view, at, tag, bytes, dataAt, lengthBytes);
    else this.#keepResponse(copyPdu(view, at, copyOf(bytes, dataAt, lengthBytes)), opcode === Opcode.scsiResponse ? tag : RESERVED_TAG);
  }

  /** ExpStatSN of a PDU that came in: what is before it needs not be kept. One that was never sent acknowledges nothing. */
  acknowledge(expStatSN: number): void {
    if (serialDifference(expStatSN, this.#ackedStatSN) <= 0 || serialDifference(expStatSN, this.#connection.statSN) > 0) return;
    this.#ackedStatSN = expStatSN;
    let count = 0;
    for (const response of this.#responses) {
      if (serialDifference(response.statSN, expStatSN) >= 0) break;
      this.#forget(response);
      count++;
    }
    if (count > 0) this.#responses.splice(0, count);
  }

  /** What was sent under this StatSN; undefined when it is acknowledged, not sent yet, or given up. */
  findResponse(statSN: number): RetainedResponse | undefined {
    const first = this.#responses[0];
    if (first === undefined) return undefined;
    const response = this.#responses[serialDifference(statSN, first.statSN)];
    return response?.statSN === statSN ? response : undefined;
  }

  /** The answer to the command of this tag that was not acknowledged. */
  findCommand(initiatorTaskTag: number): RetainedResponse | undefined {
    return this.#byTag.get(initiatorTaskTag);
  }

  /** The tag names another command now: what was sent for the last one is known by its StatSN alone. */
  forgetTag(initiatorTaskTag: number): void {
    this.#byTag.delete(initiatorTaskTag);
  }

  /**
   * DataACK: Data-In before `dataSN` of the command that asked with this tag has arrived. False when it is not one that was
   * sent, or not news.
   */
  acknowledgeData(targetTransferTag: number, dataSN: number): boolean {
    const response = this.#byAckTag.get(targetTransferTag);
    if (response === undefined || dataSN <= response.firstDataSN) return false;
    const { dataIn } = response;
    const last = dataIn.at(-1);
    if (response.isDataGivenUp || last === undefined) {
      this.#byAckTag.delete(targetTransferTag);
      response.firstDataSN = dataSN;
      return true;
    }
    if (dataSN > dataSNOf(last) + 1) return false;
    for (const pdu of dataIn.splice(0, indexOfDataSN(dataIn, dataSN))) {
      this.#weigh(response, -weightOf(pdu));
      this.#byAckTag.delete(pdu.view.getUint32(DATA_IN.targetTransferTag));
    }
    response.firstDataSN = dataSN;
    return true;
  }

  /** Sends a kept PDU once more, as it was but for the current numbers of the window. RFC 7143 §11.16. */
  resend({ header, data }: RetainedPdu): void {
    const { inner } = this.output;
    const { expCmdSN, maxCmdSN } = this.#connection;
    const at = inner.begin();
    const { view } = inner;
    for (let i = 0; i < BHS_LENGTH; i++) view.setUint8(at + i, header[i] as number);
    view.setUint32(at + EXP_CMD_SN_AT, expCmdSN);
    view.setUint32(at + MAX_CMD_SN_AT, maxCmdSN);
    // The copy is not changed any more, so it may wait in the send queue as it is.
    inner.endWithView(data, 0, data.length);
  }

  /** Takes the answer to a command out, for another connection or to be sent anew in other pieces. */
  take(response: RetainedResponse): void {
    this.#forget(response);
    const at = this.#responses.indexOf(response);
    if (at !== -1) this.#responses.splice(at, 1);
  }

  /** The connection is lost: answers to commands are kept for another one, those to come too; all others have come to nothing. */
  disconnect(): void {
    this.output.inner = nowhere;
    const responses = this.#responses;
    this.#responses = responses.filter((response) => this.#isAsked(response));
    for (const response of responses) if (!this.#isAsked(response)) this.#forget(response);
  }

  #isAsked(response: RetainedResponse): boolean {
    return this.#byTag.get(response.initiatorTaskTag) === response;
  }

  forgetAll(): void {
    for (const response of this.#responses) this.#forget(response);
    this.#responses = [];
    this.#forgetPending();
  }

  #keepDataIn(view: DataView, at: number, tag: number, bytes: Uint8Array, dataAt: number, lengthBytes: number): void {
    if (tag !== this.#pendingTag) {
      this.#forgetPending();
      this.#pendingTag = tag;
    }
    const hasStatus = (view.getUint8(at + DATA_IN.flags) & STATUS_BIT) !== 0;
    const fits = !this.#pendingGivenUp && this.#makeRoom(lengthBytes + PDU_OVERHEAD_BYTES);
    if (!fits) this.#giveUpPending();
    const pdu = copyPdu(view, at, fits ? copyOf(bytes, dataAt, lengthBytes) : noData);
    if (fits) {
      this.#pending.push(pdu);
      this.#addWeight(weightOf(pdu));
    }
    if (hasStatus) this.#keepResponse(pdu, tag);
  }

  /** A response concludes the Data-In of its command. One with a StatSN that is kept already takes its place. */
  #keepResponse(pdu: RetainedPdu, initiatorTaskTag: number): void {
    const isOfPending = initiatorTaskTag !== RESERVED_TAG && initiatorTaskTag === this.#pendingTag;
    const dataIn = isOfPending ? this.#pending : [];
    const isDataGivenUp = isOfPending && this.#pendingGivenUp;
    const ownWeight = dataIn.at(-1) === pdu ? 0 : weightOf(pdu);
    let weightBytes = ownWeight;
    for (const each of dataIn) weightBytes += weightOf(each);
    this.#addWeight(ownWeight);
    const first = dataIn[0];
    const firstDataSN = first === undefined ? 0 : dataSNOf(first);
    const statSN = pdu.view.getUint32(STAT_SN_AT);
    if (isDataGivenUp) this.#noteGivenUp(statSN);
    const response: RetainedResponse = { statSN, initiatorTaskTag, pdu, dataIn, firstDataSN, isDataGivenUp, weightBytes };
    this.#pending = [];
    this.#pendingTag = RESERVED_TAG;
    this.#pendingGivenUp = false;
    this.#insert(response);
  }

  #insert(response: RetainedResponse): void {
    if (response.initiatorTaskTag !== RESERVED_TAG) this.#byTag.set(response.initiatorTaskTag, response);
    for (const { view } of response.dataIn) {
      if ((view.getUint8(DATA_IN.flags) & ACKNOWLEDGE_BIT) !== 0) this.#byAckTag.set(view.getUint32(DATA_IN.targetTransferTag), response);
    }
    const responses = this.#responses;
    const last = responses.at(-1);
    if (last === undefined || serialDifference(response.statSN, last.statSN) > 0) responses.push(response);
    else {
      const at = responses.findIndex(({ statSN }) => serialDifference(statSN, response.statSN) >= 0);
      responses.splice(at, 0, response);
    }
    if (responses.length <= this.#connection.context.limits.retainedResponseCountMax) return;
    const oldest = responses.shift();
    if (oldest === undefined) return;
    this.#noteGivenUp(oldest.statSN);
    this.#forget(oldest);
  }

  /** Gives up the oldest data until `lengthBytes` more may be kept; false when there is nothing left to give up. */
  #makeRoom(lengthBytes: number): boolean {
    const { limits, admission } = this.#connection.context;
    // A few that keep all they may must not leave the others nothing: each is sure of its part.
    const ownBytesMin = limits.retainedBytesTotalMax / limits.connectionCountMax;
    const isTooMuch = () => {
      const bytes = this.#weightBytes + lengthBytes;
      return bytes > limits.retainedBytesMax || (bytes > ownBytesMin && admission.retainedBytes + lengthBytes > limits.retainedBytesTotalMax);
    };
    if (!isTooMuch()) return true;
    for (const response of this.#responses) {
      if (response.dataIn.length === 0) continue;
      this.#giveUpData(response);
      if (!isTooMuch()) return true;
    }
    return false;
  }

  #giveUpData(response: RetainedResponse): void {
    for (const pdu of response.dataIn) {
      this.#weigh(response, -weightOf(pdu));
      this.#byAckTag.delete(pdu.view.getUint32(DATA_IN.targetTransferTag));
    }
    // The status stays, without the data it went with.
    if (response.dataIn.includes(response.pdu)) response.pdu = { ...response.pdu, data: noData };
    response.dataIn = [];
    response.isDataGivenUp = true;
    this.#noteGivenUp(response.statSN);
  }

  #noteGivenUp(statSN: number): void {
    if (this.#givenUpStatSN === null || serialDifference(statSN, this.#givenUpStatSN) > 0) this.#givenUpStatSN = statSN;
  }

  #giveUpPending(): void {
    this.#pendingGivenUp = true;
    for (const pdu of this.#pending) this.#addWeight(-weightOf(pdu));
    this.#pending = [];
  }

  #forgetPending(): void {
    this.#giveUpPending();
    this.#pendingGivenUp = false;
    this.#pendingTag = RESERVED_TAG;
  }

  /** Gives back what a response holds; the list is the caller's. */
  #forget(response: RetainedResponse): void {
    this.#weigh(response, -response.weightBytes);
    if (this.#byTag.get(response.initiatorTaskTag) === response) this.#byTag.delete(response.initiatorTaskTag);
    if (this.#byAckTag.size === 0) return;
    for (const { view } of response.dataIn) this.#byAckTag.delete(view.getUint32(DATA_IN.targetTransferTag));
  }

  #weigh(response: RetainedResponse, bytes: number): void {
    response.weightBytes += bytes;
    this.#addWeight(bytes);
  }

  #addWeight(bytes: number): void {
    this.#weightBytes += bytes;
    this.#connection.context.admission.retainedBytes += bytes;
  }
}

function weightOf({ data }: RetainedPdu): number {
  return data.length + PDU_OVERHEAD_BYTES;
}

/** A Buffer's `slice` would not copy. */
function copyOf(bytes: Uint8Array, at: number, lengthBytes: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, at + lengthBytes));
}

function copyPdu(source: DataView, at: number, data: Uint8Array): RetainedPdu {
  const header = new Uint8Array(BHS_LENGTH);
  for (let i = 0; i < BHS_LENGTH; i++) header[i] = source.getUint8(at + i);
  return { header, view: new DataView(header.buffer), data };
}
