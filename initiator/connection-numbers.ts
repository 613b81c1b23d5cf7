import type { ConformanceChecks } from './checks.js';
import { initiatorLimits } from './limits.js';
import { serialBefore, serialDistance, serialNext, serialPrevious } from './serial.js';
import type { CommandWindow } from './session-numbers.js';

/** Numbers from `from` on, `count` of them. */
export interface SerialRun {
  readonly from: number;
  readonly count: number;
}

/** What a response with a StatSN is. */
export type StatusArrival =
  /** One that is to be looked at. */
  | 'new'
  /** One that was sent again though it had arrived: to be dropped. */
  | 'again';

/**
 * StatSN of one connection, beside the command window that all of a session's connections share. At ErrorRecoveryLevel 0 each
 * StatSN must be the next one. Above, responses may be missing and come later, and one that arrived may be held back until
 * its data is complete: ExpStatSN, by which the target may forget, stays behind both. RFC 7143 §4.2.2.2, §11.16.
 */
export class ConnectionNumbers {
  /** StatSN of the next response that the target has to keep: everything before it has been received and acted on. */
  expStatSN: number;
  readonly window: CommandWindow;
  readonly #checks: ConformanceChecks;
  readonly #isRecovering: boolean;
  /** StatSN behind the highest that is known to have been sent. */
  #sentStatSN: number;
  /** Responses from `expStatSN` on that have arrived: whether they are settled, or held back. */
  readonly #arrived = new Map<number, boolean>();
  /** Called when responses turn out to be missing. */
  readonly #onMissing: (run: SerialRun) => void;

  constructor(window: CommandWindow, expStatSN: number, checks: ConformanceChecks, errorRecoveryLevel: number, onMissing: (run: SerialRun) => void) {
    this.window = window;
    this.expStatSN = expStatSN;
    this.#sentStatSN = expStatSN;
    this.#checks = checks;
    this.#isRecovering = errorRecoveryLevel > 0;
    this.#onMissing = onMissing;
  }

  /** StatSN of the newest response. */
  get lastStatSN(): number {
    return serialPrevious(this.#sentStatSN);
  }

  get cmdSN(): number {
    return this.window.cmdSN;
  }

  takeWindow(expCmdSN: number, maxCmdSN: number): void {
    this.window.takeWindow(expCmdSN, maxCmdSN);
  }

  /** A response that has a StatSN of its own; `settle` is to follow once it needs nothing more. RFC 7143 §4.2.2.2. */
  takeStatus(statSN: number, expCmdSN: number, maxCmdSN: number): StatusArrival {
    this.window.takeWindow(expCmdSN, maxCmdSN);
    if (!this.#isRecovering) {
      if (statSN !== this.expStatSN) this.#checks.violation('statSN', `StatSN is ${statSN}, not ${this.expStatSN}`);
      this.expStatSN = serialNext(statSN);
      return 'new';
    }
    if (serialBefore(statSN, this.expStatSN) || this.#arrived.get(statSN) === true) return 'again';
    this.#noteSent(statSN);
    if (statSN === this.#sentStatSN) this.#sentStatSN = serialNext(statSN);
    this.#arrived.set(statSN, false);
    return 'new';
  }

  /** A PDU that shows the next StatSN without using it up: R2T and a NOP-In that answers nothing. RFC 7143 §11.8, §11.19. */
  takeUnnumbered(statSN: number, expCmdSN: number, maxCmdSN: number): void {
    this.window.takeWindow(expCmdSN, maxCmdSN);
    if (this.#isRecovering) this.#noteSent(statSN);
    else if (statSN !== this.expStatSN) this.#checks.violation('statSN', `StatSN is ${statSN}, not the next one, ${this.expStatSN}`);
  }

  /** The response is done with: the target may forget it. */
  settle(statSN: number): void {
    if (!this.#isRecovering) return;
    if (this.#arrived.has(statSN)) this.#arrived.set(statSN, true);
    while (this.#arrived.get(this.expStatSN) === true) {
      this.#arrived.delete(this.expStatSN);
      this.expStatSN = serialNext(this.expStatSN);
    }
  }

  /** The response came damaged: as if it had not come. */
  lose(statSN: number): void {
    if (serialBefore(statSN, this.expStatSN) || this.#arrived.has(statSN)) return;
    this.#noteSent(serialNext(statSN));
  }

  /** Responses that were sent and have not arrived. */
  missing(): SerialRun[] {
    const runs: { from: number; count: number }[] = [];
    if (!this.#isRecovering || this.expStatSN === this.#sentStatSN) return runs;
    for (let statSN = this.expStatSN; statSN !== this.#sentStatSN; statSN = serialNext(statSN)) {
      if (this.#arrived.has(statSN)) continue;
      const last = runs[runs.length - 1];
      if (last !== undefined && (last.from + last.count) >>> 0 === statSN) last.count++;
      else runs.push({ from: statSN, count: 1 });
    }
    return runs;
  }

  /** All before `statSN` was sent; what is unheard of is missing. */
  #noteSent(statSN: number): void {
    const count = serialDistance(this.#sentStatSN, statSN);
    if (count <= 0) return;
    if (serialDistance(this.expStatSN, statSN) > initiatorLimits.statusBacklogCountMax) {
      this.#checks.fatal('statSN', `StatSN ${statSN} is too far ahead of ${this.expStatSN}`);
    }
    const from = this.#sentStatSN;
    this.#sentStatSN = statSN;
    this.#onMissing({ from, count });
  }
}
