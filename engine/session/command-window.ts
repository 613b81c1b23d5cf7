/** Where a CmdSN stands. RFC 7143 §4.2.2.1 "Command Numbering and Acknowledging". */
export const CommandTurn = {
  /** It is ExpCmdSN: handle it now. */
  now: 0,
  /** Within the window, but older ones are missing: keep it. */
  early: 1,
  /** Before ExpCmdSN (a duplicate), already kept, or beyond MaxCmdSN: ignore it silently. */
  outside: 2,
} as const;
export type CommandTurn = (typeof CommandTurn)[keyof typeof CommandTurn];

/** a - b in serial number arithmetic (RFC 1982). */
export function serialDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** The command window of one session: ExpCmdSN, MaxCmdSN, and what came before its turn. */
export class CommandWindow<Held> {
  #expCmdSN: number;
  #maxCmdSN: number;
  readonly #held = new Map<number, Held>();

  /** `cmdSN` is the one of the login that opened the session. */
  constructor(cmdSN: number) {
    this.#expCmdSN = cmdSN >>> 0;
    this.#maxCmdSN = cmdSN >>> 0;
  }

  get expCmdSN(): number {
    return this.#expCmdSN;
  }

  get maxCmdSN(): number {
    return this.#maxCmdSN;
  }

  /** Opens the window for `commandCount` commands more than have been received. It never closes again. */
  open(commandCount: number): number {
    const candidate = (this.#expCmdSN + commandCount - 1) >>> 0;
    if (serialDifference(candidate, this.#maxCmdSN) > 0) this.#maxCmdSN = candidate;
    return this.#maxCmdSN;
  }

  turnOf(cmdSN: number): CommandTurn {
    if (cmdSN === this.#expCmdSN) return serialDifference(cmdSN, this.#maxCmdSN) > 0 ? CommandTurn.outside : CommandTurn.now;
    if (serialDifference(cmdSN, this.#expCmdSN) < 0 || serialDifference(cmdSN, this.#maxCmdSN) > 0 || this.#held.has(cmdSN)) return CommandTurn.outside;
    return CommandTurn.early;
  }

  /** The command whose turn it is has been received. */
  advance(): void {
    this.#expCmdSN = (this.#expCmdSN + 1) >>> 0;
  }

  /** The CmdSNs before this one that have not come, oldest first; none when it lies beyond what the initiator may have sent. */
  missingBefore(cmdSN: number): number[] {
    const missing: number[] = [];
    if (serialDifference(cmdSN, this.#maxCmdSN) > 1) return missing;
    for (let at = this.#expCmdSN; serialDifference(at, cmdSN) < 0; at = (at + 1) >>> 0) if (!this.#held.has(at)) missing.push(at);
    return missing;
  }

  /** True when the CmdSN is one that the initiator may have sent and that has not had its turn. */
  isWithin(cmdSN: number): boolean {
    return serialDifference(cmdSN, this.#expCmdSN) >= 0 && serialDifference(cmdSN, this.#maxCmdSN) <= 0;
  }

  /** What waits for its turn. */
  get heldValues(): Iterable<Held> {
    return this.#held.values();
  }

  /** Keeps what came early. Bounded by the window itself. */
  hold(cmdSN: number, held: Held): void {
    this.#held.set(cmdSN, held);
  }

  /** Puts something else in the place of what was kept, when it still is. */
  replaceHeld(cmdSN: number, held: Held, replacement: Held): void {
    if (this.#held.size > 0 && this.#held.get(cmdSN) === held) this.#held.set(cmdSN, replacement);
  }

  /** Takes out what was kept and is to come again, as if it had not come; answers it. */
  withdrawHeld(isConcerned: (held: Held) => boolean): Held[] {
    const withdrawn: Held[] = [];
    for (const [cmdSN, held] of this.#held) {
      if (!isConcerned(held)) continue;
      this.#held.delete(cmdSN);
      withdrawn.push(held);
    }
    return withdrawn;
  }

  /** True while something is kept that waits for an older CmdSN. */
  get hasHeld(): boolean {
    return this.#held.size > 0;
  }

  /** What was kept and whose turn it is now, or undefined; advances when there is one. */
  takeNext(): Held | undefined {
    if (this.#held.size === 0) return undefined;
    const held = this.#held.get(this.#expCmdSN);
    if (held === undefined) return undefined;
    this.#held.delete(this.#expCmdSN);
    this.advance();
    return held;
  }
}
