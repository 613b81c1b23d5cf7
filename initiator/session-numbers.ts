import type { ConformanceChecks } from './checks.js';
import { serialBefore, serialNext, serialPrevious } from './serial.js';

/** Where the command numbers of a session stand when its login ends. */
export interface InitialWindow {
  readonly cmdSN: number;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
}

/** And StatSN with them. */
export interface InitialNumbers extends InitialWindow {
  readonly expStatSN: number;
}

/** CmdSN and the command window of a session, whatever the number of its connections. RFC 7143 §4.2.2.1. */
export class CommandWindow {
  /** CmdSN of the next non-immediate request; immediate ones carry it without using it up. */
  cmdSN: number;
  expCmdSN: number;
  maxCmdSN: number;
  /**
   * True where numbers may arrive in another order than the target sent them, over several connections or sent again: older
   * ones are ignored then. Otherwise they may never go back.
   */
  mayRegress = false;
  protected readonly checks: ConformanceChecks;

  constructor(initial: InitialWindow, checks: ConformanceChecks) {
    this.cmdSN = initial.cmdSN;
    this.expCmdSN = initial.expCmdSN;
    this.maxCmdSN = initial.maxCmdSN;
    this.checks = checks;
  }

  /** True while the target takes another non-immediate request. RFC 7143 §4.2.2.1. */
  get isWindowOpen(): boolean {
    return !serialBefore(this.maxCmdSN, this.cmdSN);
  }

  /** The CmdSN for a request; uses it up unless the request is immediate. */
  takeCmdSN(immediate: boolean): number {
    const cmdSN = this.cmdSN;
    if (!immediate) this.cmdSN = serialNext(cmdSN);
    return cmdSN;
  }

  /** ExpCmdSN and MaxCmdSN of any PDU. RFC 7143 §4.2.2.1. */
  takeWindow(expCmdSN: number, maxCmdSN: number): void {
    if (expCmdSN === this.expCmdSN && maxCmdSN === this.maxCmdSN) return;
    if (serialBefore(maxCmdSN, serialPrevious(expCmdSN))) {
      this.checks.violation('maxCmdSN', `MaxCmdSN ${maxCmdSN} is below ExpCmdSN ${expCmdSN} - 1`);
      // When tolerated: the initiator ignores both (§4.2.2.1).
      return;
    }
    if (serialBefore(this.cmdSN, expCmdSN)) this.checks.violation('expCmdSN', `ExpCmdSN ${expCmdSN} is beyond ${this.cmdSN}, the next CmdSN`);
    if (!serialBefore(expCmdSN, this.expCmdSN)) this.expCmdSN = expCmdSN;
    else if (!this.mayRegress) this.checks.violation('expCmdSNRegressed', `ExpCmdSN went back from ${this.expCmdSN} to ${expCmdSN}`);
    if (!serialBefore(maxCmdSN, this.maxCmdSN)) this.maxCmdSN = maxCmdSN;
    else if (!this.mayRegress) this.checks.violation('maxCmdSNRegressed', `MaxCmdSN went back from ${this.maxCmdSN} to ${maxCmdSN}`);
  }
}

/**
 * CmdSN, the command window and StatSN of a session with one connection, checked as they come. On one connection the
 * target's numbers arrive in the order in which it sent them, so none of them may ever go back. RFC 7143 §4.2.2.
 */
export class SessionNumbers extends CommandWindow {
  /** StatSN of the next response: everything before it has been received. */
  expStatSN: number;

  constructor(initial: InitialNumbers, checks: ConformanceChecks) {
    super(initial, checks);
    this.expStatSN = initial.expStatSN;
  }

  /** A response that has a StatSN of its own. RFC 7143 §4.2.2.2. */
  takeStatus(statSN: number, expCmdSN: number, maxCmdSN: number): void {
    if (statSN !== this.expStatSN) this.checks.violation('statSN', `StatSN is ${statSN}, not ${this.expStatSN}`);
    this.expStatSN = serialNext(statSN);
    this.takeWindow(expCmdSN, maxCmdSN);
  }

  /** A PDU that shows the next StatSN without using it up: R2T and a NOP-In that answers nothing. RFC 7143 §11.8, §11.19. */
  takeUnnumbered(statSN: number, expCmdSN: number, maxCmdSN: number): void {
    if (statSN !== this.expStatSN) this.checks.violation('statSN', `StatSN is ${statSN}, not the next one, ${this.expStatSN}`);
    this.takeWindow(expCmdSN, maxCmdSN);
  }
}
