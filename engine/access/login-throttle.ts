import { isIP } from 'node:net';
import type { Limits } from '../limits.js';
import { plainAddress } from './address-range.js';

/** Of the first failure; each further one doubles it. */
const FIRST_DELAY_MS = 100;
/** Who has one IPv6 address has the whole subnet: the first four groups, 64 bits. RFC 4291 §2.5.4. */
const IPV6_SUBNET_GROUP_COUNT = 4;
const IPV6_GROUP_COUNT = 8;
const MICROS_PER_MS = 1000;

interface FailureRecord {
  failureCount: number;
  lastFailureMicros: number;
  /** Until then logins from there wait. */
  untilMicros: number;
}

/**
 * Slows down those who guess: after a failed login all logins from that address wait before anything of them is looked at, at first
 * shortly and then ever longer, so that many connections at a time do not help. A right login forgives nothing: whoever has an
 * account of his own could wipe the slate clean with it.
 */
export class LoginThrottle {
  readonly #limits: Limits;
  /** By remote address or IPv6 subnet, those that failed longest ago first. */
  readonly #records = new Map<string, FailureRecord>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get addressCount(): number {
    return this.#records.size;
  }

  /** How long a login from there has to wait now; milliseconds, 0 for not at all. */
  waitMs(remoteAddress: string, nowMicros: number): number {
    // Nobody has failed: that is how it is nearly always.
    if (this.#records.size === 0) return 0;
    const record = this.#records.get(throttleKey(remoteAddress));
    return record === undefined ? 0 : Math.max(0, Math.ceil((record.untilMicros - nowMicros) / MICROS_PER_MS));
  }

  onFailure(remoteAddress: string, nowMicros: number): void {
    const { loginFailureDelayMsMax, loginFailureMemoryMsMax, loginFailureAddressCountMax } = this.#limits;
    const key = throttleKey(remoteAddress);
    const before = this.#records.get(key);
    const isForgotten = before === undefined || nowMicros - before.lastFailureMicros > loginFailureMemoryMsMax * MICROS_PER_MS;
    const failureCount = isForgotten ? 1 : before.failureCount + 1;
    const delayMs = Math.min(loginFailureDelayMsMax, FIRST_DELAY_MS * 2 ** (failureCount - 1));
    this.#records.delete(key);
    this.#records.set(key, { failureCount, lastFailureMicros: nowMicros, untilMicros: nowMicros + delayMs * MICROS_PER_MS });
    if (this.#records.size <= loginFailureAddressCountMax) return;
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest);
      return;
    }
  }
}

/** What failures are counted by. */
export function throttleKey(remoteAddress: string): string {
  const address = plainAddress(remoteAddress);
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < IPV6_GROUP_COUNT) groups.push('0');
    groups.push(...rest);
  }
  return groups
    .slice(0, IPV6_SUBNET_GROUP_COUNT)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
