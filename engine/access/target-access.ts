import { CHAP, type ChapCredentials, NO_AUTHENTICATION } from '../login/index.js';
import { type AddressRange, plainAddress } from './address-range.js';
import { matchesNamePattern, normalizeNamePattern } from './name-pattern.js';

/** Who somebody is as far as rules look at it. */
export interface AccessSubject {
  /** In normal form. */
  readonly initiatorName: string;
  readonly remoteAddress: string;
  /** As whom it authenticated; null when nobody had to. */
  readonly user: string | null;
}

/**
 * One rule: who fits everything that it names gets the LUNs that it names. What is left out is not asked for; a list is fitted by
 * any of its elements.
 */
export interface AccessRule {
  /** Names in which `*` stands for any characters and `?` for one. */
  readonly initiators?: readonly string[] | undefined;
  readonly addresses?: readonly AddressRange[] | undefined;
  /** Names of CHAP users. */
  readonly users?: readonly string[] | undefined;
  /** All LUNs where it is left out. */
  readonly luns?: readonly number[] | undefined;
}

/** What an initiator may see of a target. */
export interface AccessGrant {
  /** Null stands for all LUNs. */
  readonly luns: ReadonlySet<number> | null;
}

const wholeTarget: AccessGrant = { luns: null };

/** Who may use one target, and how it has to prove who it is. Nothing but rules and users: no state. */
export class TargetAccess {
  /** Null when nobody has to prove anything. */
  readonly credentials: ChapCredentials | null;
  /** Null lets everybody in who has proved to be a user, or just everybody when there are none. */
  readonly #rules: readonly AccessRule[] | null;

  constructor(options: { readonly credentials?: ChapCredentials | null; readonly rules?: readonly AccessRule[] | null } = {}) {
    this.credentials = options.credentials ?? null;
    this.#rules = options.rules?.map((rule) => ({ ...rule, initiators: rule.initiators?.map(normalizeNamePattern) })) ?? null;
  }

  /** `None` stands here only when nobody has to prove anything. RFC 7143 §12.1. */
  get authMethods(): readonly string[] {
    return [this.credentials === null ? NO_AUTHENTICATION : CHAP];
  }

  /** Whether somebody may come at all of whom nothing is proved yet: at the begin of a login, and in discovery. */
  mayCome(initiatorName: string, remoteAddress: string): boolean {
    return this.#rules === null || this.#rules.some((rule) => fitsPlace(rule, initiatorName, plainAddress(remoteAddress)));
  }

  /** What all the rules that fit give together, or null when none fits. */
  grantFor(subject: AccessSubject): AccessGrant | null {
    if (this.credentials !== null && subject.user === null) return null;
    if (this.#rules === null) return wholeTarget;
    const address = plainAddress(subject.remoteAddress);
    const luns = new Set<number>();
    let isGranted = false;
    for (const rule of this.#rules) {
      if (!fitsPlace(rule, subject.initiatorName, address) || !fitsUser(rule, subject.user)) continue;
      if (rule.luns === undefined) return wholeTarget;
      isGranted = true;
      for (const lun of rule.luns) luns.add(lun);
    }
    return isGranted ? { luns } : null;
  }
}

/** Access for everybody: what a target has that says nothing, and which only loopback may serve. */
export const openAccess = new TargetAccess();

function fitsPlace(rule: AccessRule, initiatorName: string, address: string): boolean {
  const { initiators, addresses } = rule;
  if (initiators !== undefined && !initiators.some((pattern) => matchesNamePattern(pattern, initiatorName))) return false;
  return addresses === undefined || addresses.some((range) => range.includes(address));
}

function fitsUser({ users }: AccessRule, user: string | null): boolean {
  return users === undefined || (user !== null && users.includes(user));
}
