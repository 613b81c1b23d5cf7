import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock.js';
import type { Limits } from '../../limits.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { Asc } from '../sense.js';
import type { BlockRange } from './block-ranges.js';
import { hasTokenLength, makeTokenBytes, RodType, tokenIdentifierOf, tokenTypeOf } from './rod-token.js';

const MICROS_PER_SECOND = 1_000_000;

/** What a ROD token stands for: ranges of a medium, as the nexus that made it may read them. */
export interface RodToken {
  readonly bytes: Uint8Array;
  readonly type: number;
  readonly unit: LogicalUnit;
  readonly medium: Medium;
  readonly nexus: ITNexus;
  readonly ranges: readonly BlockRange[];
  readonly lengthBytes: number;
  readonly idleSeconds: number;
  usedAtMicros: number;
  /** Commands that use it now. */
  useCount: number;
  /** Null while it can be used; why not otherwise, as WRITE USING TOKEN says it. */
  endedBy: Asc | null;
}

/**
 * The ROD tokens of an engine, SPC-4 "ROD tokens". Who has the bytes of one may read what it stands for, by whichever logical unit: that is what tokens are
 * for, and why their bytes cannot be guessed. Tokens that have ended are remembered for a while, to tell why.
 */
export class RodTokens {
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #randomize: (bytes: Uint8Array) => void;
  /** By identifier, the longest unused first. */
  readonly #tokens = new Map<string, RodToken>();

  constructor(limits: Limits, clock: Clock, randomize: (bytes: Uint8Array) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#randomize = randomize;
  }

  /** Tokens that can be used. */
  get count(): number {
    return this.list().length;
  }

  create(content: Pick<RodToken, 'type' | 'unit' | 'medium' | 'nexus' | 'ranges' | 'lengthBytes' | 'idleSeconds'>): RodToken {
    const bytes = makeTokenBytes(content, this.#randomize);
    const token: RodToken = { ...content, bytes, usedAtMicros: this.#clock.nowMicros(), useCount: 0, endedBy: null };
    if (this.#tokens.size >= this.#limits.rodTokenCountMax) this.#evict();
    this.#tokens.set(tokenIdentifierOf(bytes), token);
    return token;
  }

  /** Those that have ended go first. */
  #evict(): void {
    this.#expire();
    const victim = [...this.#tokens.values()].find(({ endedBy }) => endedBy !== null) ?? this.#tokens.values().next().value;
    if (victim === undefined) return;
    victim.endedBy ??= Asc.tokenCancelled;
    this.#tokens.delete(tokenIdentifierOf(victim.bytes));
  }

  #expire(): void {
    const now = this.#clock.nowMicros();
    for (const token of this.#tokens.values()) {
      const isIdle = token.useCount === 0 && now - token.usedAtMicros > token.idleSeconds * MICROS_PER_SECOND;
      if (isIdle) token.endedBy ??= Asc.tokenExpired;
    }
  }

  /** The token, or why it cannot be used. */
  find(bytes: Uint8Array): RodToken | Asc {
    const type = tokenTypeOf(bytes);
    if (type !== RodType.accessUponReference && type !== RodType.pointInTimeChangeVulnerable) return Asc.unsupportedTokenType;
    if (!hasTokenLength(bytes)) return Asc.invalidTokenLength;
    this.#expire();
    const token = this.#tokens.get(tokenIdentifierOf(bytes));
    if (token === undefined) return Asc.tokenUnknown;
    if (!timingSafeEqual(token.bytes, bytes)) return Asc.tokenCorrupt;
    return token.endedBy ?? token;
  }

  /** A command begins to use the token: it does not expire until `release`. */
  hold(token: RodToken): void {
    token.useCount++;
  }

  release(token: RodToken): void {
    token.useCount--;
    token.usedAtMicros = this.#clock.nowMicros();
    const identifier = tokenIdentifierOf(token.bytes);
    if (this.#tokens.delete(identifier)) this.#tokens.set(identifier, token);
  }

  delete(token: RodToken): void {
    token.endedBy ??= Asc.tokenDeleted;
  }

  /** Those that can be used. */
  list(): RodToken[] {
    this.#expire();
    return [...this.#tokens.values()].filter(({ endedBy }) => endedBy === null);
  }

  /** True while there are tokens that end when blocks of the medium change. */
  watches(medium: Medium): boolean {
    return this.list().some((token) => token.medium === medium && token.type === RodType.pointInTimeChangeVulnerable);
  }

  /** Blocks of the medium change: point in time tokens for them are revoked. */
  onWritten(medium: Medium, lba: number, count: number): void {
    if (this.#tokens.size === 0) return;
    for (const token of this.#tokens.values()) {
      if (token.medium !== medium || token.type !== RodType.pointInTimeChangeVulnerable) continue;
      if (token.ranges.some((range) => lba < range.lba + range.count && range.lba < lba + count)) token.endedBy ??= Asc.tokenRevoked;
    }
  }

  /** The unit is no longer in its target. */
  onUnitGone(unit: LogicalUnit): void {
    for (const token of this.#tokens.values()) if (token.unit === unit) token.endedBy ??= Asc.tokenRevoked;
  }

  /** The medium is no longer in the unit. */
  onMediumGone(unit: LogicalUnit): void {
    for (const token of this.#tokens.values()) if (token.unit === unit && token.medium !== unit.medium) token.endedBy ??= Asc.tokenRevoked;
  }
}
