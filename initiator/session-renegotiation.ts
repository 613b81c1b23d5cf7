import { TextExchange } from './control-exchanges.js';
import { InitiatorError } from './errors.js';
import type { NegotiatedKeys } from './key-negotiation.js';
import { parseNumericValue, SEGMENT_LENGTH_MAX, SEGMENT_LENGTH_MIN } from './key-table.js';
import type { SessionConnection } from './session-connection.js';
import type { SessionCore } from './session-core.js';

const KEY = 'MaxRecvDataSegmentLength';

/**
 * Declares another MaxRecvDataSegmentLength, the one operational key that may change in the full-feature phase (RFC 7143
 * §13.12), and takes the target's. Answers what holds from now on.
 */
export async function renegotiate(core: SessionCore, connection: SessionConnection, lengthBytes: number): Promise<NegotiatedKeys> {
  if (!Number.isInteger(lengthBytes) || lengthBytes < SEGMENT_LENGTH_MIN || lengthBytes > SEGMENT_LENGTH_MAX) {
    throw new InitiatorError('ARGUMENT_INVALID', `${KEY} is from ${SEGMENT_LENGTH_MIN} to ${SEGMENT_LENGTH_MAX}, not ${lengthBytes}`);
  }
  const { wire, checks } = connection;
  // The target may use either length until its answer is here.
  wire.setDataSegmentLengthMax(Math.max(lengthBytes, connection.negotiated.maxRecvDataSegmentLength));
  const exchange = new TextExchange([[KEY, String(lengthBytes)]], false);
  exchange.pinnedCid = connection.cid;
  const answers = new Map(await core.start(exchange).result);
  const told = answers.get(KEY);
  const theirs = told === undefined ? connection.negotiated.targetMaxRecvDataSegmentLength : parseNumericValue(told);
  if (theirs < SEGMENT_LENGTH_MIN || theirs > SEGMENT_LENGTH_MAX)
    checks.violation('keyAnswer', `${KEY}=${told} is not a number from ${SEGMENT_LENGTH_MIN} to ${SEGMENT_LENGTH_MAX}`);
  connection.negotiated = {
    ...connection.negotiated,
    maxRecvDataSegmentLength: lengthBytes,
    targetMaxRecvDataSegmentLength: Math.max(theirs, SEGMENT_LENGTH_MIN),
  };
  wire.setDataSegmentLengthMax(lengthBytes);
  return connection.negotiated;
}
