import { assert } from '../engine/errors.js';
import { LogoutReason, TaskManagementFunction, TaskManagementResponse } from '../engine/pdu/index.js';
import { CommandExchange } from './command-exchange.js';
import { LogoutExchange, TaskManagementExchange, TextExchange } from './control-exchanges.js';
import { InitiatorError, LoginError, TargetViolation } from './errors.js';
import type { Exchange } from './exchange.js';
import { initiatorLimits } from './limits.js';
import { connectAndLogin, type LoginOptions, type PortalAddress } from './login.js';
import { serialBefore } from './serial.js';
import type { SessionConnection } from './session-connection.js';
import type { SessionCore } from './session-core.js';

const MS_PER_S = 1000;
const INITIATOR_ERROR_CLASS = 2;
/** How often a connection is tried again at ErrorRecoveryLevel 2 unless `reconnect` says. */
const CONNECTION_ATTEMPTS = { attemptCountMax: 3, delayMs: 200 };
/** Any length will do: it is cleared long before. */
const HOLD_MS = 1_000_000;

/** True when another try may help: the way is broken, not our standing with the target nor the target itself. */
function isLoss(cause: InitiatorError): boolean {
  if (cause instanceof TargetViolation) return cause.check === 'headerDigest' || cause.check === 'dataDigest';
  return cause.code === 'CONNECTION_CLOSED' || cause.code === 'RECOVERY_FAILED';
}

/** A target that refuses because of us will refuse again. RFC 7143 §11.13.5: Status-Class 2. */
function isFinal(error: unknown): boolean {
  if (error instanceof LoginError) return error.status >>> 8 === INITIATOR_ERROR_CLASS;
  return error instanceof TargetViolation || (error instanceof InitiatorError && ['AUTHENTICATION_FAILED', 'ARGUMENT_INVALID'].includes(error.code));
}

/** What happens when connections are lost: each brought back by itself at ErrorRecoveryLevel 2, the whole session below. RFC 7143 §7.2, §7.4. */
export class SessionRecovery {
  readonly #core: SessionCore;
  /** The session is being made anew. */
  isBusy = false;
  /** Connections that are being brought back, by CID. */
  readonly #recovering = new Set<number>();
  /** What an Asynchronous Message announced in place of DefaultTime2Wait, by CID; null for all. Seconds. */
  readonly #time2Waits = new Map<number | null, number>();
  readonly #wakers = new Set<() => void>();

  constructor(core: SessionCore) {
    this.#core = core;
  }

  isRecovering(cid: number): boolean {
    return this.isBusy || this.#recovering.has(cid);
  }

  /** The target announced that it drops a connection, or all with a CID of null. RFC 7143 §11.9.1. */
  noteTime2Wait(cid: number | null, seconds: number): void {
    if (cid !== null && this.#core.find(cid) === null) return;
    this.#time2Waits.set(cid, seconds);
  }

  stop(): void {
    for (const wake of this.#wakers) wake();
  }

  onConnectionLost(connection: SessionConnection, cause: InitiatorError): void {
    const core = this.#core;
    core.events.onConnectionLost?.(connection.cid, cause);
    // One that is lost as soon as it was made is a failed attempt: who made it sees that it is gone.
    if (this.isBusy) return;
    if (!isLoss(cause)) core.end(cause);
    else if (connection.negotiated.errorRecoveryLevel >= 2) void this.#recoverConnection(connection, cause);
    else this.#recoverOrEnd(cause, this.#time2WaitMs(connection));
  }

  #recoverOrEnd(cause: InitiatorError, waitMs: number): void {
    if (this.#core.options.reconnect === undefined) this.#core.end(cause);
    else void this.recoverSession(cause, waitMs);
  }

  #time2WaitMs(connection: SessionConnection): number {
    const seconds = this.#time2Waits.get(connection.cid) ?? this.#time2Waits.get(null) ?? connection.negotiated.defaultTime2Wait;
    return Math.min(seconds * MS_PER_S, initiatorLimits.recoveryDelayMsMax);
  }

  /** Waits. Keeps the process alive meanwhile, which nothing else would: no socket is open. */
  async #delay(delayMs: number): Promise<void> {
    const hold = setInterval(() => {}, HOLD_MS);
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake);
        cancel();
        resolve();
      };
      const cancel = this.#core.clock.after(delayMs, wake);
      this.#wakers.add(wake);
    });
    clearInterval(hold);
  }

  #portal(address: PortalAddress | null): LoginOptions {
    const { options } = this.#core;
    return address === null ? options : { ...options, host: address.host, port: address.port };
  }

  // --- Session recovery --------------------------------------------------------------------------------------------

  /** Makes the session anew under the same ISID: session reinstatement. RFC 7143 §6.3.5, §7.4. */
  async recoverSession(cause: InitiatorError, waitMs: number): Promise<void> {
    const core = this.#core;
    const reconnect = core.options.reconnect ?? CONNECTION_ATTEMPTS;
    this.isBusy = true;
    this.#time2Waits.clear();
    this.#loseRequests(cause);
    const left = [...core.connections];
    // All of them first: what waits must not be sent on the second because the first is gone.
    for (const connection of left) connection.isLeaving = true;
    for (const connection of left) connection.leave(cause);
    let failure: unknown = cause;
    for (let attempt = 0; attempt < reconnect.attemptCountMax; attempt++) {
      await this.#delay(Math.max(reconnect.delayMs, attempt === 0 ? waitMs : 0));
      if (core.closeCause !== null) return;
      try {
        await this.#loginAnew();
        this.isBusy = false;
        core.events.onReconnected?.(core.login);
        core.pump();
        return;
      } catch (error) {
        failure = error;
        if (isFinal(error)) break;
      }
    }
    this.isBusy = false;
    core.end(new InitiatorError('RECOVERY_FAILED', `the session could not be brought back: ${messageOf(failure)}`, { cause: failure }));
  }

  async #loginAnew(): Promise<void> {
    const core = this.#core;
    const { isid, cid, lastingAddress } = core.login;
    const options = { ...this.#portal(lastingAddress), isid, cid, tsih: 0, cmdSN: 1 };
    await connectAndLogin(
      options,
      (wire, login) => {
        core.restart(login);
        return core.adopt(wire, login);
      },
      core.checks,
    );
    if (core.connections.length === 0) throw new InitiatorError('CONNECTION_CLOSED', 'the connection was lost as soon as it was made');
  }

  /** Ends what was out; puts back into the queue what is to be made again. */
  #loseRequests(cause: InitiatorError): void {
    const core = this.#core;
    const again: CommandExchange[] = [];
    for (const exchange of core.exchanges.values()) {
      if (!exchange.isSent) continue;
      if (exchange instanceof CommandExchange && exchange.isRetried && !exchange.isSettled) again.push(exchange);
      else this.#lose(exchange, cause);
    }
    again.sort((a, b) => (a.cmdSN - b.cmdSN) | 0);
    for (const command of again) command.rewind();
    core.enqueueFirst(again);
  }

  #lose(exchange: Exchange, cause: InitiatorError): void {
    this.#core.forget(exchange);
    // What becomes of it depends on the way alone: whatever broke it.
    if (!exchange.isSettled) exchange.fail(exchange.lostWith(isLoss(cause) ? new InitiatorError('CONNECTION_CLOSED', cause.message, { cause }) : cause));
  }

  // --- Connection recovery -----------------------------------------------------------------------------------------

  /** Brings the connection's tasks to another one. RFC 7143 §7.2.2, §7.3. */
  async #recoverConnection(lost: SessionConnection, cause: InitiatorError): Promise<void> {
    const core = this.#core;
    const exchanges = lost.outstanding();
    const waitMs = this.#time2WaitMs(lost);
    this.#recovering.add(lost.cid);
    await this.#delay(waitMs);
    const heir = core.closeCause !== null || this.isBusy ? null : await this.#findHeir(lost);
    this.#recovering.delete(lost.cid);
    this.#time2Waits.delete(lost.cid);
    if (core.closeCause !== null || this.isBusy) return;
    if (heir === null) {
      this.#recoverOrEnd(cause, 0);
      return;
    }
    for (const exchange of exchanges) this.#takeOver(exchange, heir, cause);
    core.events.onConnectionRecovered?.(lost.cid, heir.cid);
    core.pump();
  }

  /** The connection that gets the tasks of the lost one; null when there is none. */
  async #findHeir(lost: SessionConnection): Promise<SessionConnection | null> {
    const core = this.#core;
    const survivor = core.connections.find((connection) => connection.isUsable);
    try {
      if (core.options.connectionRecovery === 'logout' && survivor !== undefined) {
        const logout = new LogoutExchange(LogoutReason.removeConnectionForRecovery, lost.cid);
        logout.pinnedCid = survivor.cid;
        await core.start(logout, initiatorLimits.logoutMsMax).result;
        return survivor;
      }
    } catch {
      // Refused or not answered: a new connection in its place does without the target's consent.
    }
    return this.#reinstate(lost);
  }

  /** Logs in under the same CID, which logs the lost connection out. RFC 7143 §6.3.4 "Connection Reinstatement". */
  async #reinstate(lost: SessionConnection): Promise<SessionConnection | null> {
    const core = this.#core;
    const { attemptCountMax, delayMs } = core.options.reconnect ?? CONNECTION_ATTEMPTS;
    const { isid, tsih, cid, lastingAddress } = lost.login;
    for (let attempt = 0; attempt < attemptCountMax; attempt++) {
      if (attempt > 0) await this.#delay(delayMs);
      if (core.closeCause !== null || this.isBusy) return null;
      try {
        const { cmdSN } = core.window;
        const options = { ...this.#portal(lastingAddress), isid, tsih, cid, cmdSN, sessionKeys: lost.negotiated };
        await connectAndLogin(options, (wire, login) => core.adopt(wire, login), core.checks);
        const connection = core.find(cid);
        if (connection !== null) return connection;
      } catch (error) {
        if (isFinal(error)) return null;
      }
    }
    return null;
  }

  #takeOver(exchange: Exchange, heir: SessionConnection, cause: InitiatorError): void {
    const { window } = this.#core;
    if (exchange.pinnedCid !== null) exchange.pinnedCid = heir.cid;
    // What the target lacks leaves a hole in the row of CmdSN, whether anybody still waits for it or not (RFC 7143 §7.2.1).
    const isLacking = !exchange.immediate && !serialBefore(exchange.cmdSN, window.expCmdSN);
    if (isLacking && !(exchange instanceof TextExchange && exchange.isMultiRound)) exchange.resend(heir);
    else if (exchange instanceof CommandExchange && !exchange.isSettled) void this.#reassign(exchange, heir, cause);
    else this.#lose(exchange, cause);
  }

  /** TASK REASSIGN: the task goes on where it was. RFC 7143 §11.5.1, §7.2.2. */
  async #reassign(command: CommandExchange, heir: SessionConnection, cause: InitiatorError): Promise<void> {
    const core = this.#core;
    const expDataSN = command.moveTo(heir);
    const { lun, initiatorTaskTag: referencedTaskTag } = command;
    const request = new TaskManagementExchange({ function: TaskManagementFunction.taskReassign, lun, referencedTaskTag, expDataSN });
    request.pinnedCid = heir.cid;
    let response: number;
    try {
      response = await core.start(request).result;
    } catch {
      // The heir was lost too: the task is among those that its own recovery moves on.
      return;
    }
    if (response === TaskManagementResponse.functionComplete || command.isSettled) return;
    if (!command.isRetried) {
      this.#lose(command, new InitiatorError('RECOVERY_FAILED', `the target does not reassign the task (response ${response})`, { cause }));
      return;
    }
    command.rewind();
    core.enqueueFirst([command]);
    core.pump();
  }
}

function messageOf(error: unknown): string {
  assert(error instanceof Error, 'whatever is thrown is an Error');
  return error.message;
}
