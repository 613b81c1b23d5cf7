import { ByteCoverage } from './byte-coverage.js';
import type { ConformanceChecks } from './checks.js';
import type { SerialRun } from './connection-numbers.js';
import { initiatorLimits } from './limits.js';

/** DataSN and R2TSN of one command where some may be missing: what has come, and what is known to have been sent. RFC 7143 §11.16. */
export class NumberTracker {
  readonly #received = new ByteCoverage();
  readonly #checks: ConformanceChecks;
  #sentCount = 0;
  #acknowledgedCount = 0;
  #isRebasing = false;

  constructor(checks: ConformanceChecks) {
    this.#checks = checks;
  }

  /** The first number that has not come. */
  get next(): number {
    return this.#received.contiguousBytes;
  }

  /** True while nothing is missing, so that whatever comes next must be the next one. */
  get isInOrder(): boolean {
    return this.next === this.#sentCount;
  }

  has(sn: number): boolean {
    return this.#received.has(sn);
  }

  /** A PDU has come. Answers what turns out to be missing before it, or null. */
  note(sn: number): SerialRun | null {
    if (this.#isRebasing) this.#received.merge(0, sn);
    this.#isRebasing = false;
    const run = this.noteSent(sn);
    this.#received.merge(sn, sn + 1);
    this.#sentCount = Math.max(this.#sentCount, sn + 1);
    return run;
  }

  /** All before `count` was sent. Answers what is newly known to be missing, or null. */
  noteSent(count: number): SerialRun | null {
    const from = this.#sentCount;
    if (count <= from) return null;
    if (count - from > initiatorLimits.statusBacklogCountMax) this.#checks.fatal('dataSN', `DataSN or R2TSN goes from ${from} to ${count}`);
    this.#sentCount = count;
    return this.missing().length === 0 ? null : { from, count: count - from };
  }

  /** What was sent and has not come. */
  missing(): SerialRun[] {
    return this.#received.gaps(this.#sentCount).map(({ from, to }) => ({ from, count: to - from }));
  }

  /** All that has come so far need not come again. */
  acknowledge(): void {
    this.#acknowledgedCount = this.next;
  }

  /** Everything that was not acknowledged comes again with new numbers: after an R-Data SNACK. */
  restart(): void {
    this.#received.clear();
    this.#received.merge(0, this.#acknowledgedCount);
    this.#sentCount = this.#acknowledgedCount;
  }

  /** What is missing will not come, and need not. */
  forgive(): void {
    this.#received.merge(0, this.#sentCount);
  }

  /** The next number to come is right whatever it is: R2Ts of a task that moved to another connection. */
  rebase(): void {
    this.#sentCount = this.next;
    this.#isRebasing = true;
  }
}
