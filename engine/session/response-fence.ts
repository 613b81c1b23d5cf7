import type { Task } from '../task/task.js';
import type { TaskSet } from '../task/task-set.js';
import { serialDifference } from './command-window.js';
import type { Connection } from './connection.js';
import { connectionsOf } from './connections-of.js';
import type { Session } from './session.js';

/** A response that no other of the same units may overtake, nor be overtaken by, on whichever connection. */
interface FencedResponse {
  readonly connection: Connection;
  readonly taskSets: readonly TaskSet[];
  readonly send: () => void;
}

/**
 * The Response Fence of a session with several connections, RFC 7143 §4.2.2.3.2: before the response goes out all others must have
 * arrived, and before any other of its logical units follows it must itself have arrived. On one connection order does that.
 */
export class ResponseFence {
  readonly #session: Session;
  readonly #queue: FencedResponse[] = [];
  /** The StatSN that each connection has to acknowledge next. */
  readonly #awaited = new Map<Connection, number>();
  readonly #held = new Set<Task>();
  #isSent = false;

  /** Order alone will not do: there are several connections, and it was agreed to care. RFC 7143 §4.2.2.3.2. */
  static isNeeded({ connections, parameters }: Session): boolean {
    return connections.size > 1 && parameters.taskReporting !== 'RFC3720';
  }

  constructor(session: Session) {
    this.#session = session;
  }

  /** Calls `send` when the fence before it is clear. */
  raise(response: FencedResponse): void {
    this.#queue.push(response);
    if (this.#queue.length === 1) this.#begin();
  }

  /** True when the answer has to wait; it is given back when the fence is clear. */
  holds(task: Task): boolean {
    const isBehind = this.#queue.some(({ taskSets }) => taskSets.includes(task.taskSet));
    if (isBehind) this.#held.add(task);
    return isBehind;
  }

  /** The task has ended without its answer. */
  forget(task: Task): void {
    this.#held.delete(task);
  }

  onExpStatSN(connection: Connection, expStatSN: number): void {
    const awaited = this.#awaited.get(connection);
    if (awaited !== undefined && serialDifference(expStatSN, awaited) >= 0) this.#onArrived(connection);
  }

  /** What it has not acknowledged it never will. */
  onConnectionEnded(connection: Connection): void {
    if (this.#awaited.has(connection)) this.#onArrived(connection);
  }

  #begin(): void {
    this.#session.isFenced = true;
    this.#isSent = false;
    const issuing = this.#queue[0]?.connection;
    for (const connection of connectionsOf(this.#session)) if (connection !== issuing) this.#await(connection);
    if (this.#awaited.size === 0) this.#send();
  }

  #await(connection: Connection): void {
    this.#awaited.set(connection, connection.statSN);
    connection.keepalive.solicit();
  }

  #onArrived(connection: Connection): void {
    this.#awaited.delete(connection);
    if (this.#awaited.size > 0) return;
    if (this.#isSent) this.#clear();
    else this.#send();
  }

  #send(): void {
    this.#isSent = true;
    const response = this.#queue[0] as FencedResponse;
    response.send();
    if (response.connection.isOpen) this.#await(response.connection);
    else this.#clear();
  }

  #clear(): void {
    this.#queue.shift();
    if (this.#queue.length > 0) this.#begin();
    else this.#session.isFenced = false;
    const held = Array.from(this.#held);
    this.#held.clear();
    // Those behind the next fence are held again.
    for (const task of held) {
      const { context, transport } = task.owner as Connection;
      context.runner.advanceTransfer(task);
      transport.flushSoon();
    }
  }
}
