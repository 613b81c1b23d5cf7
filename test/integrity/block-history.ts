/** One write of one block as its initiator saw it. */
interface WriteEvent {
  readonly writer: number;
  readonly generation: number;
  readonly startedAt: number;
  /** `Infinity` while it is on its way. */
  endedAt: number;
  /** It succeeded. One that failed may have changed the block all the same, but nobody may count on it. */
  certain: boolean;
}

/** What a command of an initiator needs to be judged: when it was sent. */
export interface Observation {
  readonly startedAt: number;
}

/**
 * Which writes a read may see, block by block. Writes and reads are intervals from submission to answer on one logical clock. A
 * read may see any write that began before the read ended, unless another one that succeeded lies wholly between the two.
 */
export class BlockHistory {
  readonly #blocks: WriteEvent[][];
  readonly #reads = new Set<Observation>();
  #now = 1;

  /** All blocks begin as written by `writer` 0 in generation 0. */
  constructor(lbaCount: number) {
    this.#blocks = Array.from({ length: lbaCount }, () => [{ writer: 0, generation: 0, startedAt: 0, endedAt: 0, certain: true }]);
  }

  /** A write of the blocks is about to be sent; call the answer when it has ended. */
  beginWrite(lba: number, lbaCount: number, writer: number, generation: number): (succeeded: boolean) => void {
    const event: WriteEvent = { writer, generation, startedAt: this.#now++, endedAt: Number.POSITIVE_INFINITY, certain: false };
    for (let i = lba; i < lba + lbaCount; i++) this.#blocks[i]?.push(event);
    return (succeeded) => {
      event.endedAt = this.#now++;
      event.certain = succeeded;
      if (succeeded) for (let i = lba; i < lba + lbaCount; i++) this.#forgetSuperseded(i, event);
    };
  }

  beginRead(): Observation {
    const read = { startedAt: this.#now++ };
    this.#reads.add(read);
    return read;
  }

  /** To be called once a read has been judged: what nobody may see any more is then let go. */
  endRead(read: Observation): void {
    this.#reads.delete(read);
  }

  /** Null when `read`, which ends now, may have seen this write of the block; otherwise what is wrong with it. */
  fault(read: Observation, lba: number, writer: number, generation: number): string | null {
    const events = this.#blocks[lba] ?? [];
    const seen = events.find((event) => event.writer === writer && event.generation === generation);
    if (seen === undefined) return 'that write was overwritten long ago, or never made';
    const later = events.find((event) => event.certain && event.startedAt > seen.endedAt && event.endedAt < read.startedAt);
    return later === undefined ? null : `writer ${later.writer} had overwritten it in generation ${later.generation} before the read began`;
  }

  /** Drops the writes of the block that ended before `event` began, unless a read on its way may still see them. */
  #forgetSuperseded(lba: number, event: WriteEvent): void {
    for (const read of this.#reads) if (read.startedAt < event.endedAt) return;
    this.#blocks[lba] = (this.#blocks[lba] as WriteEvent[]).filter((older) => older.endedAt >= event.startedAt);
  }
}
