import { createHash } from 'node:crypto';
import { type IscsiUrl, loginOptionsOf } from '../../../../initiator/iscsi-url.js';
import { Session } from '../../../../initiator/session.js';
import type { Clock } from '../../../clock.js';
import type { Limits } from '../../../limits.js';
import type { Carrier, Connector } from '../carrier.js';
import { SessionCarrier } from './session-carrier.js';

export interface SessionConnectorOptions {
  readonly url: IscsiUrl;
  /** The URL as it may be shown. */
  readonly name: string;
  readonly isPerNexus: boolean;
  /** As whom we log in; the initiator's default when left out. */
  readonly initiatorName?: string;
  readonly clock: Clock;
  readonly limits: Limits;
}

const ISID_TYPE_RANDOM = '80';
const ISID_HASH_DIGITS = 10;

/** Logs in to a remote target. */
export class SessionConnector implements Connector {
  readonly name: string;
  readonly isPerNexus: boolean;
  readonly #options: SessionConnectorOptions;

  constructor(options: SessionConnectorOptions) {
    this.name = options.name;
    this.isPerNexus = options.isPerNexus;
    this.#options = options;
  }

  async connect(wayName: string, onLost: (why: string) => void): Promise<Carrier> {
    const { url, initiatorName, clock, limits } = this.#options;
    const session = await Session.login({
      ...loginOptionsOf(url),
      targetName: url.targetName,
      isid: isidOf(wayName),
      tolerate: 'harmless',
      keys: { errorRecoveryLevel: 0, maxConnections: 1 },
      clock,
      events: { onClosed: (cause) => onLost(cause.message) },
      ...(initiatorName === undefined ? {} : { initiatorName }),
    });
    return new SessionCarrier(session, url.lun, clock, limits);
  }
}

/**
 * The same for the same way at every login, so that the target knows the nexus again: persistent reservations are kept for it, and a session that was lost
 * unseen makes way at once. Type 10b, RFC 7143 §11.12.5.
 */
export function isidOf(wayName: string): string {
  return ISID_TYPE_RANDOM + createHash('sha256').update(wayName).digest('hex').slice(0, ISID_HASH_DIGITS);
}
