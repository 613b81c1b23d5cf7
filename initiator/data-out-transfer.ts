import { BHS_LENGTH, type DataOutPdu, emptyDataOut, encodeDataOut, RESERVED_TAG, type ReadyToTransferPdu, ResidualFlag } from '../engine/pdu/index.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import { ByteCoverage } from './byte-coverage.js';
import type { ConformanceChecks } from './checks.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import type { Wire } from './wire.js';

const scratch: DataOutPdu = emptyDataOut();

/** Whose Data-Out is sent: what every PDU of a sequence carries. */
export interface DataOutTags {
  readonly lunHigh: number;
  readonly initiatorTaskTag: number;
  /** `RESERVED_TAG` for unsolicited data. */
  readonly targetTransferTag: number;
  readonly expStatSN: number;
}

/**
 * Sends bytes `[from, to)` of a command's Data-Out, which begins at `dataAt` of `data`, as one sequence of PDUs: DataSN from 0,
 * none longer than `segmentLengthMax`, the F bit on the last. RFC 7143 §11.7.
 */
export function sendDataOutSequence(wire: Wire, tags: DataOutTags, data: Uint8Array, from: number, to: number, segmentLengthMax: number, dataAt = 0): void {
  const pdu = scratch;
  pdu.lunHigh = tags.lunHigh;
  pdu.initiatorTaskTag = tags.initiatorTaskTag;
  pdu.targetTransferTag = tags.targetTransferTag;
  pdu.expStatSN = tags.expStatSN;
  let dataSN = 0;
  for (let offset = from; offset < to; offset += segmentLengthMax) {
    const end = Math.min(offset + segmentLengthMax, to);
    pdu.dataSN = dataSN++;
    pdu.bufferOffset = offset;
    pdu.final = end === to;
    const at = wire.beginPdu(BHS_LENGTH);
    encodeDataOut(pdu, end - offset, wire.view, at);
    wire.endPdu(at, BHS_LENGTH, data, dataAt + offset, dataAt + end);
  }
}

/** How much of a write travels without being asked for. RFC 7143 §4.2.5.2 and §13.10, §13.11, §13.14. */
export interface UnsolicitedPlan {
  /** Bytes in the command PDU itself. */
  readonly immediateBytes: number;
  /** Bytes behind it in Data-Out PDUs; the command's F bit is set when there are none. */
  readonly dataOutBytes: number;
}

/** As much unsolicited data as the negotiated keys let through, or less where the caller asks for less. */
export function planUnsolicited(
  totalBytes: number,
  negotiated: NegotiatedKeys,
  wishes: { readonly immediateDataLength?: number; readonly unsolicitedDataOut?: boolean } = {},
): UnsolicitedPlan {
  const firstBurst = Math.min(totalBytes, negotiated.firstBurstLength);
  const immediateMax = negotiated.immediateData ? Math.min(firstBurst, negotiated.targetMaxRecvDataSegmentLength) : 0;
  const immediateBytes = Math.min(immediateMax, wishes.immediateDataLength ?? immediateMax);
  // Once F is clear, the unsolicited data must add up to FirstBurstLength or to all there is (§11.4.7.2 calls less an error).
  const dataOutBytes = negotiated.initialR2T || wishes.unsolicitedDataOut === false ? 0 : firstBurst - immediateBytes;
  return { immediateBytes, dataOutBytes };
}

/** The Data-Out of one command: which R2Ts are legal, and what has been sent. RFC 7143 §11.8. */
export class DataOutTransfer {
  readonly data: Uint8Array;
  sentBytes = 0;
  r2tCount = 0;
  /** R2Ts that came and whose data is not with the socket yet. */
  outstandingCount = 0;
  readonly #negotiated: NegotiatedKeys;
  readonly #checks: ConformanceChecks;
  readonly #coverage = new ByteCoverage();

  constructor(data: Uint8Array, negotiated: NegotiatedKeys, checks: ConformanceChecks) {
    this.data = data;
    this.#negotiated = negotiated;
    this.#checks = checks;
  }

  noteUnsolicited(plan: UnsolicitedPlan): void {
    this.sentBytes = plan.immediateBytes + plan.dataOutBytes;
    this.#coverage.add(0, this.sentBytes);
  }

  /**
   * Checks an R2T. `expectedSN` is R2TSN as the command counts it (with its Data-In PDUs when it is bidirectional). Where there
   * is recovery, an R2T may ask again for what was lost on its way, in any order.
   */
  takeR2T(pdu: ReadyToTransferPdu, lunHigh: number, expectedSN: number, isRecovering = false): void {
    const checks = this.#checks;
    const { bufferOffset, desiredDataTransferLength } = pdu;
    if (pdu.r2tSN !== expectedSN) checks.violation('r2tSN', `R2TSN is ${pdu.r2tSN}, not ${expectedSN}`);
    if (pdu.targetTransferTag === RESERVED_TAG) checks.violation('targetTransferTag', 'an R2T carries the reserved Target Transfer Tag');
    if (pdu.lunHigh !== lunHigh || pdu.lunLow !== 0) checks.violation('lun', 'an R2T carries another LUN than its command');
    if (desiredDataTransferLength === 0) checks.violation('r2tLength', 'an R2T asks for no bytes');
    if (desiredDataTransferLength > this.#negotiated.maxBurstLength) {
      checks.violation('r2tLength', `an R2T asks for ${desiredDataTransferLength} bytes, above MaxBurstLength ${this.#negotiated.maxBurstLength}`);
    }
    if (bufferOffset + desiredDataTransferLength > this.data.length) {
      checks.violation('r2tOffset', `an R2T asks for ${desiredDataTransferLength} bytes at ${bufferOffset} of ${this.data.length}`);
    }
    this.r2tCount++;
    if (isRecovering) {
      this.#coverage.merge(bufferOffset, bufferOffset + desiredDataTransferLength);
      return;
    }
    const next = this.#coverage.end;
    if (this.#negotiated.dataSequenceInOrder && bufferOffset !== next) checks.violation('r2tOffset', `an R2T asks for offset ${bufferOffset}, not ${next}`);
    if (!this.#coverage.add(bufferOffset, bufferOffset + desiredDataTransferLength)) {
      // Asking twice is recovery, which ErrorRecoveryLevel 0 does not have.
      checks.violation('r2tOffset', `an R2T asks for ${desiredDataTransferLength} bytes at ${bufferOffset} that were sent before`);
    }
    // R2Ts that share one read of the socket were all sent before any answer to the first of them.
    if (++this.outstandingCount > this.#negotiated.maxOutstandingR2T) {
      checks.violation('r2tOutstanding', `${this.outstandingCount} R2Ts are outstanding, MaxOutstandingR2T is ${this.#negotiated.maxOutstandingR2T}`);
    }
  }

  /** Sends what an R2T asked for. */
  answer(wire: Wire, tags: DataOutTags, offset: number, lengthBytes: number): void {
    const end = Math.min(offset + lengthBytes, this.data.length);
    sendDataOutSequence(wire, tags, this.data, offset, end, this.#negotiated.targetMaxRecvDataSegmentLength);
    this.sentBytes += Math.max(0, end - offset);
    this.outstandingCount = Math.max(0, this.outstandingCount - 1);
  }

  /** The command is over: a target that reports success must have taken all that it does not call residual. RFC 7143 §11.4.5. */
  finish(status: number, residualFlags: number, residualCount: number): void {
    const checks = this.#checks;
    const underflow = (residualFlags & ResidualFlag.underflow) !== 0;
    if (underflow && residualCount > this.data.length) checks.violation('residual', `residual ${residualCount} of ${this.data.length} expected bytes`);
    if (status !== ScsiStatus.good) return;
    // More may have been sent than was wanted: unsolicited data asks nobody.
    const due = this.data.length - (underflow ? residualCount : 0);
    if (this.sentBytes < due) checks.violation('residual', `the command succeeded after ${this.sentBytes} bytes of Data-Out where ${due} are due`);
  }
}
