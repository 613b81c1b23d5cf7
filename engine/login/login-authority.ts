import type { NegotiatedParameters, SessionType } from './negotiated-parameters.js';

/** A target as far as login has to know it. */
export interface LoginTarget {
  /** In normal form, see `normalizeIscsiName`. */
  readonly name: string;
  readonly alias?: string;
  /** 0 to 65535. RFC 7143 §13.9. */
  readonly portalGroupTag: number;
  /** Values of AuthMethod that it takes. `None` among them means that nobody has to prove anything. */
  readonly authMethods: readonly string[];
}

export type TargetLookup =
  | { readonly kind: 'found'; readonly target: LoginTarget }
  /**
   * `status` is a `LoginStatus`: targetNotFound, authorizationFailure, targetRemoved, serviceUnavailable…
   * With a redirection (Status-Class 1) `targetAddress` says where to; `formatTargetAddress` writes it.
   */
  | { readonly kind: 'refused'; readonly status: number; readonly targetAddress?: string };

/** Who may log in to what by one connection. Implemented above the login layer. */
export interface LoginAuthority {
  /** Names are in normal form. */
  findTarget(targetName: string, initiatorName: string): TargetLookup;
  /** Whether the initiator may use the target now that it is known who it is; `user` is null when nobody had to prove anything. */
  mayUse(targetName: string, initiatorName: string, user: string | null): boolean;
  /** Values of AuthMethod that discovery sessions take. */
  readonly discoveryAuthMethods: readonly string[];
}

export interface AdmissionRequest {
  /** 12 lower-case hex digits. */
  readonly isid: string;
  /** 0 asks for a new session, or to reinstate the one with this ISID. RFC 7143 §6.3.5. */
  readonly tsih: number;
  readonly cid: number;
  /** CmdSN of the login requests: where a new session's CmdSN starts. */
  readonly cmdSN: number;
  readonly initiatorName: string;
  /** Null in discovery sessions. */
  readonly targetName: string | null;
  /** As whom the initiator authenticated; null when it did not have to. */
  readonly user: string | null;
  readonly sessionType: SessionType;
  /** For a connection that joins a session, session-wide values here are defaults: the session's own ones hold. */
  readonly parameters: NegotiatedParameters;
}

export type Admission =
  /** `tsih` is never 0. */
  | { readonly kind: 'admitted'; readonly tsih: number }
  /** sessionDoesNotExist, tooManyConnections, cannotIncludeInSession, outOfResources… */
  | { readonly kind: 'refused'; readonly status: number };

/** The sessions that exist. Implemented by the session layer. */
export interface SessionRegistry {
  /** Called once a login, right before its final response. On `admitted` the session or connection exists. */
  admit(request: AdmissionRequest): Admission;
}
