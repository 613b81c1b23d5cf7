import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import { Asc } from '../sense.js';

/** The store is asked at most this often: a file has to ask the file system. */
const CHECK_INTERVAL_MS = 100;
/** Use must have fallen this far below the threshold before it is told again: or a unit at the threshold would tell at every other write. */
const REARM_PERCENT = 2;
const PERCENT = 100;

export interface SpaceThresholdOptions {
  /** Used share of the space, in percent, from which on initiators are told; null for none. */
  readonly percent: number | null;
  /** Calls `callback` once after `delayMs`; answers what cancels it. `Clock.after`. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

/**
 * The soft threshold of a thin logical unit, SBC-3 "Logical block provisioning thresholds": when the used space reaches it, all I_T nexuses get the
 * unit attention THIN PROVISIONING SOFT THRESHOLD REACHED, once until the use has fallen again. Commands wake it; the space is looked at a little
 * later, for all commands of that time together.
 */
export class SpaceThreshold implements UnitPart {
  readonly #unit: LogicalUnit;
  #options: SpaceThresholdOptions = { percent: null, after: () => () => {} };
  /** What a mode page asks for; undefined where it leaves it at what is configured. */
  #asked: number | null | undefined;
  #isReached = false;
  #cancelCheck: (() => void) | null = null;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  /** Null when there is none. */
  get percent(): number | null {
    return this.#asked === undefined ? this.#options.percent : this.#asked;
  }

  get configuredPercent(): number | null {
    return this.#options.percent;
  }

  /** The share of the space that is used, 0 to 1; null where nothing bounds it or the medium is not thin. */
  get usedShare(): number | null {
    const { medium } = this.#unit;
    const provisioning = medium?.thin === true ? medium.store.provisioning : null;
    if (provisioning === null || provisioning.spaceBytes === null || provisioning.spaceBytes === 0) return null;
    return provisioning.usedBytes / provisioning.spaceBytes;
  }

  /** To be called once the unit is there. */
  configure(options: SpaceThresholdOptions): void {
    this.#options = options;
    this.#isReached = false;
    this.#watch();
  }

  /** For the mode page that changes it: null for no threshold, undefined for the configured one. */
  setPercent(percent: number | null | undefined): void {
    if (percent === this.#asked) return;
    this.#asked = percent;
    this.configure(this.#options);
  }

  /** Looks at the space now. */
  check(): void {
    const share = this.usedShare;
    const { percent } = this;
    if (share === null || percent === null) return;
    const usedPercent = share * PERCENT;
    if (usedPercent < percent - REARM_PERCENT) this.#isReached = false;
    if (usedPercent < percent || this.#isReached) return;
    this.#isReached = true;
    this.#unit.tellNexuses(Asc.thinProvisioningSoftThresholdReached);
  }

  onMediumChanged(): void {
    this.#isReached = false;
    this.#watch();
  }

  onRemoved(): void {
    this.#unit.onMediumCommand = null;
    this.#cancel();
  }

  #watch(): void {
    this.#cancel();
    const isWatching = this.percent !== null && this.usedShare !== null;
    this.#unit.onMediumCommand = isWatching ? () => this.#schedule() : null;
    // What was stored before may have reached it already.
    if (isWatching) this.#schedule();
  }

  #schedule(): void {
    this.#cancelCheck ??= this.#options.after(CHECK_INTERVAL_MS, () => {
      this.#cancelCheck = null;
      this.check();
    });
  }

  #cancel(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = null;
  }
}
