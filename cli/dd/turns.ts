/** The right to do something when everybody who asked before has done it. */
export interface Turn {
  /** Waits for it, and passes it on when `work` is done, however it ends. */
  use<T>(work: () => Promise<T>): Promise<T>;
  /** Passes it on without any use of it; harmless afterwards. */
  end(): void;
}

const free: Turn = { use: (work) => work(), end() {} };

/** Hands out turns in order; where order does not matter everybody has one at once. */
export class Turns {
  readonly #isOrdered: boolean;
  #last: Promise<void> = Promise.resolve();

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  take(): Turn {
    if (!this.#isOrdered) return free;
    const before = this.#last;
    let end: () => void = () => {};
    this.#last = new Promise((resolve) => {
      // A turn that is given up still comes after those before it.
      end = () => void before.then(resolve);
    });
    return {
      end,
      async use(work) {
        await before;
        try {
          return await work();
        } finally {
          end();
        }
      },
    };
  }
}
