import type { IsnsServerConfig } from './engine-config.js';
import { parseHostPort } from './host-port.js';
import type { Parsed } from './parsed.js';

/** The port IANA gave iSNS, RFC 4171 §2.9.2 "IANA". */
const DEFAULT_PORT = 3205;
export const ISNS_SERVER_FORM = 'HOST[:PORT] such as isns.example.com, 192.0.2.1:3205 or [2001:db8::1]:3205';

/** `isns.example.com`, `192.0.2.1:3205`, `[::1]:3205`. Without a port it is 3205. */
export function parseIsnsServer(text: string): Parsed<IsnsServerConfig> {
  return parseHostPort(text, ISNS_SERVER_FORM, DEFAULT_PORT);
}

export function formatIsnsServer({ host, port }: IsnsServerConfig): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
