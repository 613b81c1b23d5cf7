import { isIP } from 'node:net';
import { normalizeIscsiName, unmappedAddress } from '../login/index.js';
import { LoginStatus } from '../pdu/index.js';

/** Logins to a target, by a portal, or both, that are sent elsewhere. */
export interface RedirectRule {
  /** All targets where it is left out. */
  readonly targetName?: string | undefined;
  /** As it is bound; all portals where it is left out. */
  readonly portal?: BoundPortal | undefined;
  /** A host name, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly permanent: boolean;
}

export interface BoundPortal {
  readonly address: string;
  readonly port: number;
}

/** Where a login is sent, as its Login Response tells it. */
export interface Redirection {
  readonly status: number;
  readonly targetAddress: string;
}

/** `host:port` with IPv6 in brackets. A redirection has no portal group tag, RFC 7143 §13.8. */
export function formatRedirectAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** The redirections of an engine, Status-Class 1 of RFC 7143 §11.13.5. The first rule that fits decides. */
export class Redirects {
  readonly #rules: readonly RedirectRule[];

  constructor(rules: readonly RedirectRule[]) {
    this.#rules = rules.map((rule) => (rule.targetName === undefined ? rule : { ...rule, targetName: normalizeIscsiName(rule.targetName) ?? rule.targetName }));
  }

  /** `local` is our end of the connection. */
  find(targetName: string, local: BoundPortal): Redirection | null {
    const rule = this.#rules.find(
      (candidate) =>
        (candidate.targetName === undefined || candidate.targetName === targetName) && (candidate.portal === undefined || isReachedBy(candidate.portal, local)),
    );
    if (rule === undefined) return null;
    return { status: rule.permanent ? LoginStatus.targetMovedPermanently : LoginStatus.targetMovedTemporarily, targetAddress: formatRedirectAddress(rule) };
  }
}

/** A wildcard listens on every address of its port; `[::]` for IPv4 too. */
function isReachedBy(portal: BoundPortal, local: BoundPortal): boolean {
  if (portal.port !== local.port) return false;
  const address = unmappedAddress(local.address);
  return portal.address === address || portal.address === '::' || (portal.address === '0.0.0.0' && isIP(address) === 4);
}
