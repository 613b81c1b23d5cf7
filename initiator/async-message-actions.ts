import { AsyncEvent, type AsyncMessagePdu, BHS_LENGTH, encodeNopOut, LogoutReason, RESERVED_TAG } from '../engine/pdu/index.js';
import { CommandExchange } from './command-exchange.js';
import { InitiatorError } from './errors.js';
import type { SessionConnection } from './session-connection.js';
import type { SessionCore } from './session-core.js';
import { logOut } from './session-logout.js';
import { renegotiate } from './session-renegotiation.js';

const MS_PER_S = 1000;

/** Does what Asynchronous Messages ask an initiator to do. RFC 7143 §11.9.1. */
export class AsyncMessageActions {
  readonly #core: SessionCore;
  readonly #cancels = new Set<() => void>();

  constructor(core: SessionCore) {
    this.#core = core;
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  take(connection: SessionConnection, message: AsyncMessagePdu): void {
    const { options, recovery } = this.#core;
    const { asyncEvent, parameter1, parameter2, parameter3 } = message;
    // What is announced holds, whoever acts on it: Parameter1 is the CID, Parameter2 the time to wait in seconds.
    if (asyncEvent === AsyncEvent.connectionDrop) recovery.noteTime2Wait(parameter1, parameter2);
    if (asyncEvent === AsyncEvent.sessionDrop) recovery.noteTime2Wait(null, parameter2);
    if (asyncEvent === AsyncEvent.fastAbort) this.#acknowledgeFastAbort(connection, message);
    if (!(options.actOnAsyncMessages ?? options.events?.onAsyncMessage === undefined)) return;
    if (asyncEvent === AsyncEvent.logoutRequest) void this.#honourLogoutRequest(connection, parameter3);
    if (asyncEvent === AsyncEvent.renegotiationRequest) void this.#renegotiate(connection);
  }

  /** Lets what runs come to its end for half of the time that the target gives, and logs the connection out. */
  async #honourLogoutRequest(connection: SessionConnection, seconds: number): Promise<void> {
    const core = this.#core;
    if (connection.isDraining || core.isLoggedOut) return;
    connection.isDraining = true;
    const running = Promise.allSettled(connection.outstanding().map(({ result }) => result));
    await Promise.race([running, this.#timeOut((seconds * MS_PER_S) / 2)]);
    if (core.closeCause !== null || core.isLoggedOut || connection.wire.isClosed) return;
    const isLast = core.connections.every((other) => other === connection || !other.isUsable);
    try {
      const reason = isLast ? LogoutReason.closeSession : LogoutReason.closeConnection;
      await logOut(core, { reason, cid: connection.cid, over: connection, comesBack: core.options.reconnect !== undefined });
    } catch {
      // Refused or not answered: the target will close by itself, and that is seen as any loss is.
      connection.isDraining = false;
    }
  }

  #timeOut(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#core.clock.after(delayMs, () => {
        this.#cancels.delete(cancel);
        resolve();
      });
      this.#cancels.add(cancel);
    });
  }

  /** Offers once more what may be negotiated by now: the length of the data segments that we take. RFC 7143 §11.9.1. */
  async #renegotiate(connection: SessionConnection): Promise<void> {
    try {
      await renegotiate(this.#core, connection, connection.negotiated.maxRecvDataSegmentLength);
    } catch {
      // It ended the connection, or the target refused: either is told elsewhere.
    }
  }

  /**
   * The target ends all tasks of the unit: no more data for them, and a NOP-Out that wants no answer tells the target by its
   * ExpStatSN that we know. RFC 7143 §11.9.1, event 5.
   */
  #acknowledgeFastAbort(connection: SessionConnection, { lunHigh, lunLow }: AsyncMessagePdu): void {
    const { wire, numbers } = connection;
    for (const exchange of connection.outstanding()) {
      if (!(exchange instanceof CommandExchange) || exchange.lunHigh !== lunHigh) continue;
      this.#core.forget(exchange);
      exchange.fail(new InitiatorError('COMMAND_ABORTED', 'the target ended all tasks of the unit'));
    }
    // This message is settled behind its handler only; its number is what is to be told.
    numbers.settle(numbers.lastStatSN);
    const { cmdSN, expStatSN } = numbers;
    const at = wire.beginPdu(BHS_LENGTH);
    const tags = { initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG };
    encodeNopOut({ immediate: true, lunHigh, lunLow, ...tags, cmdSN, expStatSN }, 0, wire.view, at);
    wire.endPdu(at, BHS_LENGTH);
  }
}
