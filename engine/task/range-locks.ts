/** A claim on a range of logical blocks, `[lba, lba + lbaCount)`. */
export interface RangeClaim {
  readonly claimStart: number;
  readonly claimEnd: number;
  readonly claimExclusive: boolean;
  /** Index in the holders' array, kept by `RangeLocks`; -1 while nothing is held. */
  claimIndex: number;
  /** The claim was made to wait and now holds its range. */
  onRangeGranted(): void;
}

/**
 * Exclusion by block range: readers share, writers are alone. Overlap waits in order of arrival, the rest runs.
 * Claims are few (what is executing, or leaving straight out of a store), so arrays are searched in line.
 */
export class RangeLocks {
  readonly #shared: RangeClaim[] = [];
  readonly #exclusive: RangeClaim[] = [];
  readonly #waiting: RangeClaim[] = [];
  #granting = false;
  /** Something was released or withdrawn since the waiters were last looked through. */
  #changed = false;

  /** True when the range is held now; otherwise `onRangeGranted` is called later. */
  acquire(claim: RangeClaim): boolean {
    if (this.#conflicts(claim, this.#waiting.length)) {
      this.#waiting.push(claim);
      return false;
    }
    this.#hold(claim);
    return true;
  }

  /** Gives the range back and lets the next ones in. */
  release(claim: RangeClaim): void {
    const holders = claim.claimExclusive ? this.#exclusive : this.#shared;
    const last = holders.pop() as RangeClaim;
    if (last !== claim) {
      holders[claim.claimIndex] = last;
      last.claimIndex = claim.claimIndex;
    }
    claim.claimIndex = -1;
    if (this.#waiting.length > 0) this.#grantWaiting();
  }

  /** Takes back a claim that still waits. Answers whether it did. */
  withdraw(claim: RangeClaim): boolean {
    const at = this.#waiting.indexOf(claim);
    if (at === -1) return false;
    this.#waiting.splice(at, 1);
    this.#grantWaiting();
    return true;
  }

  get heldCount(): number {
    return this.#shared.length + this.#exclusive.length;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  #hold(claim: RangeClaim): void {
    const holders = claim.claimExclusive ? this.#exclusive : this.#shared;
    claim.claimIndex = holders.length;
    holders.push(claim);
  }

  /** Whether the claim overlaps a holder or one of the first `waitingCount` waiters: nobody is overtaken. */
  #conflicts(claim: RangeClaim, waitingCount: number): boolean {
    for (const holder of this.#exclusive) if (overlap(holder, claim)) return true;
    if (claim.claimExclusive) {
      for (const holder of this.#shared) if (overlap(holder, claim)) return true;
    }
    for (let i = 0; i < waitingCount; i++) {
      const waiter = this.#waiting[i] as RangeClaim;
      if ((waiter.claimExclusive || claim.claimExclusive) && overlap(waiter, claim)) return true;
    }
    return false;
  }

  /**
   * Lets in, oldest first, whoever nobody stands in the way of. What is granted may acquire, release and withdraw within
   * its call: that is taken up here and not one call deeper, or a long queue of short claims would exhaust the stack.
   */
  #grantWaiting(): void {
    this.#changed = true;
    if (this.#granting) return;
    this.#granting = true;
    try {
      while (this.#changed) {
        this.#changed = false;
        for (let i = 0; i < this.#waiting.length && !this.#changed; ) {
          const claim = this.#waiting[i] as RangeClaim;
          if (this.#conflicts(claim, i)) {
            i++;
            continue;
          }
          this.#waiting.splice(i, 1);
          this.#hold(claim);
          claim.onRangeGranted();
        }
      }
    } finally {
      this.#granting = false;
    }
  }
}

function overlap(a: RangeClaim, b: RangeClaim): boolean {
  return a.claimStart < b.claimEnd && b.claimStart < a.claimEnd;
}
