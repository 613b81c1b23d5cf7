/**
 * Which bytes of a buffer have come when they may come in any order: the bounds of sorted pieces that neither touch nor
 * overlap, start and end in turn. How many pieces there may be is bounded, because the peer decides where its gaps are.
 */
export class ByteCoverage {
  readonly #bounds: number[] = [];
  #boundCountMax = 0;

  /** Starts anew with nothing covered. */
  begin(pieceCountMax: number): void {
    this.#bounds.length = 0;
    this.#boundCountMax = 2 * pieceCountMax;
  }

  /** Behind the last byte that has come, gaps or not. */
  get end(): number {
    return this.#bounds[this.#bounds.length - 1] ?? 0;
  }

  /** Some byte of `[from, to)` has come. */
  overlaps(from: number, to: number): boolean {
    if (from >= to) return false;
    const index = this.#firstEndingBehind(from);
    return index < this.#bounds.length && (this.#bounds[index] as number) < to;
  }

  /** The parts of `[from, to)` that have not come, start and end in turn. */
  missingWithin(from: number, to: number): number[] {
    const missing: number[] = [];
    let at = from;
    for (let index = this.#firstEndingBehind(from); index < this.#bounds.length && at < to; index += 2) {
      const start = this.#bounds[index] as number;
      if (start > at) missing.push(at, Math.min(start, to));
      at = Math.max(at, this.#bounds[index + 1] as number);
    }
    if (at < to) missing.push(at, to);
    return missing;
  }

  /** `[from, to)`, none of which has come, may be added: it touches a piece, or there is room for one more. */
  hasRoomFor(from: number, to: number): boolean {
    const bounds = this.#bounds;
    if (from >= to || bounds.length < this.#boundCountMax) return true;
    const index = this.#firstEndingBehind(from);
    return (index > 0 && bounds[index - 1] === from) || bounds[index] === to;
  }

  /** Adds `[from, to)`, none of which has come and for which there is room. */
  add(from: number, to: number): void {
    if (from >= to) return;
    const bounds = this.#bounds;
    const index = this.#firstEndingBehind(from);
    const joinsBefore = index > 0 && bounds[index - 1] === from;
    const joinsNext = bounds[index] === to;
    if (joinsBefore && joinsNext) bounds.splice(index - 1, 2);
    else if (joinsBefore) bounds[index - 1] = to;
    else if (joinsNext) bounds[index] = from;
    else bounds.splice(index, 0, from, to);
  }

  /** Index in `#bounds` of the start of the first piece that ends behind `offset`; their length when there is none. */
  #firstEndingBehind(offset: number): number {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length >> 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bounds[2 * middle + 1] as number) > offset) high = middle;
      else low = middle + 1;
    }
    return 2 * low;
  }
}
