import { TargetError } from '../errors.js';
import { announceConnectionDrop, announceSessionDrop, reportScsiEvent, requestLogout, requestRenegotiation } from './async-messages.js';
import type { Connection } from './connection.js';
import { connectionsOf } from './connections-of.js';
import { Session } from './session.js';
import type { SessionDirectory } from './session-directory.js';
import type { TargetNode } from './target-node.js';

/** One connection of a session, by the numbers that initiator and target know it by. */
export interface ConnectionName {
  readonly tsih: number;
  readonly cid: number;
}

/**
 * What an operator may ask of sessions that are there, RFC 7143 §11.9. All throw `TargetError` `SESSION_UNKNOWN` or
 * `CONNECTION_UNKNOWN`. Times are in seconds.
 */
export class SessionOperations {
  readonly #directory: SessionDirectory;

  constructor(directory: SessionDirectory) {
    this.#directory = directory;
  }

  /** Asks for the logout of one connection within `seconds`; it is dropped when that does not come. */
  requestLogout(name: ConnectionName, seconds: number): void {
    requestLogout(this.#connectionOf(name), seconds);
  }

  /** Asks for a new negotiation on one connection within `seconds`; it is dropped when that does not come. */
  requestRenegotiation(name: ConnectionName, seconds: number): void {
    requestRenegotiation(this.#connectionOf(name), seconds);
  }

  /** Drops one connection, after all connections of its session were told; at ErrorRecoveryLevel 2 another may take over its tasks. */
  dropConnection(name: ConnectionName): void {
    const connection = this.#connectionOf(name);
    for (const each of connectionsOf(connection.session)) announceConnectionDrop(each, connection);
    connection.close();
  }

  /** Drops a session, after its connections were told. */
  dropSession(tsih: number): void {
    dropSession(this.#directory, this.#sessionOf(tsih));
  }

  /** Establishes a unit attention for every nexus of a target's logical unit; with `announce` initiators get it as SCSI asynchronous event too. */
  reportUnitAttention(targetName: string, lun: number, asc: number, options: { readonly announce: boolean }): void {
    const target = this.#directory.targets.find(({ name }) => name === targetName);
    if (target === undefined || !target.hasLun(lun)) throw new TargetError('LUN_UNKNOWN', `there is no LUN ${lun} of a target named ${targetName}`);
    const { unit } = target.taskSetOf(lun);
    for (const seat of target.seats) {
      if (seat.target?.hasLun(lun) !== true) continue;
      unit.establishUnitAttention(seat.nexus.id, asc);
      const [connection] = seat instanceof Session ? connectionsOf(seat) : [];
      if (options.announce && connection !== undefined) reportScsiEvent(connection, lun, asc);
    }
  }

  #sessionOf(tsih: number): Session {
    const session = this.#directory.sessions.find((each) => each.tsih === tsih);
    if (session === undefined) throw new TargetError('SESSION_UNKNOWN', `there is no session with TSIH ${tsih}`);
    return session;
  }

  #connectionOf({ tsih, cid }: ConnectionName): Connection {
    const connection = connectionsOf(this.#sessionOf(tsih)).find((each) => each.cid === cid);
    if (connection === undefined) throw new TargetError('CONNECTION_UNKNOWN', `the session with TSIH ${tsih} has no connection with CID ${cid}`);
    return connection;
  }
}

/** TARGET COLD RESET: all sessions of the target end, and who comes back is told of power on. RFC 7143 §11.5.1. */
export function powerCycle(directory: SessionDirectory, target: TargetNode): void {
  directory.forgetPorts(target);
  for (const session of Array.from(target.sessions)) dropSession(directory, session);
}

/** Nothing is kept of a session that is dropped on purpose, so that there is nothing to retain. */
function dropSession(directory: SessionDirectory, session: Session): void {
  const { defaultTime2Wait } = session.parameters;
  for (const connection of connectionsOf(session)) announceSessionDrop(connection, { time2Wait: defaultTime2Wait, time2Retain: 0 });
  directory.endSession(session);
}
