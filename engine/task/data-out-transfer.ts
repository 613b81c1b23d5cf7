import type { DataOutPdu } from '../pdu/index.js';
import { RESERVED_TAG } from '../pdu/index.js';
import { ByteCoverage } from './byte-coverage.js';

/** An R2T that the initiator is answering. */
export interface OutstandingR2T {
  targetTransferTag: number;
  /** What was asked for, as bytes of the command's Data-Out buffer: `[startOffset, endOffset)`. */
  startOffset: number;
  /** `endOffset - nextOffset` bytes are still to come: those from here on when PDUs come in order. */
  nextOffset: number;
  endOffset: number;
  nextDataSN: number;
  r2tSN: number;
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
  /** Out of order with more gaps than are kept count of. */
  tooScattered: 6,
} as const;
export type DataOutVerdict = (typeof DataOutVerdict)[keyof typeof DataOutVerdict];

/**
 * The Data-Out side of one task: which bytes have come, by immediate data, an unsolicited sequence and R2Ts. No byte is
 * taken twice. R2Ts may be answered in any order, whatever DataSequenceInOrder says; the PDUs of one sequence come in the
 * order of their offsets, or in any with DataPDUInOrder=No. RFC 7143 §13.18, §13.19.
 */
export class DataOutTransfer {
  /** The initiator's expected length; nothing may arrive beyond it. */
  expectedLength = 0;
  /** What the command needs of it; what arrives beyond is dropped. Known once the CDB was looked at. */
  wantedLength = 0;
  /** How many bytes have arrived; without an open R2T, and with PDUs in order, the first ones. */
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
  /** What has come, where PDUs may come in any order; null where they may not. */
  #coverage: ByteCoverage | null = null;
  /** Where unsolicited Data-Out PDUs begin; kept for PDUs in any order only. */
  #unsolicitedStart = 0;
  /** Sequences of which something was lost: what still comes of them is dropped. Null while there was none. */
  #givenUp: Set<number> | null = null;
  /** What they lacked and is to be asked for again, start and end in turn. */
  #lacking: number[] = [];
  /** How often sequences were given up. */
  givenUpCount = 0;

  /**
   * Starts anew with the command's own PDU. `pieceCountMax` is 0 for DataPDUInOrder=Yes, else the number of pieces with
   * gaps between them that Data-Out may lie in.
   */
  begin(expectedLength: number, immediateLength: number, unsolicitedOpen: boolean, firstBurstLength: number, pieceCountMax = 0): void {
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
    if (this.#givenUp !== null) this.#forgetGivenUp();
    if (pieceCountMax > 0) this.#beginAnyOrder(immediateLength, pieceCountMax);
    else if (this.#coverage !== null) this.#coverage = null;
  }

  #beginAnyOrder(immediateLength: number, pieceCountMax: number): void {
    this.#unsolicitedStart = immediateLength;
    this.#coverage ??= new ByteCoverage();
    this.#coverage.begin(pieceCountMax);
    this.#coverage.add(0, immediateLength);
  }

  #forgetGivenUp(): void {
    this.#givenUp = null;
    this.#lacking = [];
    this.givenUpCount = 0;
  }

  /** R2Ts sent so far, which is also the R2TSN of the next. */
  get r2tCount(): number {
    return this.#r2tSN;
  }

  /** Everything the command needs has arrived. */
  get isComplete(): boolean {
    return !this.unsolicitedOpen && this.outstanding.length === 0 && this.receivedLength >= this.wantedLength && !this.isLacking;
  }

  /** Something that was lost is to be asked for again; of what nobody wants it may be lost. */
  get isLacking(): boolean {
    const lacking = this.#lacking;
    while (lacking.length > 0 && (lacking[0] as number) >= this.wantedLength) lacking.splice(0, 2);
    return lacking.length > 0;
  }

  /** True while the initiator owes us data on this connection. */
  get isExpecting(): boolean {
    return this.unsolicitedOpen || this.outstanding.length > 0;
  }

  /** Checks the header of a Data-Out PDU. Accepted ones are to be followed by `accept` once the data has landed. */
  check(pdu: DataOutPdu, lengthBytes: number): DataOutVerdict {
    if (pdu.targetTransferTag === RESERVED_TAG) {
      if (!this.unsolicitedOpen) return DataOutVerdict.unexpected;
      if (this.#coverage !== null) return this.#checkAnyOrder(this.#coverage, pdu, lengthBytes, null);
      return checkSequence(pdu, lengthBytes, this.#unsolicitedDataSN, this.receivedLength, this.#unsolicitedLimit);
    }
    const r2t = this.#find(pdu.targetTransferTag);
    if (r2t === undefined) return DataOutVerdict.unexpected;
    if (this.#coverage !== null) return this.#checkAnyOrder(this.#coverage, pdu, lengthBytes, r2t);
    return checkSequence(pdu, lengthBytes, r2t.nextDataSN, r2t.nextOffset, r2t.endOffset);
  }

  /** Counts a checked Data-Out PDU whose data has landed. */
  accept(pdu: DataOutPdu, lengthBytes: number): void {
    if (this.#coverage !== null) this.#coverage.add(pdu.bufferOffset, pdu.bufferOffset + lengthBytes);
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

  /**
   * DataPDUInOrder=No: DataSN still counts the PDUs of a sequence as they were sent, but each may bring any bytes of it that
   * have not come; F stands on the one that makes it whole. `r2t` is null for unsolicited data. RFC 7143 §13.18.
   */
  #checkAnyOrder(coverage: ByteCoverage, pdu: DataOutPdu, lengthBytes: number, r2t: OutstandingR2T | null): DataOutVerdict {
    const from = pdu.bufferOffset;
    const to = from + lengthBytes;
    const sequenceEnd = r2t?.endOffset ?? this.#unsolicitedLimit;
    const missing = sequenceEnd - (r2t?.nextOffset ?? this.receivedLength);
    if (pdu.dataSN !== (r2t?.nextDataSN ?? this.#unsolicitedDataSN)) return DataOutVerdict.wrongDataSN;
    if (from < (r2t?.startOffset ?? this.#unsolicitedStart) || coverage.overlaps(from, to)) return DataOutVerdict.wrongOffset;
    if (to > sequenceEnd) return DataOutVerdict.tooLong;
    if (pdu.final !== (lengthBytes === missing)) return DataOutVerdict.wrongFinal;
    return coverage.hasRoomFor(from, to) ? DataOutVerdict.accepted : DataOutVerdict.tooScattered;
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
  nextR2T(targetTransferTag: () => number, maxBurstLength: number, maxOutstandingR2T: number): OutstandingR2T | null {
    if (this.outstanding.length >= maxOutstandingR2T) return null;
    const [from, to] = this.isLacking ? this.#takeLacking(maxBurstLength) : this.#takeNext(maxBurstLength);
    if (from >= to) return null;
    const tag = targetTransferTag();
    const r2t: OutstandingR2T = { targetTransferTag: tag, startOffset: from, nextOffset: from, endOffset: to, nextDataSN: 0, r2tSN: this.#r2tSN++ };
    this.outstanding.push(r2t);
    return r2t;
  }

  #takeNext(maxBurstLength: number): [from: number, to: number] {
    const from = Math.max(this.#nextR2TOffset, this.receivedLength);
    const to = Math.min(from + maxBurstLength, this.wantedLength);
    if (from < to) this.#nextR2TOffset = to;
    return [from, to];
  }

  /** A recovery R2T bears the next R2TSN and asks for what an earlier one did not bring. RFC 7143 §2.2 "Recovery R2T". */
  #takeLacking(maxBurstLength: number): [from: number, to: number] {
    const [from = 0, end = 0] = this.#lacking;
    const to = Math.min(from + maxBurstLength, end, this.wantedLength);
    if (to < end && to < this.wantedLength) this.#lacking[0] = to;
    else this.#lacking.splice(0, 2);
    return [from, to];
  }

  /** What was lost of an open sequence cannot come any more: all that it lacks is to be asked for again. RFC 7143 §7.8, §7.9. */
  giveUp(targetTransferTag: number): void {
    this.#givenUp ??= new Set();
    this.#givenUp.add(targetTransferTag);
    this.givenUpCount++;
    const coverage = this.#coverage;
    if (targetTransferTag === RESERVED_TAG) {
      this.unsolicitedOpen = false;
      if (coverage === null) return;
      const end = Math.min(coverage.end, this.expectedLength);
      this.#lacking.push(...coverage.missingWithin(0, end));
      this.#nextR2TOffset = Math.max(this.#nextR2TOffset, end);
      return;
    }
    const r2t = this.#find(targetTransferTag);
    if (r2t === undefined) return;
    this.outstanding.splice(this.outstanding.indexOf(r2t), 1);
    if (coverage !== null) this.#lacking.push(...coverage.missingWithin(r2t.startOffset, r2t.endOffset));
    else if (r2t.nextOffset < r2t.endOffset) this.#lacking.push(r2t.nextOffset, r2t.endOffset);
  }

  /** Nothing more comes of any open sequence. */
  giveUpAll(): void {
    if (this.unsolicitedOpen) this.giveUp(RESERVED_TAG);
    for (const { targetTransferTag } of this.outstanding.slice()) this.giveUp(targetTransferTag);
  }

  isGivenUp(targetTransferTag: number): boolean {
    return this.#givenUp?.has(targetTransferTag) === true;
  }

  /** The DataSN that the next PDU of an open sequence should bear. */
  nextDataSNOf(targetTransferTag: number): number {
    return targetTransferTag === RESERVED_TAG ? this.#unsolicitedDataSN : (this.#find(targetTransferTag)?.nextDataSN ?? 0);
  }

  #find(targetTransferTag: number): OutstandingR2T | undefined {
    for (const r2t of this.outstanding) if (r2t.targetTransferTag === targetTransferTag) return r2t;
    return undefined;
  }
}

/** An unsolicited sequence has to fill the first burst too, or bring all there is. RFC 7143 §4.2.5.2. */
function checkSequence(pdu: DataOutPdu, lengthBytes: number, dataSN: number, offset: number, end: number): DataOutVerdict {
  if (pdu.dataSN !== dataSN) return DataOutVerdict.wrongDataSN;
  if (pdu.bufferOffset !== offset) return DataOutVerdict.wrongOffset;
  if (offset + lengthBytes > end) return DataOutVerdict.tooLong;
  return pdu.final === (offset + lengthBytes === end) ? DataOutVerdict.accepted : DataOutVerdict.wrongFinal;
}
