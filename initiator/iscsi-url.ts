import type { ChapAlgorithm, ChapOptions } from './chap.js';
import { chapOptionsOf, type Environment, type UrlCredentials } from './chap-credentials.js';
import { InitiatorError } from './errors.js';

export const ISCSI_PORT = 3260;

/** Where a target portal is, and how to prove there who we are. */
export interface PortalUrl {
  readonly host: string;
  readonly port: number;
  /** Null without credentials. */
  readonly chap: ChapOptions | null;
  /** `header_digest=` and `data_digest=`. */
  readonly digests: { readonly header: boolean; readonly data: boolean };
}

/** Where a logical unit is: what `iscsi://[user%secret@]host[:port]/target-name/lun` says. */
export interface IscsiUrl extends PortalUrl {
  readonly targetName: string;
  readonly lun: number;
}

/** What of a URL goes into the options of a login. */
export interface UrlLoginOptions {
  readonly host: string;
  readonly port: number;
  readonly chap?: ChapOptions;
  readonly security?: 'none';
  readonly digests?: { readonly header: 'CRC32C' | 'None'; readonly data: 'CRC32C' | 'None' };
}

const LUN_FIELD_MAX = 16_383;
const PORT_MAX = 65_535;
const FORM = 'iscsi://[user%secret@]host[:port]/target-name/lun';
const PORTAL_FORM = 'iscsi://[user%secret@]host[:port] or host[:port]';
const SCHEME = 'iscsi://';
/** Not `new URL`: `user%secret` is no percent-escape, and target names hold colons and dots of their own. */
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^:/[\]@?]+))(?::(\d{1,5}))?$/;
const DIGEST_VALUES: Readonly<Record<string, boolean>> = { crc32c: true, none: false };
const CHAP_ALGORITHMS: readonly ChapAlgorithm[] = ['MD5', 'SHA1', 'SHA-256', 'SHA3-256'];
const ARGUMENTS = ['target_user', 'target_password', 'header_digest', 'data_digest', 'chap_algorithm', 'allow_weak_secret'];

/** What a text has in front of its path, and behind it. */
interface UrlParts {
  readonly credentials: string | null;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
}

/**
 * Parses `iscsi://[user%secret@]host[:port]/target-name/lun[?…]`, the form that libiscsi made common: IPv6 hosts in brackets,
 * percent-escapes in the secret and the target name, `target_user`, `target_password`, `header_digest`, `data_digest`,
 * `chap_algorithm` and `allow_weak_secret` behind a question mark. What the URL leaves out of the credentials comes from
 * `environment` (`chapOptionsOf`). Throws `InitiatorError` `URL_INVALID`; no message of it holds a secret.
 */
export function parseIscsiUrl(url: string, environment: Environment = process.env): IscsiUrl {
  const parts = split(url, FORM);
  const match = /^\/([^/]+)\/(\d{1,9})\/?$/.exec(parts.path);
  if (match === null) throw invalid(url, `has not the form ${FORM}`);
  const [, nameText, lunText] = match as unknown as [string, string, string];
  const lun = Number(lunText);
  if (lun > LUN_FIELD_MAX) throw invalid(url, `names LUN ${lunText}, which is above ${LUN_FIELD_MAX}`);
  return { ...portalOf(url, parts, environment, FORM), targetName: decode(url, nameText, 'the target name'), lun };
}

/** Parses a portal: as above, target and LUN may be missing and are ignored, or just `host[:port]`. */
export function parsePortalUrl(text: string, environment: Environment = process.env): PortalUrl {
  const url = text.startsWith(SCHEME) ? text : `${SCHEME}${text}`;
  const parts = split(url, PORTAL_FORM);
  if (!/^(?:\/[^/]*){0,2}\/?$/.test(parts.path)) throw invalid(url, `has not the form ${PORTAL_FORM}`);
  return portalOf(url, parts, environment, PORTAL_FORM);
}

/** Options for `Session.login` and `PipelinedCore.connect`. */
export function loginOptionsOf({ host, port, chap, digests }: PortalUrl): UrlLoginOptions {
  return {
    host,
    port,
    // Whether we must prove who we are is the target's to say; when it has to prove itself, there is no way round.
    ...(chap === null ? {} : { chap, ...(chap.target === undefined ? { security: 'none' } : {}) }),
    ...(digests.header || digests.data ? { digests: { header: nameOf(digests.header), data: nameOf(digests.data) } } : {}),
  };
}

/** The URL with its secrets replaced: for everything that is printed or logged. Works on what is no proper URL too. */
export function maskIscsiUrl(url: string): string {
  // Up to the last @: a secret whose own signs were not escaped is a secret still.
  return url.replace(/([?&]target_password=)[^&]*/g, '$1***').replace(/%.*@/s, '%***@');
}

function nameOf(isOn: boolean): 'CRC32C' | 'None' {
  return isOn ? 'CRC32C' : 'None';
}

function invalid(url: string, what: string): InitiatorError {
  return new InitiatorError('URL_INVALID', `${JSON.stringify(maskIscsiUrl(url))} ${what}`);
}

function split(url: string, form: string): UrlParts {
  const match = /^iscsi:\/\/([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(url);
  if (match === null) throw invalid(url, `has not the form ${form}`);
  const [, beforePath, path, query = ''] = match as unknown as [string, string, string, string | undefined];
  // A secret may hold an @ of its own, a host may not.
  const at = beforePath.lastIndexOf('@');
  return { credentials: at === -1 ? null : beforePath.slice(0, at), authority: beforePath.slice(at + 1), path, query };
}

function portalOf(url: string, parts: UrlParts, environment: Environment, form: string): PortalUrl {
  const [matched, bracketed, plain, portText] = AUTHORITY.exec(parts.authority) ?? [];
  const host = bracketed ?? plain;
  if (matched === undefined || host === undefined) throw invalid(url, `has not the form ${form}`);
  const port = portText === undefined ? ISCSI_PORT : Number(portText);
  if (port < 1 || port > PORT_MAX) throw invalid(url, `names port ${portText}, which is not from 1 to ${PORT_MAX}`);
  const query = parseQuery(url, parts.query);
  const credentials: UrlCredentials = {
    ...ownCredentials(url, parts.credentials),
    ...(query.has('target_user') ? { targetUser: query.get('target_user') as string } : {}),
    ...(query.has('target_password') ? { targetSecret: query.get('target_password') as string } : {}),
  };
  const chap = chapOptionsOf(credentials, environment, {
    ...(query.get('allow_weak_secret') === '1' ? { allowWeakSecret: true } : {}),
    ...(query.has('chap_algorithm') ? { algorithms: algorithmsOf(url, query.get('chap_algorithm') as string) } : {}),
  });
  if (chap === null && credentials.user !== undefined) throw invalid(url, 'names a user without a secret: write user%secret@, or set LUNLOOM_CHAP_SECRET');
  // To go on without would mean to believe whoever answers.
  if (chap === null && credentials.targetSecret !== undefined) throw invalid(url, 'has a target_password without a user of our own: mutual CHAP needs both');
  return {
    host,
    port,
    chap,
    digests: { header: digestOf(url, query, 'header_digest'), data: digestOf(url, query, 'data_digest') },
  };
}

/** `user` or `user%secret`: the first percent sign parts them, those behind it escape. */
function ownCredentials(url: string, text: string | null): Pick<UrlCredentials, 'user' | 'secret'> {
  if (text === null) return {};
  const percent = text.indexOf('%');
  const user = percent === -1 ? text : text.slice(0, percent);
  if (user === '') throw invalid(url, 'names no user before the @');
  return percent === -1 ? { user } : { user, secret: decode(url, text.slice(percent + 1), 'the secret') };
}

function parseQuery(url: string, text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of text.split('&').filter((part) => part !== '')) {
    const equals = pair.indexOf('=');
    const key = equals === -1 ? pair : pair.slice(0, equals);
    if (!ARGUMENTS.includes(key)) throw invalid(url, `has an unknown argument ${JSON.stringify(maskIscsiUrl(key))}; known are ${ARGUMENTS.join(', ')}`);
    pairs.set(key, decode(url, equals === -1 ? '' : pair.slice(equals + 1), key));
  }
  return pairs;
}

function digestOf(url: string, query: ReadonlyMap<string, string>, key: string): boolean {
  const value = query.get(key);
  if (value === undefined) return false;
  const isOn = DIGEST_VALUES[value.toLowerCase()];
  if (isOn === undefined) throw invalid(url, `has ${key}=${JSON.stringify(value)}, which is neither crc32c nor none`);
  return isOn;
}

/** Algorithms in order of preference, with commas between them. */
function algorithmsOf(url: string, text: string): ChapAlgorithm[] {
  return text.split(',').map((name) => {
    const algorithm = CHAP_ALGORITHMS.find((known) => known.toLowerCase() === name.toLowerCase());
    if (algorithm === undefined) throw invalid(url, `has chap_algorithm=${JSON.stringify(name)}; known are ${CHAP_ALGORITHMS.join(', ')}`);
    return algorithm;
  });
}

/** Percent-escapes; a percent sign that begins none is a mistake that would otherwise be a wrong password. */
function decode(url: string, text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(url, `has a percent sign in ${what} that escapes nothing: write %25`);
  }
}
