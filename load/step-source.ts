import type { BusyRanges } from './busy-ranges.js';
import { loadLimits } from './limits.js';
import { hasPasses, type LoadPlan } from './load-plan.js';
import { type SeekPattern, seekPatternOf } from './seek-pattern.js';
import type { WriteLedger } from './write-ledger.js';

/** What `next` answers: the step stands in the source's fields, the thread has to wait for others, or nothing is left for it. */
export const Next = { step: 0, hold: 1, end: 2 } as const;
export type Next = (typeof Next)[keyof typeof Next];

/** Which operations may be on their way: one while passes take turns, else whatever the load does. */
export type Phase = 'reads' | 'writes' | 'both';

/** What must not overlap, and what is known of the blocks, when data is compared. */
export interface StepGuards {
  readonly busy: BusyRanges;
  readonly ledger: WriteLedger;
}

/**
 * What a thread does next. All threads share one pattern, so eight of them on a linear one ask for eight neighbouring pieces,
 * as in LTP's disktest. Operations are chosen as there: passes of writes and reads (`-pL`), each block written and read back
 * by the same thread (`-pl`, `-pr`), or drawn in the proportion of the duty cycle (`-pR`).
 */
export class StepSource {
  /** The step that the last `next` answered. */
  writes = false;
  lba = 0;
  lbaCount = 0;
  phase: Phase;

  readonly #plan: LoadPlan;
  readonly #pattern: SeekPattern;
  readonly #guards: StepGuards | null;
  readonly #onPhase: () => void;
  readonly #hasPasses: boolean;
  readonly #readsBack: boolean;
  /** The pattern's piece has been drawn and not been given to a thread yet. */
  #isDrawn = false;
  #drawnWrites = false;
  #issuedCount = 0;
  #writeCount = 0;
  /** Of the pass that is under way. */
  #passIssuedCount = 0;
  #passSweepCount = 0;
  /** Pieces that threads have written and not read back yet. */
  readonly #isReadBackDue: Uint8Array;
  readonly #readBackLbas: Float64Array;
  readonly #readBackLbaCounts: Uint32Array;

  constructor(plan: LoadPlan, guards: StepGuards | null, onPhase: () => void = () => {}) {
    this.#plan = plan;
    this.#pattern = seekPatternOf(plan);
    this.#guards = guards;
    this.#onPhase = onPhase;
    this.#hasPasses = hasPasses(plan);
    this.#readsBack = plan.reads && plan.writes && plan.seek.interleaved;
    this.phase = this.#hasPasses ? 'writes' : plan.reads && plan.writes ? 'both' : plan.writes ? 'writes' : 'reads';
    this.#isReadBackDue = new Uint8Array(plan.threadCount);
    this.#readBackLbas = new Float64Array(plan.threadCount);
    this.#readBackLbaCounts = new Uint32Array(plan.threadCount);
  }

  /** `inFlightCount` commands of all threads are on their way. */
  next(thread: number, inFlightCount: number): Next {
    const { commandCountMax } = this.#plan;
    if (commandCountMax !== null && this.#issuedCount >= commandCountMax) return Next.end;
    if (this.#isReadBackDue[thread] === 1) return this.#readBack(thread);
    if (!this.#isDrawn) {
      const outcome = this.#draw(inFlightCount);
      if (outcome !== Next.step) return outcome;
    }
    if (!this.#secure()) return Next.hold;
    this.#isDrawn = false;
    return this.#issue(thread, this.#drawnWrites, this.#pattern.lba, this.#pattern.lbaCount);
  }

  #draw(inFlightCount: number): Next {
    const { sweepCountMax } = this.#plan;
    if (sweepCountMax !== null && this.#pattern.sweepCount >= sweepCountMax) return Next.end;
    if (this.#isPassOver()) {
      // What the next pass reads, all of this one must have written.
      if (inFlightCount > 0) return Next.hold;
      this.#turnPass();
    }
    this.#drawPiece();
    this.#isDrawn = true;
    return Next.step;
  }

  #drawPiece(): void {
    this.#pattern.draw();
    this.#drawnWrites = this.#choosesWrite();
  }

  #choosesWrite(): boolean {
    if (this.phase !== 'both') return this.phase === 'writes';
    if (this.#readsBack || this.#writeCount * 100 < this.#plan.writePercent * (this.#issuedCount + 1)) return true;
    // Nothing could be said about the data of a block that this run has not written, so it is written instead.
    return this.#tracks && this.#guards?.ledger.isKnown(this.#pattern.lba, this.#pattern.lbaCount) === false;
  }

  get #tracks(): boolean {
    return this.#guards !== null && this.#plan.compareBytes > 0;
  }

  /** True when nobody else is at the drawn piece; random pieces are drawn anew a few times until then. */
  #secure(): boolean {
    if (this.#guards === null) return true;
    const { busy } = this.#guards;
    for (let attempt = 0; busy.conflicts(this.#pattern.lba, this.#pattern.lbaCount, this.#drawnWrites); attempt++) {
      if (!this.#pattern.mayRedraw || attempt === loadLimits.redrawCountMax) return false;
      this.#drawPiece();
    }
    return true;
  }

  #readBack(thread: number): Next {
    const lba = this.#readBackLbas[thread] as number;
    const lbaCount = this.#readBackLbaCounts[thread] as number;
    if (this.#guards?.busy.conflicts(lba, lbaCount, false) === true) return Next.hold;
    this.#isReadBackDue[thread] = 0;
    return this.#issue(thread, false, lba, lbaCount);
  }

  #issue(thread: number, writes: boolean, lba: number, lbaCount: number): Next {
    this.writes = writes;
    this.lba = lba;
    this.lbaCount = lbaCount;
    this.#issuedCount++;
    this.#passIssuedCount++;
    if (writes) this.#writeCount++;
    this.#guards?.busy.acquire(thread, lba, lbaCount, writes);
    return Next.step;
  }

  /** The command of a thread has ended; with `succeeded` what it wrote may be read back. */
  complete(thread: number, writes: boolean, lba: number, lbaCount: number, succeeded: boolean): void {
    this.#guards?.busy.release(thread);
    if (!this.#readsBack || !writes || !succeeded) return;
    this.#isReadBackDue[thread] = 1;
    this.#readBackLbas[thread] = lba;
    this.#readBackLbaCounts[thread] = lbaCount;
  }

  #isPassOver(): boolean {
    if (!this.#hasPasses) return false;
    const { commandCountMax } = this.#plan;
    return this.#pattern.sweepCount > this.#passSweepCount || (commandCountMax !== null && this.#passIssuedCount >= Math.ceil(commandCountMax / 2));
  }

  #turnPass(): void {
    // A pass that was cut short by the number of commands is read from where it was written.
    if (this.#pattern.sweepCount === this.#passSweepCount) this.#pattern.restart();
    this.#passSweepCount = this.#pattern.sweepCount;
    this.#passIssuedCount = 0;
    this.phase = this.phase === 'writes' ? 'reads' : 'writes';
    this.#onPhase();
  }
}
