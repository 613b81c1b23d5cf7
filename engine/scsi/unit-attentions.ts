import type { FirstAttention, ITNexus } from './it-nexus.js';
import { Asc } from './sense-codes.js';

export interface UnitAttention {
  readonly asc: number;
}

/**
 * SAM-5 "Unit attention conditions", precedence: what tells of a wider event comes first, and stands for every narrower one of these. All other
 * conditions come behind them, oldest first.
 */
const resetPrecedence: ReadonlyMap<number, number> = new Map([
  [Asc.powerOnOccurred, 4],
  [Asc.powerOnOrReset, 4],
  [Asc.busDeviceResetFunctionOccurred, 3],
  [Asc.itNexusLossOccurred, 2],
]);
const OTHER = 0;

/**
 * More conditions of one nexus than this are not kept, the queue must be bounded. Only an initiator that sends nothing for long has so many different
 * ones, and those of resets always find room, because they take the place of all others.
 */
export const UNIT_ATTENTION_COUNT_MAX = 16;

/** The unit attention conditions of one logical unit, by nexus. SAM-5 §5.14. */
export class UnitAttentions {
  readonly #handle: number;
  readonly #byNexus = new Map<number, UnitAttention[]>();

  /** `handle` is that of the logical unit. */
  constructor(handle: number) {
    this.#handle = handle;
  }

  /**
   * Queues a condition for one nexus; what is pending already is not queued twice. The unit has begun anew for the nexus when it was reset: all that was
   * pending before is settled by that, unless it tells of something wider.
   */
  establish(nexusId: number, asc: number): void {
    const pending = this.#byNexus.get(nexusId);
    const precedence = resetPrecedence.get(asc) ?? OTHER;
    const first = pending?.[0];
    if (pending === undefined || first === undefined) this.#byNexus.set(nexusId, [{ asc }]);
    else if (precedence === OTHER) appendOnce(pending, asc);
    else if (precedence > precedenceOf(first)) this.#byNexus.set(nexusId, [{ asc }]);
    // A reset of the same kind or a wider one is pending: what came since is settled by this one too.
    else this.#byNexus.set(nexusId, [first]);
  }

  /** True on the fast path: nothing is pending for any nexus, and this one has been told what it is told first. */
  isClearFor(nexus: ITNexus): boolean {
    return this.#byNexus.size === 0 && this.#firstOf(nexus) === undefined;
  }

  /** Removes and answers the condition of the nexus that comes first. */
  take(nexus: ITNexus): UnitAttention | undefined {
    const firstOfAll = this.#firstOf(nexus);
    const pending = this.#byNexus.get(nexus.id);
    if (firstOfAll !== undefined) {
      firstOfAll.toldHandles.add(this.#handle);
      if (!isWiderThan(pending?.[0], firstOfAll)) {
        this.#dropResets(nexus.id, precedenceOf(firstOfAll));
        return firstOfAll;
      }
    }
    const first = pending?.shift();
    if (pending !== undefined && pending.length === 0) this.#byNexus.delete(nexus.id);
    return first;
  }

  /** The conditions of the nexus in the order in which they are reported, which stay pending. */
  pendingOf(nexus: ITNexus): readonly UnitAttention[] {
    const firstOfAll = this.#firstOf(nexus);
    const pending = this.#byNexus.get(nexus.id) ?? [];
    if (firstOfAll === undefined || isWiderThan(pending[0], firstOfAll)) return pending.slice();
    return [firstOfAll, ...pending.filter((attention) => !isSettledBy(attention, precedenceOf(firstOfAll)))];
  }

  /** Removes one condition of the nexus, for a command that reports what the condition stands for. */
  clear(nexus: ITNexus, asc: number): void {
    if (nexus.firstAttention?.asc === asc) nexus.firstAttention.toldHandles.add(this.#handle);
    this.#retain(nexus.id, (attention) => attention.asc !== asc);
  }

  /** The nexus is gone: what was pending for it is forgotten. SAM-5 "I_T nexus loss". */
  forget(nexus: ITNexus): void {
    this.#byNexus.delete(nexus.id);
  }

  /** Resets since the login, of which the first condition of the nexus tells as well. */
  #dropResets(nexusId: number, precedence: number): void {
    if (this.#byNexus.size > 0) this.#retain(nexusId, (attention) => !isSettledBy(attention, precedence));
  }

  #retain(nexusId: number, isKept: (attention: UnitAttention) => boolean): void {
    const pending = this.#byNexus.get(nexusId);
    if (pending === undefined) return;
    const remaining = pending.filter(isKept);
    if (remaining.length === 0) this.#byNexus.delete(nexusId);
    else this.#byNexus.set(nexusId, remaining);
  }

  #firstOf({ firstAttention }: ITNexus): FirstAttention | undefined {
    return firstAttention === undefined || firstAttention.toldHandles.has(this.#handle) ? undefined : firstAttention;
  }
}

function precedenceOf({ asc }: UnitAttention): number {
  return resetPrecedence.get(asc) ?? OTHER;
}

/** A reset since the login tells of more than the first condition does, and stands for it. */
function isWiderThan(pending: UnitAttention | undefined, firstOfAll: UnitAttention): boolean {
  return pending !== undefined && precedenceOf(pending) > precedenceOf(firstOfAll);
}

function isSettledBy(attention: UnitAttention, precedence: number): boolean {
  const own = precedenceOf(attention);
  return own !== OTHER && own <= precedence;
}

function appendOnce(pending: UnitAttention[], asc: number): void {
  if (pending.length < UNIT_ATTENTION_COUNT_MAX && !pending.some((attention) => attention.asc === asc)) pending.push({ asc });
}
