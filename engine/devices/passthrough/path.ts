import type { Clock } from '../../clock.js';
import type { Limits } from '../../limits.js';
import { readSense, SenseKey } from '../../scsi/sense.js';
import { ScsiStatus } from '../../scsi/status.js';
import type { CarriedCommand, CarriedEnd, CarriedTask, Carrier, Connector } from './carrier.js';
import { DeviceQueries } from './device-queries.js';

/**
 * `opening` for the first time, `away` when it could not be opened or was lost, `settling` when it is there and is asked what it has to tell before commands go
 * through, `open`, and `closed` for good.
 */
export type PathState = 'opening' | 'away' | 'settling' | 'open' | 'closed';

/** Why a path settled: what it was asked, it tells. */
export type SettleCause = 'opened' | 'returned' | 'reset';

export interface PathEvents {
  /** Before the first command goes through: what the device had to tell, as ASC and ASCQ. May ask more of the device. */
  onSettled(path: Path, cause: SettleCause, attentions: readonly number[]): Promise<void>;
  onLost?(path: Path, why: string): void;
  /** It could not be opened; `isFirst` for the first attempt since it was there. */
  onUnreachable?(path: Path, why: string, isFirst: boolean): void;
}

interface Waiting {
  readonly command: CarriedCommand;
  readonly onEnd: (end: CarriedEnd) => void;
  task: CarriedTask | null;
  isAborted: boolean;
}

export interface PathOptions {
  readonly connector: Connector;
  /** See `Connector.connect`. */
  readonly wayName: string;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly events: PathEvents;
}

const RETRY_FACTOR = 2;

/** One way to the device that comes back by itself. */
export class Path {
  readonly #options: PathOptions;
  #state: PathState = 'opening';
  #carrier: Carrier | null = null;
  /** Since when it is not there; microseconds. */
  awaySinceMicros: number;
  /** It was open once. */
  wasOpen = false;
  /** It was asked for in vain once. */
  wasUnreachable = false;
  returnCount = 0;
  inFlightCount = 0;
  /** It was away and is not open yet. */
  #isComingBack = false;
  #retryMs: number;
  #cancelRetry: () => void = () => {};
  readonly #waiting = new Set<Waiting>();
  readonly #knowers: (() => void)[] = [];
  /** A reset that came while it settled: it begins anew. */
  #settleCount = 0;
  #closed: Promise<void> | null = null;
  /** Does not come back before `reconnect`: an operator wants it so. */
  #isHeld = false;

  constructor(options: PathOptions) {
    this.#options = options;
    this.#retryMs = options.limits.passthroughRetryMsMin;
    this.awaySinceMicros = options.clock.nowMicros();
    void this.#open();
  }

  get state(): PathState {
    return this.#state;
  }

  /**
   * Commands may be given to it: they go through, or wait for a moment that is bounded. Not while it comes back: a command must not run before its nexus has
   * been told that the device was away.
   */
  get takesCommands(): boolean {
    return this.#state === 'open' || (!this.#isComingBack && (this.#state === 'settling' || this.#state === 'opening'));
  }

  /** `onEnd` is called once, never before this returns. */
  carry(command: CarriedCommand, onEnd: (end: CarriedEnd) => void): CarriedTask {
    this.inFlightCount++;
    const end = (outcome: CarriedEnd): void => {
      this.inFlightCount--;
      onEnd(outcome);
    };
    if (this.#state === 'open' && this.#carrier !== null) return this.#carrier.carry(command, end);
    const waiting: Waiting = { command, onEnd: end, task: null, isAborted: false };
    this.#waiting.add(waiting);
    if (!this.takesCommands) queueMicrotask(() => this.#drop(waiting));
    return { abort: () => this.#abort(waiting) };
  }

  #drop(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) waiting.onEnd({ kind: waiting.isAborted ? 'aborted' : 'unsent' });
  }

  #abort(waiting: Waiting): void {
    waiting.isAborted = true;
    if (waiting.task !== null) waiting.task.abort();
    else queueMicrotask(() => this.#drop(waiting));
  }

  /** Resolves when it is open, or known not to be. */
  async whenKnown(): Promise<void> {
    if (this.#state !== 'opening' && this.#state !== 'settling') return;
    await new Promise<void>((resolve) => this.#knowers.push(resolve));
  }

  #enter(state: PathState): void {
    this.#state = state;
    if (state === 'away') this.#isComingBack = true;
    else if (state === 'open') this.#isComingBack = false;
    if (state === 'opening' || state === 'settling') return;
    for (const resolve of this.#knowers.splice(0)) resolve();
  }

  /** LOGICAL UNIT RESET of the device; resolves when it has been done. Commands that come now wait until the device has told what follows from it. */
  async reset(): Promise<void> {
    if (this.#state === 'settling') await this.whenKnown();
    const carrier = this.#carrier;
    if (carrier === null || this.#state !== 'open') return;
    await this.settleAfterReset(carrier.resetUnit());
  }

  /** Asks the device what it has to tell when it has been reset, on this path or on another. Resolves with the reset. */
  async settleAfterReset(resetDone: Promise<void>): Promise<void> {
    const carrier = this.#carrier;
    if (this.#state !== 'open') return;
    this.#enter('settling');
    await resetDone;
    if (this.#carrier === carrier) void this.settle('reset');
  }

  clearAca(): void {
    void this.#carrier?.clearAca();
  }

  /** Breaks the way as if by accident; with `stays` it does not come back before `reconnect`. */
  disconnect(stays: boolean): void {
    this.#isHeld = stays;
    if (stays) this.#cancelRetry();
    this.#carrier?.break();
  }

  reconnect(): void {
    this.#isHeld = false;
    if (this.#state !== 'away') return;
    this.#cancelRetry();
    this.#retryMs = this.#options.limits.passthroughRetryMsMin;
    void this.#open();
  }

  /** For good. Resolves when it has been let go of. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const carrier = this.#carrier;
    this.#enter('closed');
    this.#carrier = null;
    this.#cancelRetry();
    this.#dropAll();
    await carrier?.close();
  }

  async #open(): Promise<void> {
    const { connector, wayName } = this.#options;
    let carrier: Carrier | null = null;
    let lostAtOnce: string | null = null;
    try {
      carrier = await connector.connect(wayName, (why) => {
        if (carrier === null) lostAtOnce = why;
        else this.#onLost(carrier, why);
      });
    } catch (error) {
      lostAtOnce = (error as Error).message;
    }
    if (carrier === null || lostAtOnce !== null) {
      this.#onUnreachable(lostAtOnce ?? 'it was lost as soon as it was opened');
      return;
    }
    if (this.#state === 'closed') {
      await carrier.close();
      return;
    }
    this.#carrier = carrier;
    this.#enter('settling');
    await this.settle(this.wasOpen ? 'returned' : 'opened');
  }

  /** Takes the unit attentions that wait for us: they are not for whoever happens to send the first command. */
  async settle(cause: SettleCause): Promise<void> {
    const carrier = this.#carrier;
    if (carrier === null) return;
    const { clock, limits, events } = this.#options;
    const count = ++this.#settleCount;
    this.#enter('settling');
    const attentions = await new DeviceQueries(carrier, clock, limits).takeAttentions();
    const isStale = (): boolean => this.#carrier !== carrier || count !== this.#settleCount;
    if (isStale()) return;
    await events.onSettled(this, cause, attentions);
    if (isStale()) return;
    if (cause === 'returned') this.returnCount++;
    this.wasOpen = true;
    this.#retryMs = limits.passthroughRetryMsMin;
    this.#enter('open');
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      waiting.task = carrier.carry(waiting.command, waiting.onEnd);
    }
  }

  /** For questions of our own while it settles. */
  get queries(): DeviceQueries | null {
    const { clock, limits } = this.#options;
    return this.#carrier === null ? null : new DeviceQueries(this.#carrier, clock, limits);
  }

  #onLost(carrier: Carrier, why: string): void {
    if (this.#state === 'closed' || this.#carrier !== carrier) return;
    this.#carrier = null;
    this.#settleCount++;
    this.#enter('away');
    this.awaySinceMicros = this.#options.clock.nowMicros();
    this.#dropAll();
    this.#options.events.onLost?.(this, why);
    this.#retryLater();
  }

  #onUnreachable(why: string): void {
    if (this.#state === 'closed') return;
    const isFirst = !this.wasUnreachable && !this.wasOpen;
    this.wasUnreachable = true;
    this.#enter('away');
    this.#dropAll();
    this.#options.events.onUnreachable?.(this, why, isFirst);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isHeld) return;
    const { clock, limits } = this.#options;
    this.#cancelRetry = clock.after(this.#retryMs, () => void this.#open());
    this.#retryMs = Math.min(this.#retryMs * RETRY_FACTOR, limits.passthroughRetryMsMax);
  }

  #dropAll(): void {
    for (const waiting of this.#waiting) this.#drop(waiting);
  }
}

/** What a CHECK CONDITION tells of, when it is a unit attention. */
export function attentionOf(end: CarriedEnd): number | null {
  if (end.kind !== 'answered' || end.status !== ScsiStatus.checkCondition) return null;
  const { key, asc } = readSense(end.sense);
  return key === SenseKey.unitAttention ? asc : null;
}
