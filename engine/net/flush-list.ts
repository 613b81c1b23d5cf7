interface Flushable {
  flush(): void;
}

/** The send queues that hold unsent PDUs, so that each is flushed once an event-loop turn. */
export class FlushList {
  readonly #dirty: Flushable[] = [];
  /** Of the list: the first that has not been flushed. One that throws is behind it and does not hold up the others. */
  #at = 0;
  #scheduled = false;
  readonly #onImmediate = () => {
    this.#scheduled = false;
    this.flushAll();
  };

  add(queue: Flushable): void {
    this.#dirty.push(queue);
  }

  /** Flushes all, and what flushing lets others send. */
  flushAll(): void {
    while (this.#at < this.#dirty.length) {
      const queue = this.#dirty[this.#at++] as Flushable;
      queue.flush();
    }
    this.#dirty.length = 0;
    this.#at = 0;
  }

  /** Flushes all before the event loop waits again. */
  flushSoon(): void {
    if (this.#scheduled || this.#dirty.length === 0) return;
    this.#scheduled = true;
    setImmediate(this.#onImmediate);
  }
}
