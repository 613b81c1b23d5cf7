import { isIP } from 'node:net';
import { fault, type Parsed, quoted } from './parsed.js';

export interface HostPort {
  /** A name, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65535;
const PATTERN = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s;
/** Letters, digits, dashes and dots; whether there is such a host is for the resolver to say. */
const HOST_NAME_PATTERN = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** `host.example.com:3260`, `192.0.2.1`, `[::1]:3260`. Unlike a portal it may be a name: nothing is served there. `form` says what is expected. */
export function parseHostPort(text: string, form: string, defaultPort: number): Parsed<HostPort> {
  const match = isIP(text) === 6 ? null : PATTERN.exec(text);
  const [, bracketed, plain = '', portText] = match ?? [];
  const isHost = bracketed === undefined ? HOST_NAME_PATTERN.test(plain) : isIP(bracketed) === 6;
  if (match === null || !isHost) return fault(`expected ${form}, found ${quoted(text)}`);
  const host = bracketed ?? plain;
  if (portText === undefined) return { value: { host, port: defaultPort } };
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : 0;
  return port >= 1 && port <= PORT_MAX ? { value: { host, port } } : fault(`expected a port from 1 to ${PORT_MAX}, found ${quoted(portText)}`);
}
