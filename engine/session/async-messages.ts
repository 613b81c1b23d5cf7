import { AsyncEvent, encodeAsyncMessage, encodeLunHigh } from '../pdu/index.js';
import { SENSE_LENGTH_BYTES } from '../pdu/scsi-command.js';
import { FIXED_SENSE_LENGTH, SenseKey, writeFixedSense } from '../scsi/sense.js';
import type { Connection } from './connection.js';
import { ConnectionState } from './connection-state.js';

/** What an initiator has to know about coming back, in seconds. RFC 7143 §11.9.1. */
export interface ReturnTimes {
  /** It waits this long before it logs in again. */
  readonly time2Wait: number;
  /** Behind that wait its tasks are kept for this long. */
  readonly time2Retain: number;
}

interface AsyncFields {
  readonly lun?: number;
  readonly parameter1?: number;
  readonly parameter2?: number;
  readonly parameter3?: number;
  readonly data?: Uint8Array;
}

const noData = new Uint8Array(0);

/** True when the connection is in the full-feature phase and has not begun to log out: only then may it be told something. */
function isReachable(connection: Connection): boolean {
  return connection.state === ConnectionState.loggedIn || connection.state === ConnectionState.logoutRequested;
}

/** Queues an Asynchronous Message; it uses up a StatSN. RFC 7143 §11.9. */
function send(connection: Connection, asyncEvent: number, fields: AsyncFields): void {
  const { output } = connection;
  const { lun = 0, parameter1 = 0, parameter2 = 0, parameter3 = 0, data = noData } = fields;
  const offset = output.begin();
  const pdu = { lunHigh: encodeLunHigh(lun), lunLow: 0, asyncEvent, asyncVCode: 0, parameter1, parameter2, parameter3, ...connection.takeNumbers() };
  encodeAsyncMessage(pdu, data.length, output.view, offset);
  if (data.length === 0) output.end();
  else output.endWithCopy(data, 0, data.length);
  connection.transport.flushSoon();
}

/** Asks the initiator to log out this connection within `seconds`; one that does not is dropped. Event 1, RFC 7143 §11.9.1. */
export function requestLogout(connection: Connection, seconds: number): void {
  if (connection.state !== ConnectionState.loggedIn) return;
  connection.transition(ConnectionState.logoutRequested);
  send(connection, AsyncEvent.logoutRequest, { parameter3: seconds });
  connection.keepalive.expectReaction(seconds);
}

/** Says, on `connection`, that another of its session, or itself, is about to be dropped. Event 2, RFC 7143 §11.9.1. */
export function announceConnectionDrop(connection: Connection, dropped: Connection): void {
  if (!isReachable(connection)) return;
  const { recoversConnections, parameters } = connection.session;
  const time2Retain = recoversConnections ? parameters.defaultTime2Retain : 0;
  send(connection, AsyncEvent.connectionDrop, { parameter1: dropped.cid, parameter2: parameters.defaultTime2Wait, parameter3: time2Retain });
}

/** Says that all connections of the session are about to be dropped. Event 3, RFC 7143 §11.9.1. */
export function announceSessionDrop(connection: Connection, { time2Wait, time2Retain }: ReturnTimes): void {
  if (!isReachable(connection)) return;
  send(connection, AsyncEvent.sessionDrop, { parameter2: time2Wait, parameter3: time2Retain });
}

/** Asks for a new negotiation on this connection within `seconds`; one that sends no Text Request is dropped. Event 4, RFC 7143 §11.9.1. */
export function requestRenegotiation(connection: Connection, seconds: number): void {
  if (connection.state !== ConnectionState.loggedIn) return;
  send(connection, AsyncEvent.renegotiationRequest, { parameter3: seconds });
  connection.keepalive.expectReaction(seconds);
}

/** Says that all tasks of the connection on a logical unit are being terminated. Event 5, RFC 7143 §4.2.3.4; only with TaskReporting=FastAbort. */
export function announceTaskTermination(connection: Connection, lun: number): void {
  if (!isReachable(connection) || connection.parameters.taskReporting !== 'FastAbort') return;
  send(connection, AsyncEvent.fastAbort, { lun });
}

/** Reports a unit attention as SCSI asynchronous event data: SenseLength and sense data. Event 0, RFC 7143 §11.9.4. */
export function reportScsiEvent(connection: Connection, lun: number, asc: number): void {
  if (!isReachable(connection)) return;
  const data = new Uint8Array(SENSE_LENGTH_BYTES + FIXED_SENSE_LENGTH);
  data[1] = FIXED_SENSE_LENGTH;
  writeFixedSense(data.subarray(SENSE_LENGTH_BYTES), SenseKey.unitAttention, asc);
  send(connection, AsyncEvent.scsi, { lun, data });
}
