import { assert } from '../engine/errors.js';
import type { LoadPlan } from './load-plan.js';
import { SeededRandom } from './seeded-random.js';

/** Where the commands of a load go, one piece after the other. Pieces never leave the range; at its end they are cut short. */
export interface SeekPattern {
  /** The piece that was drawn last. */
  readonly lba: number;
  readonly lbaCount: number;
  /** Walks over the whole range that the drawn pieces have completed; a random pattern completes none. */
  readonly sweepCount: number;
  /** True when a piece that cannot be had now may be dropped for another. */
  readonly mayRedraw: boolean;
  draw(): void;
  /** Goes back to the start of the range. */
  restart(): void;
}

export function seekPatternOf(plan: LoadPlan): SeekPattern {
  const random = new SeededRandom(plan.seed);
  const lengths = new TransferLengths(plan, random);
  return plan.seek.order === 'linear' ? new LinearPattern(plan, lengths) : new RandomPattern(plan, lengths, random);
}

/** Block counts of transfers: one, or evenly from a span. */
class TransferLengths {
  readonly max: number;
  readonly isFixed: boolean;
  readonly #min: number;
  readonly #random: SeededRandom;

  constructor(plan: LoadPlan, random: SeededRandom) {
    this.#min = plan.transferLbaCountMin;
    this.max = plan.transferLbaCountMax;
    this.isFixed = this.#min === this.max;
    this.#random = random;
  }

  draw(): number {
    return this.isFixed ? this.max : this.#min + this.#random.below(this.max - this.#min + 1);
  }
}

/** Block after block: each sweep touches every block of the range exactly once. */
class LinearPattern implements SeekPattern {
  lba = 0;
  lbaCount = 0;
  sweepCount = 0;
  readonly mayRedraw = false;
  readonly #start: number;
  readonly #end: number;
  readonly #reverses: boolean;
  readonly #lengths: TransferLengths;
  /** The next piece begins here, or ends here on the way back. */
  #at: number;
  #isUpward = true;

  constructor(plan: LoadPlan, lengths: TransferLengths) {
    this.#start = plan.firstLba;
    this.#end = plan.firstLba + plan.lbaCount;
    this.#reverses = plan.seek.atEnd === 'reverse';
    this.#lengths = lengths;
    this.#at = this.#start;
  }

  draw(): void {
    const wanted = this.#lengths.draw();
    if (this.#isUpward) this.#drawUpward(wanted);
    else this.#drawDownward(wanted);
    assert(this.lbaCount > 0, 'a piece has a block');
  }

  #drawUpward(wanted: number): void {
    this.lba = this.#at;
    this.lbaCount = Math.min(wanted, this.#end - this.#at);
    this.#at += this.lbaCount;
    if (this.#at < this.#end) return;
    this.sweepCount++;
    if (this.#reverses) this.#isUpward = false;
    else this.#at = this.#start;
  }

  #drawDownward(wanted: number): void {
    this.lbaCount = Math.min(wanted, this.#at - this.#start);
    this.#at -= this.lbaCount;
    this.lba = this.#at;
    if (this.#at > this.#start) return;
    this.sweepCount++;
    this.#isUpward = true;
  }

  restart(): void {
    this.#at = this.#start;
    this.#isUpward = true;
  }
}

/** Anywhere: transfers of one length lie on multiples of it, counted from the start of the range; others on any block. */
class RandomPattern implements SeekPattern {
  lba = 0;
  lbaCount = 0;
  readonly sweepCount = 0;
  readonly mayRedraw = true;
  readonly #plan: LoadPlan;
  readonly #lengths: TransferLengths;
  readonly #random: SeededRandom;
  readonly #placeCount: number;

  constructor(plan: LoadPlan, lengths: TransferLengths, random: SeededRandom) {
    this.#plan = plan;
    this.#lengths = lengths;
    this.#random = random;
    this.#placeCount = Math.ceil(plan.lbaCount / lengths.max);
  }

  draw(): void {
    const { firstLba, lbaCount } = this.#plan;
    const wanted = this.#lengths.draw();
    const offset = this.#lengths.isFixed ? this.#random.below(this.#placeCount) * wanted : this.#random.below(lbaCount - wanted + 1);
    this.lba = firstLba + offset;
    this.lbaCount = Math.min(wanted, lbaCount - offset);
  }

  restart(): void {}
}
