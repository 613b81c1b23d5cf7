import type { ProgramOutput } from './program-output.js';

/** What the measuring commands need of the process. */
export interface MeasureContext {
  readonly output: ProgramOutput;
  readonly version: string;
  readonly processId: number;
  readonly now: () => Date;
  /** Calls `listener` on each SIGINT and SIGTERM; answers a function that stops that. */
  readonly onSignal: (listener: (signal: string) => void) => () => void;
  /** Ends the process at once, for the second signal. */
  readonly exitNow: () => void;
}

/** One figure of each URL, for the lines that set them side by side. */
export interface ComparedFigure {
  readonly url: string;
  readonly operationsPerSecond: number;
}

/** Turns signals into an early end with figures: the first stops what runs and all that would follow, the second ends the process. */
export class Stopper {
  isStopped = false;
  #listener: () => void = () => {};
  readonly #forget: () => void;

  constructor({ onSignal, exitNow }: Pick<MeasureContext, 'onSignal' | 'exitNow'>) {
    this.#forget = onSignal(() => {
      if (this.isStopped) return exitNow();
      this.isStopped = true;
      this.#listener();
    });
  }

  readonly onStop = (listener: () => void): (() => void) => {
    this.#listener = listener;
    // It may have come while the target was being logged in to.
    if (this.isStopped) listener();
    return () => {
      this.#listener = () => {};
    };
  };

  forget(): void {
    this.#forget();
  }
}

/** `compared: 2 of 2: 1.041 times the operations/sec of 1: iscsi://…`; nothing for a single URL. */
export function comparisonLines(figures: readonly ComparedFigure[]): string[] {
  const [first, ...others] = figures;
  if (first === undefined || others.length === 0) return [];
  const rateOf = ({ url, operationsPerSecond }: ComparedFigure): string => `${operationsPerSecond.toFixed(1)} operations/sec  ${url}`;
  return [
    `compared: ${rateOf(first)}`,
    ...others.map((other) => `compared: ${rateOf(other)}  (${ratioText(other.operationsPerSecond, first.operationsPerSecond)} of the first)`),
  ];
}

function ratioText(value: number, base: number): string {
  return base > 0 ? `${(value / base).toFixed(3)} times that` : 'more than the nothing';
}
