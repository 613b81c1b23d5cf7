import { InitiatorError } from './errors.js';
import { ISCSI_PORT } from './iscsi-url.js';

export interface TargetAddress {
  /** A name or an address; IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
  /** Null when it was not told: a redirection does not. */
  readonly portalGroupTag: number | null;
}

const PORT_MAX = 65_535;
const HOST_CHARS_MAX = 255;
/** `host[:port][,tag]`, an IPv6 host in brackets. RFC 7143 §13.8. */
const FORM = /^(?:\[([0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?)\]|([0-9A-Za-z._-]+))(?::([0-9]{1,5}))?(?:,([0-9]{1,5}))?$/;

/** Takes a TargetAddress apart. Throws `ADDRESS_INVALID`: it comes from a target, so it may be anything. */
export function parseTargetAddress(text: string): TargetAddress {
  const [, bracketed, plain, portText, tagText] = FORM.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = portText === undefined ? ISCSI_PORT : Number(portText);
  const portalGroupTag = tagText === undefined ? null : Number(tagText);
  if (host === undefined || host.length > HOST_CHARS_MAX || port < 1 || port > PORT_MAX || (portalGroupTag ?? 0) > PORT_MAX) {
    throw new InitiatorError('ADDRESS_INVALID', `${JSON.stringify(text.slice(0, HOST_CHARS_MAX))} is no TargetAddress`);
  }
  return { host, port, portalGroupTag };
}
