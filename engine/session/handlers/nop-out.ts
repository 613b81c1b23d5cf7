import { decodeNopOut, encodeNopIn, RESERVED_TAG, RejectReason } from '../../pdu/index.js';
import type { Connection } from '../connection.js';

/** NOP-Out, RFC 7143 §11.18: a ping to be answered with its own data, or the answer to a ping of ours. */
export function handleNopOut(connection: Connection, header: DataView, data: Uint8Array): void {
  const pdu = decodeNopOut(header, 0);
  if (pdu.targetTransferTag !== RESERVED_TAG) connection.keepalive.onAnswer(pdu.targetTransferTag);
  // Without a tag of its own it wants no answer: it answers a ping, acknowledges a StatSN or confirms a CmdSN.
  if (pdu.initiatorTaskTag === RESERVED_TAG) return;
  // RFC 7143 §4.3: in a discovery session only SendTargets and logout are accepted; the answer to our own ping is no request.
  if (connection.session.target === null) {
    connection.sendReject(RejectReason.protocolError);
    return;
  }
  const { output } = connection;
  // The data comes back as far as the initiator takes it in one segment. RFC 7143 §11.19.
  const length = Math.min(data.length, connection.parameters.maxRecvDataSegmentLength);
  const offset = output.begin();
  encodeNopIn(
    { lunHigh: 0, lunLow: 0, initiatorTaskTag: pdu.initiatorTaskTag, targetTransferTag: RESERVED_TAG, ...connection.takeNumbers() },
    length,
    output.view,
    offset,
  );
  output.endWithCopy(data, 0, length);
}
