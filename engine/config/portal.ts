import { isIP } from 'node:net';
import { isLoopbackAddress } from '../login/advertised-portals.js';
import type { PortalConfig } from './engine-config.js';
import { fault, type Parsed, quoted } from './parsed.js';

/** The port IANA gave iSCSI, RFC 7143 §4.2.7 and "IANA Considerations". */
export const DEFAULT_PORT = 3260;
export const PORTAL_FORM = 'ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260';
const PORT_MAX = 65535;
const PORTAL_PATTERN = /^(?:\[([^\]]*)\]|([^:[\],]*))(?::([^,]*))?(?:,(.*))?$/s;
/** Of a portal that does not say. */
export const DEFAULT_PORTAL_GROUP_TAG = 1;
/** 0 is a legal tag too, but the tag is also the relative target port identifier, which has no 0 (SPC-4 "Relative target port designator format"). */
export const PORTAL_GROUP_TAG_MAX = 65535;

/**
 * `127.0.0.1:3260`, `[::1]:3260`, `localhost`. Without a port it is 3260; port 0 picks a free one. Names other than
 * `localhost` are not resolved: which address listens must not depend on a name server. A portal group tag may stand behind a comma,
 * as it does in TargetAddress: `127.0.0.1:3260,2`.
 */
export function parsePortal(text: string): Parsed<PortalConfig> {
  if (isIP(text) === 6) return fault(`expected an IPv6 address in brackets, such as [${text}]:${DEFAULT_PORT}, found ${quoted(text)}`);
  const match = PORTAL_PATTERN.exec(text);
  if (match === null) return fault(`expected ${PORTAL_FORM}, found ${quoted(text)}`);
  const [, bracketed, plain, portText, tagText] = match;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return fault(`expected an IPv6 address in the brackets, found ${quoted(bracketed)}`);
  const address = bracketed ?? (plain === 'localhost' ? '127.0.0.1' : (plain ?? ''));
  if (isIP(address) === 0) return fault(`expected ${PORTAL_FORM}, found ${quoted(text)}${addressHint(address)}`);
  const port = portText === undefined ? DEFAULT_PORT : upToFiveDigits(portText);
  if (!(port <= PORT_MAX)) return fault(`expected a port from 0 to ${PORT_MAX}, found ${quoted(portText ?? '')}`);
  if (tagText === undefined) return { value: { address, port } };
  const portalGroupTag = upToFiveDigits(tagText);
  if (portalGroupTag >= 1 && portalGroupTag <= PORTAL_GROUP_TAG_MAX) return { value: { address, port, portalGroupTag } };
  return fault(`expected a portal group tag from 1 to ${PORTAL_GROUP_TAG_MAX} behind the comma, found ${quoted(tagText)}`);
}

function upToFiveDigits(text: string): number {
  return /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
}

function addressHint(address: string): string {
  if (address === '' || address === '*') return '; 0.0.0.0 stands for all IPv4 addresses, [::] for all';
  return /[a-z]/i.test(address) ? '; host names are not resolved, give the address' : '';
}

/** `address:port`, IPv6 in brackets. */
export function formatPortal(portal: PortalConfig): string {
  return portal.address.includes(':') ? `[${portal.address}]:${portal.port}` : `${portal.address}:${portal.port}`;
}

/** As `parsePortal` reads it: with the portal group tag unless that is the one that goes without saying. */
export function formatPortalText(portal: PortalConfig): string {
  const tag = portalGroupTagOf(portal);
  return tag === DEFAULT_PORTAL_GROUP_TAG ? formatPortal(portal) : `${formatPortal(portal)},${tag}`;
}

export function portalGroupTagOf(portal: PortalConfig): number {
  return portal.portalGroupTag ?? DEFAULT_PORTAL_GROUP_TAG;
}

/** True for 127.0.0.0/8, ::1 and `localhost`: nobody on another machine can reach these. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || isLoopbackAddress(address);
}
