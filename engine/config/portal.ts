import { BlockList, isIP } from 'node:net';
import type { PortalConfig } from './engine-config.js';
import { fault, type Parsed, quoted } from './parsed.js';

/** The port IANA gave iSCSI, RFC 7143 §4.2.7 and "IANA Considerations". */
export const DEFAULT_PORT = 3260;
export const PORTAL_FORM = 'ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260';
const PORT_MAX = 65535;
const PORTAL_PATTERN = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * `127.0.0.1:3260`, `[::1]:3260`, `localhost`. Without a port it is 3260; port 0 picks a free one. Names other than
 * `localhost` are not resolved: which address listens must not depend on a name server.
 */
export function parsePortal(text: string): Parsed<PortalConfig> {
  if (isIP(text) === 6) return fault(`expected an IPv6 address in brackets, such as [${text}]:${DEFAULT_PORT}, found ${quoted(text)}`);
  const match = PORTAL_PATTERN.exec(text);
  if (match === null) return fault(`expected ${PORTAL_FORM}, found ${quoted(text)}`);
  const [, bracketed, plain, portText] = match;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return fault(`expected an IPv6 address in the brackets, found ${quoted(bracketed)}`);
  const address = bracketed ?? (plain === 'localhost' ? '127.0.0.1' : (plain ?? ''));
  if (isIP(address) === 0) return fault(`expected ${PORTAL_FORM}, found ${quoted(text)}${addressHint(address)}`);
  if (portText === undefined) return { value: { address, port: DEFAULT_PORT } };
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= PORT_MAX)) return fault(`expected a port from 0 to ${PORT_MAX}, found ${quoted(portText)}`);
  return { value: { address, port } };
}

function addressHint(address: string): string {
  if (address === '' || address === '*') return '; 0.0.0.0 stands for all IPv4 addresses, [::] for all';
  return /[a-z]/i.test(address) ? '; host names are not resolved, give the address' : '';
}

/** `address:port`, IPv6 in brackets. */
export function formatPortal(portal: PortalConfig): string {
  return portal.address.includes(':') ? `[${portal.address}]:${portal.port}` : `${portal.address}:${portal.port}`;
}

/** True for 127.0.0.0/8, ::1 and `localhost`: nobody on another machine can reach these. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost') return true;
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
