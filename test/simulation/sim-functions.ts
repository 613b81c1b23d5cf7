import {
  decodeTaskManagementResponse,
  encodeTaskManagementRequest,
  RESERVED_TAG,
  TaskManagementFunction,
  TaskManagementResponse,
} from '../../engine/pdu/index.js';
import { CommandEnd, type SimCommand } from './sim-command.js';
import { newHeader, type SimConnection } from './sim-connection.js';
import type { SimSession } from './sim-session.js';
import { must } from './violation.js';

interface PendingFunction {
  readonly initiatorTaskTag: number;
  readonly code: number;
  readonly lun: number;
  /** Those that it ends. */
  readonly affected: readonly SimCommand[];
  readonly referenced: SimCommand | null;
  readonly immediate: boolean;
  cmdSN: number;
  connection: SimConnection;
  sentMicros: number;
}

/** What was received and is not answered for so long was dropped with the connection it came by. */
const STALE_MS = 1500;
const PROBE_AFTER_MS = 300;

/** Task management of one session: what was asked for and is not answered. */
export class SimFunctions {
  readonly #session: SimSession;
  readonly #pending = new Map<number, PendingFunction>();

  constructor(session: SimSession) {
    this.#session = session;
  }

  /** Commands that others begin now may be stopped. */
  get threatensOthers(): boolean {
    return [...this.#pending.values()].some(({ code }) => affectsOthers(code));
  }

  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** RFC 7143 §11.5.1: on the connection that the task belongs to. */
  abortTask(command: SimCommand): void {
    this.#start(TaskManagementFunction.abortTask, command.connection, command.plan.lun, [command], command);
  }

  /** A function on a whole logical unit, or for `TARGET WARM RESET` on all of them. */
  abortAll(code: number, connection: SimConnection, lun: number): void {
    const affected = [...this.#session.commands.values()].filter((command) => command.plan.lun === lun || isOnTarget(code));
    this.#start(code, connection, lun, affected, null);
  }

  #start(code: number, connection: SimConnection, lun: number, affected: readonly SimCommand[], referenced: SimCommand | null): void {
    const session = this.#session;
    // One that is immediate may be lost without anybody noticing.
    const immediate = session.level === 0 && session.random.boolean();
    if (!immediate && !session.hasRoom) return;
    for (const command of affected) command.abortRequested = true;
    const initiatorTaskTag = session.takeTag();
    const pending: PendingFunction = { initiatorTaskTag, code, lun, affected, referenced, immediate, cmdSN: session.cmdSN, connection, sentMicros: 0 };
    this.#pending.set(initiatorTaskTag, pending);
    if (immediate) this.#transmit(pending, connection, session.cmdSN);
    else session.sendNumbered(connection, null, (by, cmdSN) => this.#transmit(pending, by, cmdSN));
  }

  #transmit(pending: PendingFunction, connection: SimConnection, cmdSN: number): void {
    const { header, view } = newHeader();
    pending.connection = connection;
    pending.sentMicros = this.#session.clock.nowMicros();
    this.#warnOthers(pending);
    const { code, lun, referenced, immediate, initiatorTaskTag } = pending;
    encodeTaskManagementRequest(
      {
        immediate,
        function: code,
        lunHigh: lun << 16,
        lunLow: 0,
        initiatorTaskTag,
        referencedTaskTag: referenced?.initiatorTaskTag ?? RESERVED_TAG,
        // RFC 7143 §11.5.5: that of the request itself for a task that an immediate command made.
        refCmdSN: referenced?.immediate === true ? cmdSN : (referenced?.cmdSN ?? 0),
        expDataSN: 0,
        cmdSN,
        expStatSN: 0,
      },
      view,
      0,
    );
    connection.send(header);
  }

  onResponse(connection: SimConnection, header: DataView): void {
    const { initiatorTaskTag, response } = decodeTaskManagementResponse(header, 0);
    const session = this.#session;
    if (session.recovery.onResponse(connection, initiatorTaskTag, response)) return;
    const pending = this.#pending.get(initiatorTaskTag);
    if (pending === undefined) {
      must(session.level >= 2, () => `${connection.name}: function ${initiatorTaskTag.toString(16)} was answered twice or never asked for`);
      return;
    }
    this.#pending.delete(initiatorTaskTag);
    this.#warnOthers(pending);
    if (pending.referenced !== null && response === TaskManagementResponse.taskDoesNotExist) {
      const isOpen = pending.referenced.end === null && !pending.referenced.isAtRisk;
      if (pending.referenced.isAtRisk) pending.referenced.goneMicros = session.clock.nowMicros();
      must(session.level > 0 || !isOpen, () => `${connection.name}: ABORT TASK finds no command ${pending.referenced?.initiatorTaskTag.toString(16)}`);
      return;
    }
    must(response === TaskManagementResponse.functionComplete, () => `${connection.name}: function ${pending.code} was answered with response ${response}`);
    for (const command of pending.affected) {
      const tag = command.initiatorTaskTag;
      must(
        !session.initiator.world.target.isExecuting(tag),
        () => `${connection.name}: a worker still has command ${tag.toString(16)}, which is said to be stopped`,
      );
      if (command.end === null) session.endCommand(command, CommandEnd.aborted);
    }
  }

  /** What others have stopped without a word is asked for, and then given up. */
  probeAtRisk(): void {
    const session = this.#session;
    const now = session.clock.nowMicros();
    for (const command of Array.from(session.commands.values())) {
      const { connection, goneMicros, riskMicros } = command;
      if (!command.isAtRisk || !connection.isOpen || command.isReassigning) continue;
      // At level 0 order says that no answer is under way; above it the numbers do.
      if (goneMicros !== 0 && (session.level === 0 || (now - goneMicros > PROBE_AFTER_MS * 1000 && connection.isSettled))) {
        session.endCommand(command, CommandEnd.aborted);
      } else if (goneMicros === 0 && now - riskMicros > PROBE_AFTER_MS * 1000 && this.isIdle) this.abortTask(command);
    }
  }

  /** The session is over; what was asked for may still be done. */
  abandon(): void {
    for (const pending of this.#pending.values()) {
      this.#warnOthers(pending);
      this.#session.clock.after(PROBE_AFTER_MS, () => this.#warnOthers(pending));
    }
  }

  #warnOthers({ code, lun }: PendingFunction): void {
    if (!affectsOthers(code)) return;
    const { initiator } = this.#session;
    for (const other of initiator.world.initiators) if (other !== initiator) other.onForeignReset(isOnTarget(code) ? null : lun);
  }

  /** What will not be answered any more, because its connection is gone, is asked for anew. */
  renew(): void {
    const session = this.#session;
    if (session.level < 2 || !session.recovery.isIdle) return;
    for (const pending of Array.from(this.#pending.values())) {
      const isStale = session.clock.nowMicros() - pending.sentMicros > STALE_MS * 1000;
      if (!isStale || session.numbered.has(pending.cmdSN) || !session.hasRoom) continue;
      this.#pending.delete(pending.initiatorTaskTag);
      const [other] = session.openConnections;
      const { referenced } = pending;
      if (other === undefined || pending.affected.every(({ end }) => end !== null)) continue;
      if (referenced === null) this.abortAll(pending.code, other, pending.lun);
      else if (referenced.connection.isOpen) this.abortTask(referenced);
    }
  }
}

function isOnTarget(code: number): boolean {
  return code === TaskManagementFunction.targetWarmReset;
}

function affectsOthers(code: number): boolean {
  return isOnTarget(code) || code === TaskManagementFunction.clearTaskSet || code === TaskManagementFunction.logicalUnitReset;
}
