import type { KeyValuePair } from '../pdu/index.js';
import type { SessionType } from './negotiated-parameters.js';

/** Whom an authentication is about. */
export interface AuthContext {
  readonly initiatorName: string;
  /** Null in discovery sessions. */
  readonly targetName: string | null;
  readonly sessionType: SessionType;
}

export type AuthStep =
  | { readonly kind: 'continue'; readonly pairs: readonly KeyValuePair[] }
  /** `user` is who the initiator has proved to be, as the access rules know him; absent when nothing had to be proved. */
  | { readonly kind: 'done'; readonly pairs: readonly KeyValuePair[]; readonly user?: string }
  /** `status` is a Status-Class/Status-Detail, `LoginStatus.authenticationFailure` as a rule. */
  | { readonly kind: 'failed'; readonly status: number; readonly message: string };

/** One run of a method on one connection. */
export interface AuthExchange {
  /** Called once, when the method has been chosen. */
  begin(): AuthStep;
  /** The method's own keys of one request. Never called once `done` or `failed` was answered. */
  receive(pairs: readonly KeyValuePair[]): AuthStep;
}

/** A value of the AuthMethod key, RFC 7143 §12.1. A further method is a file beside this one and a row in the map. */
export interface AuthMethod {
  readonly name: string;
  /** The keys that belong to the method while it runs. */
  readonly keys: ReadonlySet<string>;
  open(context: AuthContext): AuthExchange;
}

export const NO_AUTHENTICATION = 'None';

const nothingToProve: AuthStep = { kind: 'done', pairs: [] };

export const noAuthentication: AuthMethod = {
  name: NO_AUTHENTICATION,
  keys: new Set(),
  open: () => ({ begin: () => nothingToProve, receive: () => nothingToProve }),
};

export type AuthMethods = ReadonlyMap<string, AuthMethod>;

export const defaultAuthMethods: AuthMethods = new Map([[noAuthentication.name, noAuthentication]]);
