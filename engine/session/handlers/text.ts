import { TextNegotiation, targetOffers } from '../../login/index.js';
import { decodeTextRequest, encodeTextResponse } from '../../pdu/index.js';
import type { Connection } from '../connection.js';

/** Text Request, RFC 7143 §11.10: SendTargets, and what may be negotiated in the full-feature phase. */
export function handleText(connection: Connection, header: DataView, data: Uint8Array): void {
  connection.keepalive.onReaction();
  connection.textNegotiation ??= openNegotiation(connection);
  const step = connection.textNegotiation.receive(decodeTextRequest(header, 0), data);
  if (step.kind === 'reject') {
    connection.sendReject(step.reason);
    return;
  }
  if (step.changed !== null) connection.parameters = step.changed;
  const { output } = connection;
  const offset = output.begin();
  encodeTextResponse({ ...step.response, ...connection.takeNumbers() }, step.data.length, output.view, offset);
  output.endWithCopy(step.data, 0, step.data.length);
}

function openNegotiation(connection: Connection): TextNegotiation {
  const { limits, directory } = connection.context;
  return new TextNegotiation({
    limits,
    offers: targetOffers(limits),
    parameters: connection.parameters,
    inventory: directory.inventoryFor(connection.portal, connection.transport.remoteAddress),
  });
}
