import type { Task } from '../task/task.js';
import type { Connection } from './connection.js';

/** A connection that is gone while its tasks wait to be taken over. RFC 7143 §8.2 "Connection Cleanup State Diagram". */
export interface LostConnection {
  readonly connection: Connection;
  /** A recovery logout, spoken or implied, has been done: its tasks may be reassigned. RFC 7143 §7.2.2. */
  isLoggedOut: boolean;
  cancelExpiry: () => void;
}

/** The lost connections of one session, by CID, oldest first. */
export class LostConnections {
  /** Null while there never was one, as in almost every session. */
  #byCid: Map<number, LostConnection> | null = null;

  get count(): number {
    return this.#byCid?.size ?? 0;
  }

  get(cid: number): LostConnection | undefined {
    return this.#byCid?.get(cid);
  }

  /** Keeps the tasks of a connection for `retainMs`; more than `countMax` connections push out the oldest. */
  keep(connection: Connection, isLoggedOut: boolean, retainMs: number, countMax: number): void {
    this.end(connection.cid);
    this.#byCid ??= new Map();
    for (const cid of this.#byCid.keys()) {
      if (this.#byCid.size < countMax) break;
      this.end(cid);
    }
    const cancelExpiry = connection.context.clock.after(retainMs, () => this.end(connection.cid));
    this.#byCid.set(connection.cid, { connection, isLoggedOut, cancelExpiry });
  }

  /** A recovery logout: from now on the tasks wait for their reassignment. False when there is no such connection. */
  logOut(cid: number, retainMs: number): boolean {
    const lost = this.#byCid?.get(cid);
    if (lost === undefined) return false;
    lost.isLoggedOut = true;
    lost.cancelExpiry();
    lost.cancelExpiry = lost.connection.context.clock.after(retainMs, () => this.end(cid));
    return true;
  }

  /** Nobody may take over the tasks of this connection any more: they end. False when there is no such connection. */
  end(cid: number): boolean {
    const lost = this.#byCid?.get(cid);
    if (lost === undefined) return false;
    this.#byCid?.delete(cid);
    lost.cancelExpiry();
    lost.connection.endTasks();
    return true;
  }

  endAll(): void {
    if (this.#byCid === null) return;
    for (const cid of Array.from(this.#byCid.keys())) this.end(cid);
  }

  /** The lost connection that a task of this tag, or an answer to it that was not acknowledged, belongs to. */
  findTask(initiatorTaskTag: number): { lost: LostConnection; task: Task | undefined } | null {
    if (this.#byCid === null) return null;
    for (const lost of this.#byCid.values()) {
      const task = lost.connection.tasks.get(initiatorTaskTag);
      if (task !== undefined || lost.connection.retransmission?.findCommand(initiatorTaskTag) !== undefined) return { lost, task };
    }
    return null;
  }
}
