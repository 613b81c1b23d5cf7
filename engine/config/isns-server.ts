import { isIP } from 'node:net';
import type { IsnsServerConfig } from './engine-config.js';
import { fault, type Parsed, quoted } from './parsed.js';

/** The port IANA gave iSNS, RFC 4171 §2.9.2 "IANA". */
const DEFAULT_PORT = 3205;
const PORT_MAX = 65535;
const SERVER_PATTERN = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s;
/** Letters, digits, dashes and dots; whether there is such a host is for the resolver to say. */
const HOST_NAME_PATTERN = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;
export const ISNS_SERVER_FORM = 'HOST[:PORT] such as isns.example.com, 192.0.2.1:3205 or [2001:db8::1]:3205';

/** `isns.example.com`, `192.0.2.1:3205`, `[::1]:3205`. Without a port it is 3205. Unlike a portal it may be a name: nothing is served there. */
export function parseIsnsServer(text: string): Parsed<IsnsServerConfig> {
  const match = isIP(text) === 6 ? null : SERVER_PATTERN.exec(text);
  const [, bracketed, plain = '', portText] = match ?? [];
  const isHost = bracketed === undefined ? HOST_NAME_PATTERN.test(plain) : isIP(bracketed) === 6;
  if (match === null || !isHost) return fault(`expected ${ISNS_SERVER_FORM}, found ${quoted(text)}`);
  const host = bracketed ?? plain;
  if (portText === undefined) return { value: { host, port: DEFAULT_PORT } };
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : 0;
  return port >= 1 && port <= PORT_MAX ? { value: { host, port } } : fault(`expected a port from 1 to ${PORT_MAX}, found ${quoted(portText)}`);
}

export function formatIsnsServer({ host, port }: IsnsServerConfig): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
