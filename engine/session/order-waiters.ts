import { serialDifference } from './command-window.js';

interface OrderWaiter {
  readonly cmdSN: number;
  readonly run: () => void;
}

/** Task management functions of one session that concern commands which have not all come yet. RFC 7143 §4.2.3.3. */
export class OrderWaiters {
  #waiting: OrderWaiter[] = [];
  /** Looked at with every command. */
  isEmpty = true;

  /** Calls `run` when ExpCmdSN has reached this CmdSN. */
  add(cmdSN: number, run: () => void): void {
    this.#waiting.push({ cmdSN, run });
    this.isEmpty = false;
  }

  runReady(expCmdSN: number): void {
    const ready = this.#waiting.filter(({ cmdSN }) => serialDifference(cmdSN, expCmdSN) <= 0);
    this.#waiting = this.#waiting.filter((waiter) => !ready.includes(waiter));
    this.isEmpty = this.#waiting.length === 0;
    for (const { run } of ready) run();
  }
}
