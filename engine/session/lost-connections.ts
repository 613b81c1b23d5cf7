import type { Task } from '../task/task.js';
import type { Connection } from './connection.js';

/** A connection that is gone while its tasks wait to be taken over. RFC 7143 §8.2 "Connection Cleanup State Diagram". */
export interface LostConnection {
  readonly connection: Connection;
  /** A recovery logout, spoken or implied, has been done: its tasks may be reassigned. RFC 7143 §7.2.2. */
  isLoggedOut: boolean;
  cancelExpiry: () => void;
}

/** The lost connections of one session, oldest first. A CID may be there more than once, as it is used again after its logout. */
export class LostConnections {
  #lost: LostConnection[] = [];

  get count(): number {
    return this.#lost.length;
  }

  /** Keeps the tasks of a connection for `retainMs`; more than `countMax` connections push out the oldest, rather one that has nothing left. */
  keep(connection: Connection, isLoggedOut: boolean, retainMs: number, countMax: number): void {
    while (this.#lost.length >= countMax) this.#end(this.#lost.find(holdsNothing) ?? (this.#lost[0] as LostConnection));
    const lost: LostConnection = { connection, isLoggedOut, cancelExpiry: () => {} };
    this.#lost.push(lost);
    this.#expireAfter(lost, retainMs);
  }

  /** A recovery logout: from now on the tasks wait for their reassignment. False when there is no such connection. */
  logOut(cid: number, retainMs: number): boolean {
    const concerned = this.#of(cid);
    for (const lost of concerned) {
      lost.isLoggedOut = true;
      this.#expireAfter(lost, retainMs);
    }
    return concerned.length > 0;
  }

  /** Nobody may take over the tasks of this connection any more: they end. False when there is no such connection. */
  end(cid: number): boolean {
    const concerned = this.#of(cid);
    for (const lost of concerned) this.#end(lost);
    return concerned.length > 0;
  }

  endAll(): void {
    for (const lost of this.#lost.slice()) this.#end(lost);
  }

  /** The lost connection that a task of this tag, or an answer to it that was not acknowledged, belongs to. */
  findTask(initiatorTaskTag: number): { lost: LostConnection; task: Task | undefined } | null {
    for (const lost of this.#lost) {
      const task = lost.connection.tasks.get(initiatorTaskTag);
      if (task !== undefined || lost.connection.retransmission?.findCommand(initiatorTaskTag) !== undefined) return { lost, task };
    }
    return null;
  }

  hasTask(initiatorTaskTag: number): boolean {
    return this.#lost.some(({ connection }) => connection.tasks.has(initiatorTaskTag));
  }

  /** Nobody will ask for the answer to the command that had this tag. */
  forgetAnswer(initiatorTaskTag: number): void {
    for (const { connection } of this.#lost) {
      const answer = connection.retransmission?.findCommand(initiatorTaskTag);
      if (answer !== undefined) connection.retransmission?.take(answer);
    }
  }

  /** All tasks of these were taken over, and their recovery logout is done: there is nothing left to ask them for. */
  forgetEmpty(): void {
    for (const lost of this.#lost.slice()) if (lost.isLoggedOut && holdsNothing(lost)) this.#end(lost);
  }

  #of(cid: number): LostConnection[] {
    return this.#lost.filter(({ connection }) => connection.cid === cid);
  }

  #expireAfter(lost: LostConnection, retainMs: number): void {
    lost.cancelExpiry();
    lost.cancelExpiry = lost.connection.context.clock.after(retainMs, () => this.#end(lost));
  }

  #end(lost: LostConnection): void {
    this.#lost = this.#lost.filter((other) => other !== lost);
    lost.cancelExpiry();
    lost.connection.endTasks();
  }
}

/** It has no task, and no answer that was not acknowledged. */
function holdsNothing({ connection }: LostConnection): boolean {
  return connection.tasks.size === 0 && (connection.retransmission?.isEmpty ?? true);
}
