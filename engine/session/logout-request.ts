import { AsyncEvent, encodeAsyncMessage } from '../pdu/index.js';
import type { Connection } from './connection.js';
import { ConnectionState } from './connection-state.js';

/** Asks the initiator to log out within `seconds`: Async Message event 1. RFC 7143 §11.9.1. */
export function requestLogout(connection: Connection, seconds: number): void {
  if (connection.state !== ConnectionState.loggedIn) return;
  connection.transition(ConnectionState.logoutRequested);
  const { output } = connection;
  const offset = output.begin();
  const numbers = connection.takeNumbers();
  encodeAsyncMessage(
    { lunHigh: 0, lunLow: 0, asyncEvent: AsyncEvent.logoutRequest, asyncVCode: 0, parameter1: 0, parameter2: 0, parameter3: seconds, ...numbers },
    0,
    output.view,
    offset,
  );
  output.end();
}
