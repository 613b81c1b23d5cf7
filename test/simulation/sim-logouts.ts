import { decodeLogoutResponse, encodeLogoutRequest, LogoutReason, LogoutResponse } from '../../engine/pdu/index.js';
import { newHeader, type SimConnection } from './sim-connection.js';
import type { SimSession } from './sim-session.js';
import { must } from './violation.js';

interface PendingLogout {
  readonly reason: number;
  readonly cid: number;
  cmdSN: number;
  sentMicros: number;
}

/** What was received and is not answered for so long was dropped with the connection it came by. */
const STALE_MS = 1500;

/** Logouts of one session. */
export class SimLogouts {
  readonly #session: SimSession;
  readonly #pending = new Map<number, PendingLogout>();
  isClosing = false;
  /** A logout that closes the session was sent: it may be gone, though nobody told us. */
  mayHaveClosed = false;

  constructor(session: SimSession) {
    this.#session = session;
  }

  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Closes the whole session, by any of its connections. */
  closeSession(): void {
    const session = this.#session;
    const connections = session.openConnections;
    const connection = connections[session.random.below(connections.length)];
    if (connection === undefined || !session.hasRoom) return;
    this.isClosing = true;
    this.mayHaveClosed = true;
    this.#sendNumbered(connection, LogoutReason.closeSession, connection.cid);
  }

  /** Closes one connection that has nothing to do, by itself or by another. */
  closeConnection(connection: SimConnection): void {
    const session = this.#session;
    if (!session.hasRoom) return;
    connection.state = 'draining';
    const via = session.random.boolean() ? connection : (session.openConnections[0] ?? connection);
    this.#sendNumbered(via, LogoutReason.closeConnection, connection.cid);
  }

  /** Says that a connection is lost, so that its tasks may be taken over. */
  removeForRecovery(via: SimConnection, cid: number): void {
    const initiatorTaskTag = this.#session.takeTag();
    this.#pending.set(initiatorTaskTag, { reason: LogoutReason.removeConnectionForRecovery, cid, cmdSN: 0, sentMicros: 0 });
    this.#transmit(via, initiatorTaskTag, true, this.#session.cmdSN);
  }

  #sendNumbered(connection: SimConnection, reason: number, cid: number): void {
    const initiatorTaskTag = this.#session.takeTag();
    this.#pending.set(initiatorTaskTag, { reason, cid, cmdSN: this.#session.cmdSN, sentMicros: 0 });
    this.#session.sendNumbered(connection, null, (by, cmdSN) => this.#transmit(by, initiatorTaskTag, false, cmdSN));
  }

  #transmit(connection: SimConnection, initiatorTaskTag: number, immediate: boolean, cmdSN: number): void {
    const pending = this.#pending.get(initiatorTaskTag);
    if (pending === undefined) {
      // It is not wanted any more, but its place in the order has to be filled.
      this.#session.fillPlace(connection, cmdSN);
      return;
    }
    const { reason, cid } = pending;
    pending.sentMicros = this.#session.clock.nowMicros();
    const { header, view } = newHeader();
    encodeLogoutRequest({ immediate, reason, initiatorTaskTag, cid, cmdSN, expStatSN: 0 }, view, 0);
    connection.send(header);
  }

  onResponse(connection: SimConnection, header: DataView): void {
    const { initiatorTaskTag, response } = decodeLogoutResponse(header, 0);
    const session = this.#session;
    const pending = this.#pending.get(initiatorTaskTag);
    if (pending === undefined) return;
    this.#pending.delete(initiatorTaskTag);
    if (pending.reason === LogoutReason.removeConnectionForRecovery) {
      const isKnown = response === LogoutResponse.closed || response === LogoutResponse.cidNotFound;
      must(isKnown, () => `${connection.name}: a recovery logout was answered with response ${response}`);
      session.recovery.onLoggedOut(pending.cid);
      return;
    }
    // The other connection may have been lost before, as the target knows already.
    const isGone = response === LogoutResponse.cidNotFound && pending.reason === LogoutReason.closeConnection && pending.cid !== connection.cid;
    must(response === LogoutResponse.closed || isGone, () => `${connection.name}: a logout was answered with response ${response}`);
    if (pending.reason === LogoutReason.closeSession) {
      session.finish();
      return;
    }
    session.connections.get(pending.cid)?.finish();
    // With its last connection a session goes, whatever waits for another that was lost.
    if (session.openConnections.length === 0) this.mayHaveClosed = true;
    session.clock.after(session.random.below(100), () => session.connect(pending.cid));
  }

  /** The connection is recovered: other ways that were tried are not waited for. */
  onRecovered(recoveredCid: number): void {
    for (const [tag, { reason, cid }] of Array.from(this.#pending)) {
      if (reason === LogoutReason.removeConnectionForRecovery && cid === recoveredCid) this.#pending.delete(tag);
    }
  }

  /** A connection was lost: recovery logouts are asked for anew, and the connection that was to be closed is. */
  onLost(cid: number): void {
    for (const [tag, pending] of Array.from(this.#pending)) {
      if (pending.reason === LogoutReason.removeConnectionForRecovery || pending.cid === cid) this.#pending.delete(tag);
    }
    this.isClosing = false;
  }

  /** What was dropped with the connection it came by is forgotten. */
  forgetStale(): void {
    const session = this.#session;
    for (const [tag, { reason, cid, cmdSN, sentMicros }] of Array.from(this.#pending)) {
      const isStale = session.clock.nowMicros() - sentMicros > STALE_MS * 1000;
      if (session.level < 2 || !isStale || session.numbered.has(cmdSN) || reason === LogoutReason.removeConnectionForRecovery) continue;
      this.#pending.delete(tag);
      this.isClosing = false;
      const connection = session.connections.get(cid);
      if (connection?.state === 'draining') connection.state = 'open';
    }
  }
}
