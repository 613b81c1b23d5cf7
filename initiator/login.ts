import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../engine/clock.js';
import { defaultLimits } from '../engine/limits.js';
import { LoginStatus } from '../engine/pdu/index.js';
import type { ChapOptions } from './chap.js';
import { type CheckName, ConformanceChecks } from './checks.js';
import { InitiatorError, LoginError } from './errors.js';
import { ISCSI_PORT } from './iscsi-url.js';
import type { KeyOffers, NegotiatedKeys } from './key-negotiation.js';
import type { DigestName, LoginKeys } from './key-options.js';
import { initiatorLimits } from './limits.js';
import { LoginExchange } from './login-exchange.js';
import { parseTargetAddress } from './target-address.js';
import { Wire, type WireReceiver } from './wire.js';

/** How to log in, whatever the connection. */
export interface LoginPhaseOptions {
  /** Needed for a normal session. */
  readonly targetName?: string;
  readonly initiatorName?: string;
  /** Normal when there is a target name, Discovery otherwise. */
  readonly sessionType?: 'Normal' | 'Discovery';
  /** 12 hex digits; a random one of type 10b otherwise. RFC 7143 §11.12.5. */
  readonly isid?: string;
  /** Not zero to join a session or to reinstate one of its connections; `sessionKeys` should come with it. */
  readonly tsih?: number;
  /** What the session that is joined has agreed on: its keys are not negotiated again. */
  readonly sessionKeys?: NegotiatedKeys;
  readonly cid?: number;
  /** CmdSN of the login and of the first command. */
  readonly cmdSN?: number;
  /** Prove who we are, and have the target prove who it is. The security stage comes with it. */
  readonly chap?: ChapOptions;
  /**
   * `none` passes the security stage with AuthMethod=None, `skip` starts with the operational one (the default). With `chap`,
   * `none` lets a target have its way that wants no authentication.
   */
  readonly security?: 'skip' | 'none';
  /** A list is in order of preference. */
  readonly digests?: { readonly header?: DigestName | readonly DigestName[]; readonly data?: DigestName | readonly DigestName[] };
  /** What to offer for the operational keys. */
  readonly keys?: LoginKeys;
  /** The same as text, further keys, or null to leave one out; stronger than `keys` and `digests`. */
  readonly offers?: KeyOffers;
  /** Checks whose violation is noted but does not end the session; `harmless` for all of `harmlessChecks`. None unless told. */
  readonly tolerate?: readonly CheckName[] | 'harmless';
  readonly loginMsMax?: number;
  readonly clock?: Clock;
}

export interface LoginOptions extends LoginPhaseOptions {
  readonly host: string;
  /** 3260 unless told. */
  readonly port?: number;
  readonly connectMsMax?: number;
  /** Redirections that are followed; 0 rejects with the first. */
  readonly redirectCountMax?: number;
}

/** Where a target is. */
export interface PortalAddress {
  readonly host: string;
  readonly port: number;
}

export interface LoginResult {
  readonly negotiated: NegotiatedKeys;
  /** All that the target said, as text: answers and declarations, TargetPortalGroupTag among them. */
  readonly answers: ReadonlyMap<string, string>;
  readonly isid: string;
  readonly tsih: number;
  readonly cid: number;
  /** CmdSN of the next non-immediate request. */
  readonly cmdSN: number;
  /** StatSN that the next response has to carry. */
  readonly expStatSN: number;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
  /** Where the login ended up, redirections followed; null for a connection that was there before. */
  readonly address: PortalAddress | null;
  /** Where to log in the next time: a permanent redirection counts, a temporary one does not. RFC 7143 §11.13.5. */
  readonly lastingAddress: PortalAddress | null;
}

/** Gets the connection as soon as it is in the full-feature phase, and says who takes what comes behind. */
export type OnFullFeature = (wire: Wire, result: LoginResult, checks: ConformanceChecks) => WireReceiver;

export const DEFAULT_INITIATOR_NAME = 'iqn.2025-01.dev.lunloom:initiator';

/** A random ISID: type 10b, 24 random bits and a random qualifier. RFC 7143 §11.12.5. */
export function randomIsid(): string {
  return `80${randomBytes(5).toString('hex')}`;
}

interface Addresses {
  readonly address: PortalAddress;
  readonly lastingAddress: PortalAddress;
}

/** Where a redirection leads, or the error itself when it leads nowhere. Throws `ADDRESS_INVALID`. */
function follow(error: unknown, { lastingAddress, address }: Addresses): Addresses {
  if (!(error instanceof LoginError) || error.code !== 'LOGIN_REDIRECTED' || error.targetAddress === null) throw error;
  const { host, port } = parseTargetAddress(error.targetAddress);
  // Behind a temporary redirection, what moved for good is only where that one led to.
  const isLasting = error.status === LoginStatus.targetMovedPermanently && address === lastingAddress;
  const next = { host, port };
  return { address: next, lastingAddress: isLasting ? next : lastingAddress };
}

/**
 * Connects and logs in; follows redirections. `onFullFeature` is called while the last Login Response is taken and answers
 * who gets whatever comes behind it: nothing can slip in between. Rejects with `LoginError`, `TargetViolation` or
 * `InitiatorError` (`CONNECT_FAILED`, `CONNECT_TIMEOUT`, `LOGIN_TIMEOUT`, `CONNECTION_CLOSED`, `ARGUMENT_INVALID`,
 * `AUTHENTICATION_FAILED`, `ADDRESS_INVALID`).
 */
export async function connectAndLogin(
  options: LoginOptions,
  onFullFeature: OnFullFeature,
  checks: ConformanceChecks = new ConformanceChecks(options.tolerate),
): Promise<LoginResult> {
  const redirectCountMax = options.redirectCountMax ?? initiatorLimits.redirectCountMax;
  const first = { host: options.host, port: options.port ?? ISCSI_PORT };
  let addresses: Addresses = { address: first, lastingAddress: first };
  for (let count = 0; ; count++) {
    try {
      return await loginAt(addresses, options, onFullFeature, checks);
    } catch (error) {
      if (count >= redirectCountMax) throw error;
      addresses = follow(error, addresses);
    }
  }
}

async function loginAt(addresses: Addresses, options: LoginOptions, onFullFeature: OnFullFeature, checks: ConformanceChecks): Promise<LoginResult> {
  const exchange = new LoginExchange(withIdentity(options), checks, onFullFeature, addresses);
  const connectMsMax = options.connectMsMax ?? initiatorLimits.connectMsMax;
  const target = { ...addresses.address, connectMsMax, clock: options.clock ?? systemClock };
  return exchange.run(await Wire.connect(target, exchange, defaultLimits.loginDataSegmentLengthBytesMax));
}

/** Logs in over a wire that is already connected; as `connectAndLogin`, but nowhere else. */
export function loginOver(wire: Wire, options: LoginPhaseOptions, onFullFeature: OnFullFeature): Promise<LoginResult> {
  const exchange = new LoginExchange(withIdentity(options), new ConformanceChecks(options.tolerate), onFullFeature, null);
  wire.setReceiver(exchange);
  return exchange.run(wire);
}

/** Fills in who we are. Throws `ARGUMENT_INVALID`. */
function withIdentity(options: LoginPhaseOptions): LoginPhaseOptions & { readonly isid: string; readonly initiatorName: string } {
  const isid = (options.isid ?? randomIsid()).toLowerCase();
  if (!/^[0-9a-f]{12}$/.test(isid)) throw new InitiatorError('ARGUMENT_INVALID', `an ISID is 12 hex digits, not ${JSON.stringify(options.isid)}`);
  return { ...options, isid, initiatorName: options.initiatorName ?? DEFAULT_INITIATOR_NAME };
}
