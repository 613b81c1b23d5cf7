import type { DataOutPdu } from '../pdu/index.js';
import { RESERVED_TAG } from '../pdu/index.js';

/** An R2T that the initiator is answering. */
export interface OutstandingR2T {
  targetTransferTag: number;
  /** Bytes of the command's Data-Out buffer still to come: `[nextOffset, endOffset)`. */
  nextOffset: number;
  endOffset: number;
  nextDataSN: number;
}

/** What the rules of RFC 7143 §11.7 and §4.2.5.2 say of a Data-Out PDU. */
export const DataOutVerdict = {
  accepted: 0,
  /** No R2T or unsolicited sequence is open that this PDU could belong to. */
  unexpected: 1,
  wrongDataSN: 2,
  wrongOffset: 3,
  /** Beyond the burst, the first burst or the expected length. */
  tooLong: 4,
  /** F set before the burst was complete, or not set at its end. */
  wrongFinal: 5,
} as const;
export type DataOutVerdict = (typeof DataOutVerdict)[keyof typeof DataOutVerdict];

/**
 * The Data-Out side of one task: which bytes have come, by immediate data, an unsolicited sequence and R2Ts, in
 * order (DataPDUInOrder=Yes, DataSequenceInOrder=Yes).
 */
export class DataOutTransfer {
  /** The initiator's expected length; nothing may arrive beyond it. */
  expectedLength = 0;
  /** What the command needs of it; what arrives beyond is dropped. Known once the CDB was looked at. */
  wantedLength = 0;
  /** All bytes before this one have arrived. */
  receivedLength = 0;
  /** An unsolicited sequence is under way (F was not set on the command). */
  unsolicitedOpen = false;
  /** The rules were broken: nothing lands any more, and open sequences are only waited for to end. */
  poisoned = false;
  #unsolicitedLimit = 0;
  #unsolicitedDataSN = 0;
  #nextR2TOffset = 0;
  #r2tSN = 0;
  readonly outstanding: OutstandingR2T[] = [];

  /** Starts anew with the command's own PDU. */
  begin(expectedLength: number, immediateLength: number, unsolicitedOpen: boolean, firstBurstLength: number): void {
    this.expectedLength = expectedLength;
    this.wantedLength = expectedLength;
    this.receivedLength = immediateLength;
    this.unsolicitedOpen = unsolicitedOpen;
    this.#unsolicitedLimit = Math.min(expectedLength, firstBurstLength);
    this.poisoned = false;
    this.#unsolicitedDataSN = 0;
    this.#nextR2TOffset = 0;
    this.#r2tSN = 0;
    // Setting the length of an empty array is not free, and most commands have no R2T.
    if (this.outstanding.length > 0) this.outstanding.length = 0;
  }

  /** Everything the command needs has arrived. */
  get isComplete(): boolean {
    return !this.unsolicitedOpen && this.outstanding.length === 0 && this.receivedLength >= this.wantedLength;
  }

  /** True while the initiator owes us data on this connection. */
  get isExpecting(): boolean {
    return this.unsolicitedOpen || this.outstanding.length > 0;
  }

  /** Checks the header of a Data-Out PDU. Accepted ones are to be followed by `accept` once the data has landed. */
  check(pdu: DataOutPdu, lengthBytes: number): DataOutVerdict {
    if (pdu.targetTransferTag === RESERVED_TAG) {
      if (!this.unsolicitedOpen) return DataOutVerdict.unexpected;
      return checkSequence(pdu, lengthBytes, this.#unsolicitedDataSN, this.receivedLength, this.#unsolicitedLimit, false);
    }
    const r2t = this.#find(pdu.targetTransferTag);
    if (r2t === undefined) return DataOutVerdict.unexpected;
    return checkSequence(pdu, lengthBytes, r2t.nextDataSN, r2t.nextOffset, r2t.endOffset, true);
  }

  /** Counts a checked Data-Out PDU whose data has landed. */
  accept(pdu: DataOutPdu, lengthBytes: number): void {
    if (pdu.targetTransferTag === RESERVED_TAG) {
      this.#unsolicitedDataSN++;
      this.receivedLength += lengthBytes;
      if (pdu.final) this.unsolicitedOpen = false;
      return;
    }
    const r2t = this.#find(pdu.targetTransferTag);
    if (r2t === undefined) return;
    r2t.nextDataSN++;
    r2t.nextOffset += lengthBytes;
    this.receivedLength += lengthBytes;
    if (pdu.final) this.outstanding.splice(this.outstanding.indexOf(r2t), 1);
  }

  /** Ends the sequence that a PDU of a poisoned transfer belongs to, when it is the last of it. */
  skip(pdu: DataOutPdu): void {
    if (!pdu.final) return;
    if (pdu.targetTransferTag === RESERVED_TAG) {
      this.unsolicitedOpen = false;
      return;
    }
    const r2t = this.#find(pdu.targetTransferTag);
    if (r2t !== undefined) this.outstanding.splice(this.outstanding.indexOf(r2t), 1);
  }

  /** The next piece to ask for, or null: all is asked for, or `maxOutstandingR2T` are open. */
  nextR2T(targetTransferTag: () => number, maxBurstLength: number, maxOutstandingR2T: number): { r2t: OutstandingR2T; r2tSN: number } | null {
    if (this.outstanding.length >= maxOutstandingR2T) return null;
    const offset = Math.max(this.#nextR2TOffset, this.receivedLength);
    if (offset >= this.wantedLength) return null;
    const end = Math.min(offset + maxBurstLength, this.wantedLength);
    const r2t: OutstandingR2T = { targetTransferTag: targetTransferTag(), nextOffset: offset, endOffset: end, nextDataSN: 0 };
    this.#nextR2TOffset = end;
    this.outstanding.push(r2t);
    return { r2t, r2tSN: this.#r2tSN++ };
  }

  #find(targetTransferTag: number): OutstandingR2T | undefined {
    for (const r2t of this.outstanding) if (r2t.targetTransferTag === targetTransferTag) return r2t;
    return undefined;
  }
}

function checkSequence(pdu: DataOutPdu, lengthBytes: number, dataSN: number, offset: number, end: number, finalOnlyAtEnd: boolean): DataOutVerdict {
  if (pdu.dataSN !== dataSN) return DataOutVerdict.wrongDataSN;
  if (pdu.bufferOffset !== offset) return DataOutVerdict.wrongOffset;
  if (offset + lengthBytes > end) return DataOutVerdict.tooLong;
  const atEnd = offset + lengthBytes === end;
  if (atEnd && !pdu.final) return DataOutVerdict.wrongFinal;
  if (!atEnd && pdu.final && finalOnlyAtEnd) return DataOutVerdict.wrongFinal;
  return DataOutVerdict.accepted;
}
