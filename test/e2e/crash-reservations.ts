import { Assertion } from 'uvu/assert';
import { type LogicalUnitClient, ReservationType } from '../../initiator/index.js';
import type { SeededRandom } from '../support/random.js';
import { untilGone } from './crash-lane.js';

/** What a unit is to hold; nexuses by their initiator's name. */
interface Held {
  readonly keys: ReadonlyMap<string, bigint>;
  readonly reservation: { readonly holder: string; readonly type: ReservationType } | null;
  /** APTPL of the last registration: whether it outlives the target. */
  readonly isKept: boolean;
}

const NOTHING: Held = { keys: new Map(), reservation: null, isKept: false };
/** Those under which all who are registered may write, as the lanes beside are. */
const types = [
  ReservationType.writeExclusiveRegistrantsOnly,
  ReservationType.exclusiveAccessRegistrantsOnly,
  ReservationType.writeExclusiveAllRegistrants,
  ReservationType.exclusiveAccessAllRegistrants,
] as const;

function isOfAll(type: ReservationType): boolean {
  return type === ReservationType.writeExclusiveAllRegistrants || type === ReservationType.exclusiveAccessAllRegistrants;
}

function describe({ keys, reservation }: Held): string {
  const lines = [...keys].map(([name, key]) => {
    const isHolder = reservation !== null && (isOfAll(reservation.type) || reservation.holder === name);
    return `${name} ${key}${isHolder ? ` holds ${reservation.type}` : ''}`;
  });
  return lines.sort().join(', ');
}

/** The registrations and the reservation of a unit under kills: as acknowledged, or as the one request under way would have them. */
export class CrashReservations {
  #held = NOTHING;
  #pending: Held | null = null;
  #keyCount = 0n;
  acknowledgedCount = 0;
  keptCount = 0;

  /** After a start. */
  async verify(unit: LogicalUnitClient): Promise<void> {
    const { registrations } = await unit.persistentReservations.readFullStatus();
    const lines = registrations.map(({ key, isHolder, type, initiatorPort }) => `${initiatorPort?.initiatorName} ${key}${isHolder ? ` holds ${type}` : ''}`);
    const found = lines.sort().join(', ');
    const allowed = [this.#held, ...(this.#pending === null ? [] : [this.#pending])].map((held) => (held.isKept ? held : NOTHING));
    const match = allowed.find((held) => describe(held) === found);
    if (match === undefined) {
      throw new Assertion({ message: 'reservations are not as acknowledged', operator: 'reservations', expects: allowed.map(describe), actual: found });
    }
    if (match.keys.size > 0) this.keptCount++;
    this.#held = match;
    this.#pending = null;
  }

  /** `movers` take reservations from each other while the others are registered and go on writing. */
  async run(movers: readonly LogicalUnitClient[], others: readonly LogicalUnitClient[], random: SeededRandom): Promise<void> {
    await untilGone(async () => {
      const missing = others.find((unit) => !this.#held.keys.has(nameOf(unit)));
      // A reservation would keep them from writing.
      if (missing !== undefined) return this.#register(missing, true);
      const unit = movers[random.below(movers.length)] as LogicalUnitClient;
      const peer = movers.find((other) => other !== unit) as LogicalUnitClient;
      await this.#step(unit, peer, random);
    });
  }

  async #step(unit: LogicalUnitClient, peer: LogicalUnitClient, random: SeededRandom): Promise<void> {
    const name = nameOf(unit);
    const { keys, reservation, isKept } = this.#held;
    const key = keys.get(name);
    const peerKey = keys.get(nameOf(peer));
    const type = types[random.below(types.length)] as ReservationType;
    const what = random.below(12);
    if (key === undefined || what < 3) return this.#register(unit, random.below(6) !== 0);
    if (what === 3) return this.#unregister(unit, key);
    if (what === 4 && random.below(3) === 0) {
      return this.#change({ keys: new Map(), reservation: null, isKept }, () => unit.persistentReservations.clear(key));
    }
    if (reservation === null) {
      return this.#change({ keys, reservation: { holder: name, type }, isKept }, () => unit.persistentReservations.reserve(key, type));
    }
    const isHolder = isOfAll(reservation.type) || reservation.holder === name;
    if (reservation.holder === name && !isOfAll(reservation.type) && what < 6) return this.#move(unit, key, peer, reservation.type);
    if (isHolder && what < 8) return this.#change({ keys, reservation: null, isKept }, () => unit.persistentReservations.release(key, reservation.type));
    if (peerKey !== undefined) await this.#preempt(unit, key, peer, peerKey, type);
  }

  #register(unit: LogicalUnitClient, isKept: boolean): Promise<void> {
    const { keys, reservation } = this.#held;
    const newKey = ++this.#keyCount;
    const next = { keys: new Map(keys).set(nameOf(unit), newKey), reservation, isKept };
    return this.#change(next, () => unit.persistentReservations.registerAndIgnoreExistingKey(newKey, { persistThroughPowerLoss: isKept }));
  }

  #unregister(unit: LogicalUnitClient, key: bigint): Promise<void> {
    const keys = new Map(this.#held.keys);
    keys.delete(nameOf(unit));
    const { reservation } = this.#held;
    const isReleased = reservation !== null && !isOfAll(reservation.type) && reservation.holder === nameOf(unit);
    const next = { keys, reservation: isReleased ? null : reservation, isKept: true };
    return this.#change(next, () => unit.persistentReservations.register(0n, key, { persistThroughPowerLoss: true }));
  }

  /** Registers the peer with a new key and hands it the reservation. SPC-4 "Registering and moving the reservation". */
  #move(unit: LogicalUnitClient, key: bigint, peer: LogicalUnitClient, type: ReservationType): Promise<void> {
    const serviceActionKey = ++this.#keyCount;
    const keys = new Map(this.#held.keys).set(nameOf(peer), serviceActionKey);
    const next = { keys, reservation: { holder: nameOf(peer), type }, isKept: true };
    const initiatorPort = { initiatorName: nameOf(peer), isid: CRASH_ISID };
    const fields = { key, serviceActionKey, relativeTargetPortIdentifier: 1, initiatorPort, persistThroughPowerLoss: true };
    return this.#change(next, () => unit.persistentReservations.registerAndMove(fields));
  }

  /** Of "all registrants" only the registration goes; of a reservation of one's own it is taken over with it. SPC-4 "Preempting". */
  #preempt(unit: LogicalUnitClient, key: bigint, peer: LogicalUnitClient, peerKey: bigint, type: ReservationType): Promise<void> {
    const { reservation, isKept } = this.#held;
    const keys = new Map(this.#held.keys);
    keys.delete(nameOf(peer));
    const isTakenOver = reservation !== null && !isOfAll(reservation.type) && reservation.holder === nameOf(peer);
    const next = { keys, reservation: isTakenOver ? { holder: nameOf(unit), type } : reservation, isKept };
    return this.#change(next, () => unit.persistentReservations.preempt(key, peerKey, type));
  }

  async #change(next: Held, run: () => Promise<void>): Promise<void> {
    this.#pending = next;
    await run();
    this.#held = next;
    this.#pending = null;
    this.acknowledgedCount++;
  }
}

/** Of every session: their initiators have different names. */
export const CRASH_ISID = '800000000001';

const names = new WeakMap<LogicalUnitClient, string>();

/** Under which name the session of `unit` has logged in. */
export function nameUnit(unit: LogicalUnitClient, initiatorName: string): LogicalUnitClient {
  names.set(unit, initiatorName);
  return unit;
}

function nameOf(unit: LogicalUnitClient): string {
  return names.get(unit) as string;
}
