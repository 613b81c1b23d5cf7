import { ARENA_FULL, type BufferArena } from '../shm/buffer-arena.js';
import type { Task, TaskOwner } from './task.js';

/** One connection may hold this share of the arena while others want some. */
const OWNER_SHARE = 1 / 4;

interface Waiter {
  readonly task: Task;
  readonly lengthBytes: number;
  readonly resume: (offset: number) => void;
}

/**
 * Hands out arena memory to tasks, in order of arrival, and makes those wait for whom there is none. A connection
 * that does not drain its data cannot take all of it.
 */
export class ArenaShare {
  readonly arena: BufferArena;
  readonly #waiting: Waiter[] = [];
  readonly #ownerBytesMax: number;

  constructor(arena: BufferArena) {
    this.arena = arena;
    this.#ownerBytesMax = Math.max(arena.pieceBytesMax, arena.sizeBytes * OWNER_SHARE);
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** The offset of a piece, or `ARENA_FULL`; never overtakes who waits. */
  tryAllocate(owner: TaskOwner, lengthBytes: number): number {
    if (this.#waiting.length > 0) return ARENA_FULL;
    return this.#allocate(owner, lengthBytes);
  }

  /** Calls `resume` with the offset of a piece once others have given theirs back. */
  waitFor(task: Task, lengthBytes: number, resume: (offset: number) => void): void {
    this.#waiting.push({ task, lengthBytes, resume });
  }

  /** Forgets a task that waits. Answers whether it did. */
  withdraw(task: Task): boolean {
    const at = this.#waiting.findIndex((waiter) => waiter.task === task);
    if (at === -1) return false;
    this.#waiting.splice(at, 1);
    return true;
  }

  free(owner: TaskOwner, offset: number, lengthBytes: number): void {
    this.arena.free(offset);
    owner.arenaBytesHeld -= lengthBytes;
    if (this.#waiting.length > 0) this.#serveWaiting();
  }

  #allocate(owner: TaskOwner, lengthBytes: number): number {
    if (owner.arenaBytesHeld > 0 && owner.arenaBytesHeld + lengthBytes > this.#ownerBytesMax) return ARENA_FULL;
    const offset = this.arena.allocate(lengthBytes);
    if (offset !== ARENA_FULL) owner.arenaBytesHeld += lengthBytes;
    return offset;
  }

  #serveWaiting(): void {
    for (let i = 0; i < this.#waiting.length; ) {
      const waiter = this.#waiting[i] as Waiter;
      const offset = this.#allocate(waiter.task.owner, waiter.lengthBytes);
      if (offset !== ARENA_FULL) {
        this.#waiting.splice(i, 1);
        waiter.resume(offset);
        continue;
      }
      // Whoever is over its own share is passed by; for all others the order stands.
      if (this.arena.freeBytes >= waiter.lengthBytes) i++;
      else return;
    }
  }
}
