import { decodeLogoutRequest, encodeLogoutResponse, LogoutReason, LogoutResponse } from '../../pdu/index.js';
import type { Connection } from '../connection.js';
import { ConnectionState } from '../connection-state.js';

/** Logout Request, RFC 7143 §11.14: ends the connection, and with it the session, as it has only this one. */
export function handleLogout(connection: Connection, header: DataView): void {
  const pdu = decodeLogoutRequest(header, 0);
  const response = outcomeOf(connection, pdu.reason, pdu.cid);
  if (response === LogoutResponse.closed) connection.transition(ConnectionState.inLogout);
  const { output } = connection;
  const { defaultTime2Wait } = connection.parameters;
  const offset = output.begin();
  encodeLogoutResponse(
    { response, initiatorTaskTag: pdu.initiatorTaskTag, ...connection.takeNumbers(), time2Wait: defaultTime2Wait, time2Retain: 0 },
    output.view,
    offset,
  );
  output.end();
  if (response === LogoutResponse.closed) connection.close();
}

function outcomeOf(connection: Connection, reason: number, cid: number): number {
  switch (reason) {
    case LogoutReason.closeSession:
      return LogoutResponse.closed;
    case LogoutReason.closeConnection:
      return cid === connection.cid ? LogoutResponse.closed : LogoutResponse.cidNotFound;
    default:
      return LogoutResponse.recoveryNotSupported;
  }
}
