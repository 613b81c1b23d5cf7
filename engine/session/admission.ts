import type { Limits } from '../limits.js';
import type { TaskRunner } from '../task/task-runner.js';

/** Below this share of free slots or arena bytes, windows shrink and connections that owe us nothing are not read. */
const LOW_SHARE = 1 / 8;

/** Windows leave this share of the arena to those who come anew, and to commands that need more than the ones before them. */
const COMMANDED_SHARE = 3 / 4;

interface Pausable {
  resumeAfterShortage(): void;
}

/**
 * Back-pressure of the whole engine: MaxCmdSN and reading from sockets follow the free slots and the free arena
 * bytes, so that nothing queues without bound.
 */
export class Admission {
  readonly #runner: TaskRunner;
  readonly #limits: Limits;
  readonly #arenaLowBytes: number;
  readonly #slotsLow: number;
  readonly #paused = new Set<Pausable>();
  readonly #emptied: Pausable[] = [];
  sessionCount = 0;
  /** What all connections keep to send it again; bytes. */
  retainedBytes = 0;

  constructor(runner: TaskRunner, limits: Limits) {
    this.#runner = runner;
    this.#limits = limits;
    this.#arenaLowBytes = runner.arena.sizeBytes * LOW_SHARE;
    this.#slotsLow = Math.ceil(limits.slotCount * LOW_SHARE);
  }

  get isLow(): boolean {
    return this.#runner.arena.freeBytes < this.#arenaLowBytes || this.#runner.slots.freeCount < this.#slotsLow || this.#runner.share.isShort;
  }

  get windowCountMax(): number {
    return this.#limits.commandWindowCountMax;
  }

  get windowStartCount(): number {
    return this.#limits.commandWindowStartCount;
  }

  /** Commands a session may have outstanding now: its limit, or its share of the slots when they are many. */
  get windowCount(): number {
    const shareOfSlots = Math.floor(this.#limits.slotCount / Math.max(1, this.sessionCount));
    const count = Math.min(this.#limits.commandWindowCountMax, Math.max(1, shareOfSlots));
    return this.isLow ? Math.max(1, count >> 3) : count;
  }

  /** Commands a session may have outstanding that need this much memory each. */
  countFor(commandBytes: number): number {
    return Math.max(1, Math.floor((this.#runner.share.fairBytes * COMMANDED_SHARE) / commandBytes));
  }

  /** The connection has stopped reading and is to be told when there is room again. */
  pause(connection: Pausable): void {
    this.#paused.add(connection);
  }

  forget(connection: Pausable): void {
    this.#paused.delete(connection);
  }

  /** The connection holds nothing any more: it is not to wait for what others hold. */
  onEmptied(connection: Pausable): void {
    if (this.#paused.has(connection)) this.#emptied.push(connection);
  }

  /** Slots or memory were given back. */
  onResourcesFreed(): void {
    for (let emptied = this.#emptied.pop(); emptied !== undefined; emptied = this.#emptied.pop()) {
      if (this.#paused.delete(emptied)) emptied.resumeAfterShortage();
    }
    if (this.#paused.size === 0 || this.isLow) return;
    for (const connection of this.#paused) {
      this.#paused.delete(connection);
      connection.resumeAfterShortage();
      if (this.isLow) return;
    }
  }
}
