import type { Limits } from '../limits.js';
import { type AuthContext, type AuthMethods, CHAP, type ChapCredentials, chapMethod, NO_AUTHENTICATION, noAuthentication } from '../login/index.js';
import { LoginStatus } from '../pdu/index.js';
import { LoginThrottle } from './login-throttle.js';
import { type RedirectRule, Redirects } from './redirects.js';
import { openAccess, type TargetAccess } from './target-access.js';

/** Logins since the start, by how they ended. */
export interface LoginCounts {
  readonly acceptedCount: number;
  /** Wrong or missing authentication: Status 0x0201. */
  readonly authenticationFailureCount: number;
  /** Turned away by the access rules: Status 0x0202. */
  readonly authorizationFailureCount: number;
  readonly redirectedCount: number;
  /** All that failed for other reasons. */
  readonly otherFailureCount: number;
  /** Login Requests that had to wait for failures before them. */
  readonly delayedRequestCount: number;
}

export interface AccessControlOptions {
  readonly limits: Limits;
  /** By target name in normal form; who is not named is open. */
  readonly targets?: ReadonlyMap<string, TargetAccess>;
  /** Of discovery sessions; null lets everybody discover. */
  readonly discovery?: ChapCredentials | null;
}

const STATUS_CLASS_REDIRECTION = 0x01;

/** Everything of an engine that decides who may do what, and the memory of who was turned away. */
export class AccessControl {
  readonly throttle: LoginThrottle;
  readonly authMethods: AuthMethods;
  redirects = new Redirects([]);
  readonly #targets: ReadonlyMap<string, TargetAccess>;
  readonly #discovery: ChapCredentials | null;
  readonly #counts = {
    acceptedCount: 0,
    authenticationFailureCount: 0,
    authorizationFailureCount: 0,
    redirectedCount: 0,
    otherFailureCount: 0,
    delayedRequestCount: 0,
  };

  constructor(options: AccessControlOptions) {
    this.throttle = new LoginThrottle(options.limits);
    this.#targets = options.targets ?? new Map();
    this.#discovery = options.discovery ?? null;
    const chap = chapMethod((context) => this.#credentialsOf(context));
    this.authMethods = new Map([noAuthentication, chap].map((method) => [method.name, method]));
  }

  /** Values of AuthMethod that discovery sessions take. */
  get discoveryAuthMethods(): readonly string[] {
    return [this.#discovery === null ? NO_AUTHENTICATION : CHAP];
  }

  get counts(): LoginCounts {
    return { ...this.#counts };
  }

  targetAccess(targetName: string): TargetAccess {
    return this.#targets.get(targetName) ?? openAccess;
  }

  /** Known once portals are bound, since port 0 becomes a real one only then. */
  setRedirects(rules: readonly RedirectRule[]): void {
    this.redirects = new Redirects(rules);
  }

  onDelayed(): void {
    this.#counts.delayedRequestCount++;
  }

  onAccepted(): void {
    this.#counts.acceptedCount++;
  }

  /** A login from there ended with this status. */
  onRefused(status: number, remoteAddress: string, nowMicros: number): void {
    if (status === LoginStatus.authenticationFailure) this.#counts.authenticationFailureCount++;
    else if (status === LoginStatus.authorizationFailure) this.#counts.authorizationFailureCount++;
    else {
      if (status >> 8 === STATUS_CLASS_REDIRECTION) this.#counts.redirectedCount++;
      else this.#counts.otherFailureCount++;
      return;
    }
    this.throttle.onFailure(remoteAddress, nowMicros);
  }

  #credentialsOf({ targetName }: AuthContext): ChapCredentials | null {
    return targetName === null ? this.#discovery : this.targetAccess(targetName).credentials;
  }
}
