interface Piece {
  from: number;
  to: number;
}

/** Which bytes of a buffer (or numbers of a row) have come: sorted pieces that neither touch nor overlap; one when all is in order. */
export class ByteCoverage {
  readonly #pieces: Piece[] = [];

  /** Where the next byte belongs when everything comes in order. */
  get end(): number {
    return this.#pieces[this.#pieces.length - 1]?.to ?? 0;
  }

  /** Bytes from offset 0 without a gap. */
  get contiguousBytes(): number {
    const first = this.#pieces[0];
    return first === undefined || first.from !== 0 ? 0 : first.to;
  }

  get hasGap(): boolean {
    return this.#pieces.length > 1 || (this.#pieces[0]?.from ?? 0) !== 0;
  }

  get totalBytes(): number {
    let total = 0;
    for (const { from, to } of this.#pieces) total += to - from;
    return total;
  }

  has(at: number): boolean {
    return this.#pieces.some((piece) => piece.from <= at && at < piece.to);
  }

  /** What is not covered of `[0, until)`. */
  gaps(until: number): Piece[] {
    const gaps: Piece[] = [];
    let at = 0;
    for (const { from, to } of this.#pieces) {
      if (at >= until) break;
      if (from > at) gaps.push({ from: at, to: Math.min(from, until) });
      at = to;
    }
    if (at < until) gaps.push({ from: at, to: until });
    return gaps;
  }

  /** Adds `[from, to)`, whatever of it was there already. */
  merge(from: number, to: number): void {
    if (this.add(from, to)) return;
    for (const gap of this.gaps(to)) if (gap.to > from) this.add(Math.max(gap.from, from), gap.to);
  }

  clear(): void {
    this.#pieces.length = 0;
  }

  /** Adds `[from, to)`. Answers false, and adds nothing, when some of it was there already. */
  add(from: number, to: number): boolean {
    if (from === to) return true;
    const pieces = this.#pieces;
    const last = pieces[pieces.length - 1];
    if (last !== undefined && last.to === from) {
      last.to = to;
      return true;
    }
    let index = pieces.findIndex((piece) => piece.to > from);
    if (index === -1) index = pieces.length;
    const next = pieces[index];
    if (next !== undefined && next.from < to) return false;
    const before = pieces[index - 1];
    const joinsBefore = before !== undefined && before.to === from;
    const joinsNext = next !== undefined && next.from === to;
    if (joinsBefore && joinsNext) {
      before.to = next.to;
      pieces.splice(index, 1);
    } else if (joinsBefore) {
      before.to = to;
    } else if (joinsNext) {
      next.from = from;
    } else {
      pieces.splice(index, 0, { from, to });
    }
    return true;
  }
}
