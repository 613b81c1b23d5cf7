/** A task management response that waits for the rest of R2T answers. */
interface Wait {
  readonly targetTransferTags: Set<number>;
  readonly untilMicros: number;
  readonly done: () => void;
}

/**
 * The R2Ts of stopped tasks that the initiator still answers. RFC 7143 §4.2.3.3 "Standard Multi-Task Abort Semantics": the
 * response of a function that stops tasks waits for them, because the initiator goes on sending until it has that response.
 */
export class AbortedTransfers {
  #waits: Wait[] = [];

  /** Calls `done` once the last PDU for each of these tags has come, at the latest with the tick after `untilMicros`. */
  whenEnded(targetTransferTags: readonly number[], untilMicros: number, done: () => void): void {
    this.#waits.push({ targetTransferTags: new Set(targetTransferTags), untilMicros, done });
  }

  /** The last Data-Out PDU of a sequence has come for a task that was stopped. */
  onSequenceEnded(targetTransferTag: number): void {
    if (this.#waits.length === 0) return;
    for (const { targetTransferTags } of this.#waits) targetTransferTags.delete(targetTransferTag);
    this.#finish((wait) => wait.targetTransferTags.size === 0);
  }

  /** Initiators that stop sending with their request (open-iscsi does unless told otherwise) would never get its response. */
  onTick(nowMicros: number): void {
    if (this.#waits.length > 0) this.#finish((wait) => nowMicros > wait.untilMicros);
  }

  /** Nothing comes on this connection any more. */
  abandon(): void {
    this.#finish(() => true);
  }

  #finish(isOver: (wait: Wait) => boolean): void {
    const over = this.#waits.filter(isOver);
    if (over.length === 0) return;
    this.#waits = this.#waits.filter((wait) => !over.includes(wait));
    for (const { done } of over) done();
  }
}
