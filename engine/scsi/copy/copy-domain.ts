import { randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from '../../clock.js';
import { defaultLimits, type Limits } from '../../limits.js';
import { RodTokens } from './rod-tokens.js';

export interface CopyDomainOptions {
  readonly limits?: Limits;
  readonly clock?: Clock;
  /** Fills with bytes that nobody can guess. */
  readonly randomize?: (bytes: Uint8Array) => void;
  /** Resolves when others have had their turn of the event loop. */
  readonly nextTurn?: () => Promise<void>;
  /** Told of mistakes of ours that end a copy. */
  readonly onDefect?: (error: unknown) => void;
}

/** What the copy managers of all logical units of an engine share: how many copies run, and the ROD tokens, which one unit makes and another one is given. */
export class CopyDomain {
  readonly limits: Limits;
  readonly tokens: RodTokens;
  /** Memory is copied on this thread, where initiators want to be served between two pieces. */
  readonly nextTurn: () => Promise<void>;
  readonly onDefect: (error: unknown) => void;
  #runningCount = 0;

  constructor({
    limits = defaultLimits,
    clock = systemClock,
    randomize = randomFillSync,
    nextTurn = turnOfEventLoop,
    onDefect = () => {},
  }: CopyDomainOptions = {}) {
    this.limits = limits;
    this.nextTurn = nextTurn;
    this.onDefect = onDefect;
    this.tokens = new RodTokens(limits, clock, randomize);
  }

  /** Copies that run now. */
  get runningCount(): number {
    return this.#runningCount;
  }

  /** False when no more copies may run. Who got true calls `leave` once. */
  enter(): boolean {
    if (this.#runningCount >= this.limits.copyCountMax) return false;
    this.#runningCount++;
    return true;
  }

  leave(): void {
    this.#runningCount--;
  }
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
