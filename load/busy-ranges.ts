const NONE = -1;

/** Blocks that commands are on their way to, so that no read meets a write whose data it could see half of. One range a thread. */
export class BusyRanges {
  readonly #lbas: Float64Array;
  readonly #lbaCounts: Uint32Array;
  readonly #writes: Uint8Array;

  constructor(threadCount: number) {
    this.#lbas = new Float64Array(threadCount).fill(NONE);
    this.#lbaCounts = new Uint32Array(threadCount);
    this.#writes = new Uint8Array(threadCount);
  }

  /** True when a read would meet a write there, or a write anything. */
  conflicts(lba: number, lbaCount: number, writes: boolean): boolean {
    const end = lba + lbaCount;
    for (let thread = 0; thread < this.#lbas.length; thread++) {
      const at = this.#lbas[thread] as number;
      if (at === NONE || at >= end || at + (this.#lbaCounts[thread] as number) <= lba) continue;
      if (writes || this.#writes[thread] === 1) return true;
    }
    return false;
  }

  acquire(thread: number, lba: number, lbaCount: number, writes: boolean): void {
    this.#lbas[thread] = lba;
    this.#lbaCounts[thread] = lbaCount;
    this.#writes[thread] = writes ? 1 : 0;
  }

  release(thread: number): void {
    this.#lbas[thread] = NONE;
  }
}
