export interface Countdown {
  /** One thing more to wait for; what it answers is to be called when that has happened. */
  add(): () => void;
  /** All has been added. */
  start(): void;
}

/** Calls `done` once everything that was added has happened, within `start` at the earliest. */
export function countdown(done: () => void): Countdown {
  let left = 1;
  const one = () => {
    left--;
    if (left === 0) done();
  };
  return {
    add: () => {
      left++;
      return one;
    },
    start: one,
  };
}
