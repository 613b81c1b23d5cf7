interface Flushable {
  flush(): void;
}

/** The send queues that hold unsent PDUs, so that each is flushed once an event-loop turn. */
export class FlushList {
  #dirty: Flushable[] = [];
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
    while (this.#dirty.length > 0) {
      const dirty = this.#dirty;
      this.#dirty = [];
      for (const queue of dirty) queue.flush();
    }
  }

  /** Flushes all before the event loop waits again. */
  flushSoon(): void {
    if (this.#scheduled || this.#dirty.length === 0) return;
    this.#scheduled = true;
    setImmediate(this.#onImmediate);
  }
}
