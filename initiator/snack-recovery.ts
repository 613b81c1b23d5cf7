import type { Clock } from '../engine/clock.js';
import { BHS_LENGTH, encodeSnack, RESERVED_TAG, type SnackPdu, SnackType } from '../engine/pdu/index.js';
import type { CommandExchange } from './command-exchange.js';
import type { ConnectionNumbers, SerialRun } from './connection-numbers.js';
import { InitiatorError } from './errors.js';
import { initiatorLimits } from './limits.js';
import type { Wire } from './wire.js';

/** How many SNACKs of each kind were sent, by the name of the kind. */
export interface SnackCounts {
  dataOrR2T: number;
  status: number;
  dataAck: number;
  rData: number;
}

/**
 * Asks for what did not come on one connection, at once and again when it still does not come, and gives the connection up in
 * the end: recovery of a connection's contents at ErrorRecoveryLevel 1 and above. RFC 7143 §7.3, §11.16.
 */
export class SnackRecovery {
  readonly counts: SnackCounts = { dataOrR2T: 0, status: 0, dataAck: 0, rData: 0 };
  readonly #wire: Wire;
  readonly #numbers: ConnectionNumbers;
  readonly #clock: Clock;
  /** Commands that wait for Data-In or R2Ts. */
  readonly #incomplete = new Set<CommandExchange>();
  #cancelTimer: (() => void) | null = null;
  #attemptCount = 0;
  #lastMissingCount = 0;
  #nextSnackTag = 1;

  constructor(wire: Wire, numbers: ConnectionNumbers, clock: Clock) {
    this.#wire = wire;
    this.#numbers = numbers;
    this.#clock = clock;
  }

  /** Responses are missing. RFC 7143 §11.16.1 "Status". */
  requestStatus({ from, count }: SerialRun): void {
    this.counts.status++;
    this.#send({ type: SnackType.status, begRun: from, runLength: count });
    this.#arm();
  }

  /** Data-In PDUs or R2Ts of a command are missing. RFC 7143 §11.16.1 "Data/R2T". */
  requestData(command: CommandExchange, { from, count }: SerialRun): void {
    this.counts.dataOrR2T++;
    this.#incomplete.add(command);
    this.#send({ type: SnackType.dataOrR2T, initiatorTaskTag: command.initiatorTaskTag, begRun: from, runLength: count });
    this.#arm();
  }

  /** Everything that was not acknowledged is to come again, cut anew; answers the SNACK Tag that the response will carry. RFC 7143 §11.16.3. */
  requestResegmented(command: CommandExchange): number {
    this.counts.rData++;
    this.#incomplete.add(command);
    const snackTag = this.#nextSnackTag;
    // Neither 0, which a response has that answers no R-Data SNACK, nor 0xffffffff, which is reserved (§11.16.5).
    this.#nextSnackTag = this.#nextSnackTag >= RESERVED_TAG - 1 ? 1 : this.#nextSnackTag + 1;
    this.#send({ type: SnackType.rData, initiatorTaskTag: command.initiatorTaskTag, targetTransferTag: snackTag });
    this.#arm();
    return snackTag;
  }

  /** All Data-In before `dataSN` has come: the target need not keep it. RFC 7143 §11.16.1 "DataACK". */
  acknowledgeData(lun: { readonly lunHigh: number; readonly lunLow: number }, targetTransferTag: number, dataSN: number): void {
    this.counts.dataAck++;
    this.#send({ type: SnackType.dataAck, lunHigh: lun.lunHigh, lunLow: lun.lunLow, targetTransferTag, begRun: dataSN });
  }

  /** The command waits for nothing more. */
  forget(command: CommandExchange): void {
    this.#incomplete.delete(command);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#incomplete.clear();
  }

  #send(fields: Partial<SnackPdu>): void {
    const wire = this.#wire;
    const empty = { lunHigh: 0, lunLow: 0, initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG, begRun: 0, runLength: 0 };
    const at = wire.beginPdu(BHS_LENGTH);
    encodeSnack({ type: SnackType.dataOrR2T, ...empty, expStatSN: this.#numbers.expStatSN, ...fields }, wire.view, at);
    wire.endPdu(at, BHS_LENGTH);
  }

  get #missingCount(): number {
    let count = 0;
    for (const run of this.#numbers.missing()) count += run.count;
    for (const command of this.#incomplete) for (const run of command.missing()) count += run.count;
    return count;
  }

  #arm(): void {
    if (this.#cancelTimer !== null) return;
    this.#lastMissingCount = this.#missingCount;
    this.#cancelTimer = this.#clock.after(initiatorLimits.snackMsMax, () => {
      this.#cancelTimer = null;
      this.#askAgain();
    });
  }

  #askAgain(): void {
    const missingCount = this.#missingCount;
    if (missingCount === 0 && this.#incomplete.size === 0) {
      this.#attemptCount = 0;
      return;
    }
    // Something has come since: the next silence is another one.
    if (missingCount < this.#lastMissingCount) this.#attemptCount = 0;
    if (++this.#attemptCount >= initiatorLimits.snackAttemptCountMax) {
      this.#wire.destroy(new InitiatorError('RECOVERY_FAILED', `${missingCount} PDUs did not come though they were asked for again`));
      return;
    }
    for (const run of this.#numbers.missing()) this.requestStatus(run);
    for (const command of this.#incomplete) for (const run of command.missing()) this.requestData(command, run);
    this.#wire.flush();
    this.#arm();
  }
}
