import { InitiatorError } from './errors.js';

export const ISCSI_PORT = 3260;

/** Where a logical unit is: what `iscsi://host[:port]/iqn/lun` says. */
export interface IscsiUrl {
  readonly host: string;
  readonly port: number;
  readonly targetName: string;
  readonly lun: number;
}

const LUN_FIELD_MAX = 16_383;
const FORM = 'iscsi://host[:port]/target-name/lun';

/**
 * Parses `iscsi://[user%secret@]host[:port]/target-name/lun`, the form that libiscsi made common; IPv6 hosts in brackets.
 * Throws `InitiatorError` `URL_INVALID`, or `NOT_SUPPORTED` for credentials: they are understood, but there is no CHAP yet.
 */
export function parseIscsiUrl(url: string): IscsiUrl {
  // Not `new URL`: `user%secret` is no percent-escape, and target names hold colons and dots of their own.
  const match = /^iscsi:\/\/(?:([^@/]*)@)?(\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^:/[\]]+)(?::(\d+))?\/([^/]+)\/(\d+)\/?$/.exec(url);
  if (match === null) throw new InitiatorError('URL_INVALID', `${JSON.stringify(withoutSecret(url))} has not the form ${FORM}`);
  const [, credentials, hostPart, portPart, targetName, lunPart] = match as unknown as [string, string | undefined, string, string | undefined, string, string];
  if (credentials !== undefined) {
    throw new InitiatorError(
      'NOT_SUPPORTED',
      `credentials (user ${JSON.stringify(credentials.split('%')[0])}) are not supported yet: remove user%secret@ from the URL`,
    );
  }
  const port = portPart === undefined ? ISCSI_PORT : Number(portPart);
  if (port < 1 || port > 65_535) throw new InitiatorError('URL_INVALID', `port ${portPart} is not from 1 to 65535`);
  const lun = Number(lunPart);
  if (lun > LUN_FIELD_MAX) throw new InitiatorError('URL_INVALID', `LUN ${lunPart} is above ${LUN_FIELD_MAX}`);
  return { host: hostPart.startsWith('[') ? hostPart.slice(1, -1) : hostPart, port, targetName, lun };
}

/** Secrets must not end up in messages and logs. */
function withoutSecret(url: string): string {
  return url.replace(/%[^@/]*@/, '%…@');
}
