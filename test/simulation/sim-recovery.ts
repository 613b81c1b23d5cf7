import { encodeTaskManagementRequest, TaskManagementFunction, TaskManagementResponse } from '../../engine/pdu/index.js';
import { CommandEnd, type SimCommand } from './sim-command.js';
import { newHeader, type SimConnection } from './sim-connection.js';
import type { SimSession } from './sim-session.js';
import { must } from './violation.js';

const REASSIGN_AGAIN_MS = 250;
const LOGOUT_AGAIN_MS = 300;
const PAUSE_MS_MAX = 200;
/** What DefaultTime2Wait and DefaultTime2Retain come to. */
const RETAIN_MS = 22_000;
/** Somebody comes back too late. */
const LONG_PAUSE_MS = 25_000;

/** Connection recovery at ErrorRecoveryLevel 2: lost connections are logged out or opened again, and their tasks reassigned. RFC 7143 §7.2.2. */
export class SimRecovery {
  readonly #session: SimSession;
  /** CIDs that were lost and are neither logged out nor back, with the time. */
  readonly #lost = new Map<number, number>();
  /** Commands whose connection is gone. */
  readonly #orphans = new Set<SimCommand>();
  /** TASK REASSIGN requests by their tag. */
  readonly #reassigning = new Map<number, SimCommand>();
  #firstLossMicros = 0;
  /** Since all was well. */
  #lossCount = 0;

  constructor(session: SimSession) {
    this.#session = session;
  }

  get isIdle(): boolean {
    return this.#lost.size === 0 && this.#orphans.size === 0;
  }

  isLost(cid: number): boolean {
    return this.#lost.has(cid);
  }

  /** Tasks are retained for a time, and of so many connections; answers as far as there is room. */
  get mayHaveExpired(): boolean {
    const { clock, initiator } = this.#session;
    if (initiator.world.scenario.isRetentionSmall) return true;
    const isTooMany = this.#lossCount > initiator.world.target.limits.connectionPerSessionCountMax;
    return isTooMany || clock.nowMicros() - this.#firstLossMicros > RETAIN_MS * 1000;
  }

  onLost(connection: SimConnection): void {
    const session = this.#session;
    const { cid } = connection;
    if (this.isIdle) {
      this.#firstLossMicros = session.clock.nowMicros();
      this.#lossCount = 0;
    }
    this.#lossCount++;
    this.#lost.set(cid, session.clock.nowMicros());
    session.logouts.onLost(cid);
    for (const command of session.commands.values()) {
      if (command.connection !== connection) continue;
      command.isReassigning = true;
      this.#orphans.add(command);
    }
    this.retry(cid);
  }

  /** Tries to recover the connection, in one way or the other. */
  retry(cid: number): void {
    const session = this.#session;
    const isLong = session.random.below(100) === 0;
    session.clock.after(isLong ? LONG_PAUSE_MS : session.random.below(PAUSE_MS_MAX), () => {
      if (session.state === 'over' || !this.#lost.has(cid)) return;
      const [other] = session.openConnections;
      if (other === undefined || session.random.boolean()) {
        session.connect(cid);
        return;
      }
      session.logouts.removeForRecovery(other, cid);
      session.clock.after(LOGOUT_AGAIN_MS, () => {
        if (this.#lost.has(cid) && !session.connections.has(cid)) this.retry(cid);
      });
    });
  }

  onReconnected(connection: SimConnection): void {
    if (this.#lost.delete(connection.cid)) this.#onRecovered(connection.cid);
  }

  onLoggedOut(cid: number): void {
    const session = this.#session;
    if (!this.#lost.delete(cid)) return;
    session.clock.after(session.random.below(PAUSE_MS_MAX), () => session.connect(cid));
    this.#onRecovered(cid);
  }

  #onRecovered(cid: number): void {
    this.#session.logouts.onRecovered(cid);
    if (this.#lost.size > 0) return;
    for (const command of Array.from(this.#orphans)) this.#reassign(command);
  }

  #reassign(command: SimCommand): void {
    const session = this.#session;
    if (!this.#orphans.has(command) || this.#lost.size > 0 || session.state === 'over') return;
    if (!command.connection.isOpen || !command.wasReassigned) {
      const connections = session.openConnections;
      const connection = connections[session.random.below(connections.length)];
      if (connection === undefined) {
        session.clock.after(REASSIGN_AGAIN_MS, () => this.#reassign(command));
        return;
      }
      command.connection = connection;
      command.wasReassigned = true;
      command.expDataSN = command.forgetBehindGap();
    }
    const initiatorTaskTag = session.takeTag();
    this.#reassigning.set(initiatorTaskTag, command);
    this.#transmit(command, initiatorTaskTag);
    session.clock.after(REASSIGN_AGAIN_MS, () => this.#reassign(command));
  }

  #transmit(command: SimCommand, initiatorTaskTag: number): void {
    const { header, view } = newHeader();
    const names = { initiatorTaskTag, referencedTaskTag: command.initiatorTaskTag, refCmdSN: 0, expDataSN: command.expDataSN };
    const numbers = { cmdSN: this.#session.cmdSN, expStatSN: 0 };
    encodeTaskManagementRequest({ immediate: true, function: TaskManagementFunction.taskReassign, lunHigh: 0, lunLow: 0, ...names, ...numbers }, view, 0);
    command.connection.send(header);
  }

  /** Answers whether the response was for a TASK REASSIGN. */
  onResponse(connection: SimConnection, initiatorTaskTag: number, response: number): boolean {
    const session = this.#session;
    const command = this.#reassigning.get(initiatorTaskTag);
    if (command === undefined) return false;
    this.#reassigning.delete(initiatorTaskTag);
    if (!this.#orphans.has(command) || command.connection !== connection) return true;
    const tag = command.initiatorTaskTag.toString(16);
    switch (response) {
      case TaskManagementResponse.functionComplete:
      case TaskManagementResponse.taskStillAllegiant:
        this.#settle(command);
        break;
      case TaskManagementResponse.taskDoesNotExist:
        this.#onUnknown(command, connection);
        break;
      default:
        if (response === TaskManagementResponse.functionRejected && session.initiator.world.scenario.isRetentionSmall) {
          this.#settle(command);
          session.endCommand(command, CommandEnd.lost);
          break;
        }
        must(false, () => `${connection.name}: TASK REASSIGN of command ${tag} was answered with response ${response}`);
    }
    return true;
  }

  /** The target knows nothing of the command: it never came, or it was aborted. */
  #onUnknown(command: SimCommand, connection: SimConnection): void {
    const session = this.#session;
    this.#settle(command);
    if (session.isUnreceived(command.cmdSN)) {
      command.restart();
      const numbered = session.numbered.get(command.cmdSN);
      if (numbered !== undefined) numbered.connection = connection;
      session.transmitCommand(command, connection);
      return;
    }
    const tag = command.initiatorTaskTag.toString(16);
    must(command.abortRequested || this.mayHaveExpired, () => `${connection.name}: command ${tag} was received, and is gone with its connection`);
    session.endCommand(command, command.abortRequested ? CommandEnd.aborted : CommandEnd.lost);
  }

  #settle(command: SimCommand): void {
    this.forget(command);
    command.isReassigning = false;
    command.wasReassigned = false;
  }

  /** The command has ended. */
  forget(command: SimCommand): void {
    this.#orphans.delete(command);
  }
}
