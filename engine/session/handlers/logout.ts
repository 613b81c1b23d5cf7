import { decodeLogoutRequest, encodeLogoutResponse, LogoutReason, type LogoutRequestPdu, LogoutResponse, RejectReason } from '../../pdu/index.js';
import { countdown } from '../../task/countdown.js';
import type { Connection } from '../connection.js';
import { ConnectionEnd, ConnectionState } from '../connection-state.js';
import { connectionsOf } from '../connections-of.js';
import { tellTasksCleared } from '../implicit-termination.js';

/** Logout Request, RFC 7143 §11.14: ends the session, or one connection of it. */
export function handleLogout(connection: Connection, header: DataView): void {
  const pdu = decodeLogoutRequest(header, 0);
  // RFC 7143 §4.3: a discovery session ends whole, and other requests are rejected.
  if (connection.session.target === null && pdu.reason !== LogoutReason.closeSession) {
    connection.sendReject(RejectReason.protocolError);
    return;
  }
  switch (pdu.reason) {
    case LogoutReason.closeSession:
      closeConnections(connection, pdu, connectionsOf(connection.session));
      break;
    case LogoutReason.closeConnection:
      closeConnections(
        connection,
        pdu,
        connectionsOf(connection.session).filter(({ cid }) => cid === pdu.cid),
      );
      break;
    case LogoutReason.removeConnectionForRecovery:
      removeForRecovery(connection, pdu);
      break;
    default:
      connection.sendReject(RejectReason.invalidPduField);
  }
}

/**
 * The response says that the connections are closed, so that it waits until their tasks have stopped, on workers too. What has come
 * before its turn by CmdSN is dropped with its connection. RFC 7143 §11.15.1.
 */
function closeConnections(connection: Connection, pdu: LogoutRequestPdu, closing: readonly Connection[]): void {
  if (closing.length === 0) {
    // The connection may be gone already, and only its tasks left.
    const wasLost = connection.session.lost.end(pdu.cid);
    respond(connection, pdu, wasLost ? LogoutResponse.closed : LogoutResponse.cidNotFound);
    return;
  }
  const stopped = countdown(() => {
    for (const each of closing) if (each !== connection) each.close(ConnectionEnd.loggedOut);
    if (!connection.isOpen) return;
    respond(connection, pdu, LogoutResponse.closed);
    if (closing.includes(connection)) connection.close(ConnectionEnd.loggedOut);
  });
  for (const each of closing) {
    if (each.state !== ConnectionState.inLogout) each.transition(ConnectionState.inLogout);
    tellTasksCleared(each);
    for (const task of Array.from(each.tasks.values())) each.context.runner.abort(task, stopped.add());
  }
  stopped.start();
}

/**
 * "Remove the connection for recovery": its tasks wait for TASK REASSIGN on another connection, for as long as the response says.
 * RFC 7143 §11.14.1, §7.2.2.
 */
function removeForRecovery(connection: Connection, pdu: LogoutRequestPdu): void {
  const { session } = connection;
  if (!session.recoversConnections) {
    respond(connection, pdu, LogoutResponse.recoveryNotSupported);
    return;
  }
  const removed = session.connections.get(pdu.cid);
  if (removed === undefined) {
    const isKnown = session.lost.logOut(pdu.cid, session.retainMs);
    respond(connection, pdu, isKnown ? LogoutResponse.closed : LogoutResponse.cidNotFound, isKnown);
    return;
  }
  if (removed === connection) respond(connection, pdu, LogoutResponse.closed, true);
  if (removed.state !== ConnectionState.inLogout) removed.transition(ConnectionState.inLogout);
  removed.close(ConnectionEnd.removedForRecovery);
  if (removed !== connection) respond(connection, pdu, LogoutResponse.closed, true);
}

function respond(connection: Connection, pdu: LogoutRequestPdu, response: number, isForRecovery = false): void {
  const { output } = connection;
  // RFC 7143 §11.15.3, §11.15.4: who has closed a connection may wait before it comes back; tasks are retained for recovery only.
  const { defaultTime2Wait, defaultTime2Retain } = connection.parameters;
  const time2Wait = response === LogoutResponse.closed ? defaultTime2Wait : 0;
  const time2Retain = isForRecovery ? defaultTime2Retain : 0;
  const offset = output.begin();
  encodeLogoutResponse({ response, initiatorTaskTag: pdu.initiatorTaskTag, ...connection.takeNumbers(), time2Wait, time2Retain }, output.view, offset);
  output.end();
  connection.transport.flushSoon();
}
