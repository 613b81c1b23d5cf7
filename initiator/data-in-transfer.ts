import { type DataInPdu, ResidualFlag } from '../engine/pdu/index.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import { ByteCoverage } from './byte-coverage.js';
import type { ConformanceChecks } from './checks.js';
import type { NegotiatedKeys } from './key-negotiation.js';

/**
 * The Data-In of one command, checked PDU by PDU before a byte of it is landed. RFC 7143 §11.7.
 */
export class DataInTransfer {
  pduCount = 0;
  readonly expectedBytes: number;
  readonly #negotiated: NegotiatedKeys;
  readonly #checks: ConformanceChecks;
  /** Bytes since the last F bit. */
  #sequenceBytes = 0;
  #sequenceOpen = false;
  readonly #coverage = new ByteCoverage();
  /** From the start; the target has been told that it need not keep them. */
  #acknowledgedBytes = 0;

  constructor(expectedBytes: number, negotiated: NegotiatedKeys, checks: ConformanceChecks) {
    this.expectedBytes = expectedBytes;
    this.#negotiated = negotiated;
    this.#checks = checks;
  }

  /** Checks a Data-In header. `expectedSN` is DataSN as the command counts it (with its R2Ts when it is bidirectional). */
  takeHeader(pdu: DataInPdu, lengthBytes: number, expectedSN: number, bidirectional: boolean): void {
    const checks = this.#checks;
    if (pdu.dataSN !== expectedSN) checks.violation('dataSN', `DataSN is ${pdu.dataSN}, not ${expectedSN}`);
    this.checkBounds(pdu, lengthBytes);
    if (pdu.acknowledge && this.#negotiated.errorRecoveryLevel === 0) {
      checks.violation('dataInAcknowledgeBit', 'the A bit is set at ErrorRecoveryLevel 0');
    }
    if (pdu.statusPresent) this.#checkStatusBit(pdu, bidirectional);
    this.#checkSequence(pdu, lengthBytes);
    this.#place(pdu.bufferOffset, lengthBytes);
    this.pduCount++;
  }

  /** Never tolerable: the bytes would have nowhere to go. Before a byte of them is landed. */
  checkBounds(pdu: DataInPdu, lengthBytes: number): void {
    if (pdu.bufferOffset + lengthBytes <= this.expectedBytes) return;
    this.#checks.fatal('dataInLength', `${lengthBytes} bytes at ${pdu.bufferOffset} exceed the ${this.expectedBytes} expected`);
  }

  /** A PDU that comes behind others that are missing, or again: its place is all that can be told of it. */
  takeLate(pdu: DataInPdu, lengthBytes: number): void {
    if (pdu.final) this.#sequenceOpen = false;
    this.#sequenceBytes = 0;
    this.#coverage.merge(pdu.bufferOffset, pdu.bufferOffset + lengthBytes);
    this.pduCount++;
  }

  acknowledge(): void {
    this.#acknowledgedBytes = this.#coverage.contiguousBytes;
  }

  /** What was not acknowledged comes again, cut anew. */
  restart(): void {
    this.#coverage.clear();
    this.#coverage.add(0, this.#acknowledgedBytes);
    this.#sequenceBytes = 0;
  }

  /** What comes next begins a sequence, whatever came of the last one: the task moved to another connection. */
  beginSequence(): void {
    this.#sequenceBytes = 0;
  }

  /** Bytes that arrived, wherever they belong. */
  get receivedBytes(): number {
    return this.#coverage.totalBytes;
  }

  #checkStatusBit(pdu: DataInPdu, bidirectional: boolean): void {
    if (!pdu.final) this.#checks.violation('dataInStatusBit', 'the S bit is set without the F bit');
    if (bidirectional) this.#checks.violation('dataInStatusBit', 'the S bit is set for a bidirectional command');
    // Only status that is no exception may come this way: there is no room for sense data.
    if (pdu.status !== ScsiStatus.good && pdu.status !== ScsiStatus.conditionMet) {
      this.#checks.violation('dataInStatus', `status 0x${pdu.status.toString(16)} came in a Data-In PDU`);
    }
  }

  #checkSequence(pdu: DataInPdu, lengthBytes: number): void {
    this.#sequenceBytes += lengthBytes;
    if (this.#sequenceBytes > this.#negotiated.maxBurstLength) {
      this.#checks.violation('dataInBurst', `a sequence of ${this.#sequenceBytes} bytes exceeds MaxBurstLength ${this.#negotiated.maxBurstLength}`);
    }
    this.#sequenceOpen = !pdu.final;
    if (pdu.final) this.#sequenceBytes = 0;
  }

  /** Notes `[from, from + lengthBytes)`; overlap, and disorder where order was negotiated, are violations. */
  #place(from: number, lengthBytes: number): void {
    const inOrder = this.#negotiated.dataPDUInOrder && this.#negotiated.dataSequenceInOrder;
    const next = this.#coverage.end;
    if (inOrder && from !== next) this.#checks.violation('dataInOffset', `Buffer Offset is ${from}, not ${next}`);
    if (!this.#coverage.add(from, from + lengthBytes)) {
      this.#checks.violation('dataInOffset', `${lengthBytes} bytes at ${from} overlap what came before`);
    }
  }

  /**
   * The command is over: the bytes, the residual and the status must fit each other. RFC 7143 §11.4.5. Answers how many
   * bytes from the start of the buffer are Data-In.
   */
  finish(status: number, residualFlags: number, residualCount: number): number {
    const checks = this.#checks;
    const underflow = (residualFlags & ResidualFlag.underflow) !== 0;
    if (underflow && residualCount > this.expectedBytes) checks.violation('residual', `residual ${residualCount} of ${this.expectedBytes} expected bytes`);
    const due = this.expectedBytes - (underflow ? residualCount : 0);
    if (this.receivedBytes > due) checks.violation('residual', `${this.receivedBytes} bytes came, with a residual that leaves ${due}`);
    // After an error the target may have sent part of it, and need not say how much is missing.
    if (status === ScsiStatus.good) {
      if (this.receivedBytes !== due) checks.violation('residual', `${this.receivedBytes} bytes came where ${due} are due`);
      if (this.#coverage.hasGap) checks.violation('dataInOffset', 'Data-In has gaps');
      if (this.#sequenceOpen) checks.violation('finalBit', 'the last Data-In PDU has no F bit');
    }
    return this.#coverage.contiguousBytes;
  }
}
