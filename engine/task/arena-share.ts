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
 * that does not drain its data can take no more than its share, and waits for its own memory without delaying others.
 */
export class ArenaShare {
  readonly arena: BufferArena;
  readonly #waiting: Waiter[] = [];
  readonly #ownerBytesMax: number;
  readonly #onStarved: (task: Task) => void;
  #holderCount = 0;
  #serving = false;
  /** Something was freed or withdrawn since the waiters were last looked through. */
  #changed = false;

  /** `onStarved` is told of the first task for whom the arena has not enough; it may free some. */
  constructor(arena: BufferArena, onStarved: (task: Task) => void = ignore) {
    this.arena = arena;
    this.#onStarved = onStarved;
    this.#ownerBytesMax = Math.max(arena.pieceBytesMax, arena.sizeBytes * OWNER_SHARE);
  }

  /** What one connection may hold when those that hold some now divide the arena among them; bytes. */
  get fairBytes(): number {
    return Math.min(this.#ownerBytesMax, this.arena.sizeBytes / Math.max(1, this.#holderCount));
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** True while somebody waits for the arena itself, not for its own share of it. */
  get isShort(): boolean {
    return this.#waiting.length > 0 && this.#waiting.some((waiter) => !this.#isOverShare(waiter.task.owner, waiter.lengthBytes));
  }

  /** The offset of a piece, or `ARENA_FULL`; never overtakes who waits for the same. */
  tryAllocate(owner: TaskOwner, lengthBytes: number): number {
    if (this.isShort || this.#hasWaiterBefore(this.#waiting.length, owner) || this.#isOverShare(owner, lengthBytes)) return ARENA_FULL;
    return this.#allocate(owner, lengthBytes);
  }

  /** Calls `resume` with the offset of a piece once others have given theirs back. */
  waitFor(task: Task, lengthBytes: number, resume: (offset: number) => void): void {
    this.#waiting.push({ task, lengthBytes, resume });
  }

  isWaiting(task: Task): boolean {
    return this.#waiting.some((waiter) => waiter.task === task);
  }

  /** True when the task waits for what its own connection holds, and not for the arena. */
  isHeldBackByOwner(task: Task): boolean {
    return this.#waiting.some((waiter) => waiter.task === task && this.#isOverShare(task.owner, waiter.lengthBytes));
  }

  /** Forgets a task that waits. Answers whether it did. */
  withdraw(task: Task): boolean {
    if (this.#waiting.length === 0) return false;
    const at = this.#waiting.findIndex((waiter) => waiter.task === task);
    if (at === -1) return false;
    this.#waiting.splice(at, 1);
    this.#serveWaiting();
    return true;
  }

  free(owner: TaskOwner, offset: number, lengthBytes: number): void {
    this.arena.free(offset);
    owner.arenaBytesHeld -= lengthBytes;
    if (owner.arenaBytesHeld === 0) this.#holderCount--;
    if (this.#waiting.length > 0) this.#serveWaiting();
  }

  /** Memory goes over to another connection, with the task that holds it. */
  handOver(from: TaskOwner, to: TaskOwner, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    if (to.arenaBytesHeld === 0) this.#holderCount++;
    to.arenaBytesHeld += lengthBytes;
    from.arenaBytesHeld -= lengthBytes;
    if (from.arenaBytesHeld === 0) this.#holderCount--;
  }

  #isOverShare(owner: TaskOwner, lengthBytes: number): boolean {
    return owner.arenaBytesHeld > 0 && owner.arenaBytesHeld + lengthBytes > this.#ownerBytesMax;
  }

  /** Whether one of the first `count` waiters is of this connection. */
  #hasWaiterBefore(count: number, owner: TaskOwner): boolean {
    for (let i = 0; i < count; i++) if ((this.#waiting[i] as Waiter).task.owner === owner) return true;
    return false;
  }

  #allocate(owner: TaskOwner, lengthBytes: number): number {
    const offset = this.arena.allocate(lengthBytes);
    if (offset === ARENA_FULL) return offset;
    if (owner.arenaBytesHeld === 0) this.#holderCount++;
    owner.arenaBytesHeld += lengthBytes;
    if (lengthBytes > owner.commandBytes) owner.commandBytes = lengthBytes;
    return offset;
  }

  /** Who is served may free, wait and withdraw within its call: that is taken up here and not one call deeper. */
  #serveWaiting(): void {
    this.#changed = true;
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#changed) {
        this.#changed = false;
        this.#serveInOrder();
      }
    } finally {
      this.#serving = false;
    }
  }

  /** Whoever is over its own share is passed by, with all it has behind; for the others the order stands. */
  #serveInOrder(): void {
    for (let i = 0; i < this.#waiting.length && !this.#changed; ) {
      const { task, lengthBytes, resume } = this.#waiting[i] as Waiter;
      if (this.#isOverShare(task.owner, lengthBytes) || this.#hasWaiterBefore(i, task.owner)) {
        i++;
        continue;
      }
      const offset = this.#allocate(task.owner, lengthBytes);
      if (offset === ARENA_FULL) {
        this.#onStarved(task);
        return;
      }
      this.#waiting.splice(i, 1);
      resume(offset);
    }
  }
}

function ignore(): void {}
