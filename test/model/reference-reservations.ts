import { check, conflict, good, invalidInCdb, invalidInList, type Outcome, type UnitAttentionNotice } from './reference-outcome.js';

/*
 * Persistent reservations as SPC-4 §5.13 "Reservations" tells of them, for a handful of nexuses. Written from the standard, and small enough to be read
 * against it: every service action changes the state in place or ends with a status and changes nothing.
 */

/** A nexus by its names, `initiator port @ relative target port`; it need not be logged in. */
export type NexusName = string;

export function nexusName(initiatorPort: string, targetPort: number): NexusName {
  return `${initiatorPort}@${targetPort}`;
}

export const Action = { register: 0, reserve: 1, release: 2, clear: 3, preempt: 4, preemptAndAbort: 5, registerAndIgnore: 6, registerAndMove: 7 } as const;

export interface ReserveOut {
  readonly action: number;
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly type: number;
  readonly scope: number;
  readonly aptpl: boolean;
  readonly allTargetPorts: boolean;
  /** Initiator ports of SPEC_I_PT; null when the bit is zero. */
  readonly initiatorPorts: readonly string[] | null;
  /** Where REGISTER AND MOVE goes. */
  readonly destination: { readonly initiatorPort: string; readonly targetPort: number };
  readonly unregister: boolean;
}

export interface Asking {
  readonly initiatorPort: string;
  readonly targetPort: number;
}

const VALID_TYPES = [1, 3, 5, 6, 7, 8];
const RESERVATIONS_PREEMPTED = 0x2a03;
const RESERVATIONS_RELEASED = 0x2a04;
const REGISTRATIONS_PREEMPTED = 0x2a05;
const INVALID_RELEASE = 0x2604;

const isAllRegistrants = (type: number) => type === 7 || type === 8;
const isWriteExclusive = (type: number) => type === 1 || type === 5 || type === 7;
const isForRegistrants = (type: number) => type >= 5;

export interface ReserveOutResult {
  readonly outcome: Outcome;
  readonly notices: readonly UnitAttentionNotice[];
  /** Whose commands PREEMPT AND ABORT stops, when it succeeds. */
  readonly aborted: readonly NexusName[];
}

export class ReferenceReservations {
  generation = 0;
  keys = new Map<NexusName, bigint>();
  type = 0;
  /** Of a reservation that one nexus holds. */
  holder: NexusName | null = null;
  aptpl = false;
  readonly #targetPorts: readonly number[];
  readonly #isKept: boolean;

  constructor(targetPorts: readonly number[], isKept: boolean) {
    this.#targetPorts = targetPorts;
    this.#isKept = isKept;
  }

  get isReserved(): boolean {
    return this.type !== 0;
  }

  isHolder(nexus: NexusName): boolean {
    return this.isReserved && (isAllRegistrants(this.type) ? this.keys.has(nexus) : this.holder === nexus);
  }

  /** The holder, and registrants where those have access. SPC-4 §5.13.3 "Exceptions to SPC-2 RESERVE and RELEASE behavior". */
  hasFullAccess(nexus: NexusName): boolean {
    return this.isHolder(nexus) || (this.isReserved && isForRegistrants(this.type) && this.keys.has(nexus));
  }

  /** SPC-4 "Commands allowed in the presence of various reservations". */
  admits(nexus: NexusName, access: 'read' | 'write'): boolean {
    if (!this.isReserved || this.hasFullAccess(nexus)) return true;
    return access === 'read' && isWriteExclusive(this.type);
  }

  /** As it would be after the command; the state stays as it is. */
  copy(): ReferenceReservations {
    const copy = new ReferenceReservations(this.#targetPorts, this.#isKept);
    copy.take(this);
    return copy;
  }

  take(other: ReferenceReservations): void {
    this.generation = other.generation;
    this.keys = new Map(other.keys);
    this.type = other.type;
    this.holder = other.holder;
    this.aptpl = other.aptpl;
  }

  isSame(other: ReferenceReservations): boolean {
    const text = ({ generation, keys, type, holder, aptpl }: ReferenceReservations) => `${generation} ${[...keys].flat().join()} ${type} ${holder} ${aptpl}`;
    return text(this) === text(other);
  }

  /** Power was lost. */
  restart(): void {
    this.generation = 0;
    if (this.aptpl) return;
    this.keys.clear();
    this.#end();
  }

  reserveOut(by: Asking, request: ReserveOut): ReserveOutResult {
    const told: UnitAttentionNotice[] = [];
    const aborted: NexusName[] = [];
    const outcome = this.#act(by, nexusName(by.initiatorPort, by.targetPort), request, told, aborted);
    return { outcome, notices: told, aborted };
  }

  #act(by: Asking, own: NexusName, request: ReserveOut, told: UnitAttentionNotice[], aborted: NexusName[]): Outcome {
    const { action } = request;
    if (request.initiatorPorts !== null && action !== Action.register && action !== Action.registerAndMove) return invalidInList;
    const registers = action === Action.register || action === Action.registerAndIgnore;
    if ((registers || action === Action.registerAndMove) && request.aptpl && !this.#isKept) return invalidInList;
    if (registers) return this.#register(by, own, request, told);
    if (this.keys.get(own) !== request.key) return conflict;
    switch (action) {
      case Action.reserve:
        return this.#reserve(own, request);
      case Action.release:
        return this.#release(own, request, told);
      case Action.clear:
        for (const nexus of this.keys.keys()) if (nexus !== own) told.push({ nexus, asc: RESERVATIONS_PREEMPTED });
        this.keys.clear();
        this.#end();
        this.generation++;
        return good;
      case Action.registerAndMove:
        return this.#move(by, own, request);
      default:
        return this.#preempt(own, request, told, aborted);
    }
  }

  /** §5.13.7 "Registering", §5.13.11.1 "Unregistering". */
  #register(by: Asking, own: NexusName, request: ReserveOut, told: UnitAttentionNotice[]): Outcome {
    const targetPorts = request.allTargetPorts ? this.#targetPorts : [by.targetPort];
    const named = targetPorts.map((targetPort) => nexusName(by.initiatorPort, targetPort));
    const isRegistered = this.keys.has(own);
    if (request.action === Action.register) {
      // ALL_TG_PT: as if each of them had got the command.
      if ((this.keys.get(own) ?? 0n) !== request.key) return conflict;
      if (named.some((nexus) => this.keys.has(nexus) && this.keys.get(nexus) !== request.key)) return conflict;
      if (isRegistered && request.initiatorPorts !== null) return invalidInList;
    }
    if (request.serviceActionKey === 0n) {
      const leaving = named.filter((nexus) => this.keys.has(nexus));
      if (leaving.length > 0) this.#unregister(leaving, own, told, request.aptpl);
      return good;
    }
    const specified = (request.initiatorPorts ?? []).flatMap((port) => targetPorts.map((targetPort) => nexusName(port, targetPort)));
    if (specified.some((nexus) => this.keys.has(nexus))) return invalidInList;
    for (const nexus of [...named, ...specified]) this.keys.set(nexus, request.serviceActionKey);
    this.aptpl = request.aptpl;
    this.generation++;
    return good;
  }

  #unregister(leaving: readonly NexusName[], own: NexusName, told: UnitAttentionNotice[], aptpl: boolean): void {
    const { type } = this;
    const hadHolder = leaving.some((nexus) => this.holder === nexus);
    for (const nexus of leaving) this.keys.delete(nexus);
    this.aptpl = aptpl;
    this.generation++;
    if (isAllRegistrants(type) ? this.keys.size > 0 : !hadHolder) return;
    this.#end();
    if (isForRegistrants(type)) for (const nexus of this.keys.keys()) if (nexus !== own) told.push({ nexus, asc: RESERVATIONS_RELEASED });
  }

  /** §5.13.9 "Reserving". */
  #reserve(own: NexusName, { type, scope }: ReserveOut): Outcome {
    if (scope !== 0 || !VALID_TYPES.includes(type)) return invalidInCdb;
    if (this.isReserved) return this.isHolder(own) && this.type === type ? good : conflict;
    this.type = type;
    this.holder = isAllRegistrants(type) ? null : own;
    return good;
  }

  /** §5.13.11.2 "Releasing". */
  #release(own: NexusName, { type, scope }: ReserveOut, told: UnitAttentionNotice[]): Outcome {
    if (!this.isHolder(own)) return good;
    if (type !== this.type || scope !== 0) return check(5, INVALID_RELEASE);
    if (isForRegistrants(type)) for (const nexus of this.keys.keys()) if (nexus !== own) told.push({ nexus, asc: RESERVATIONS_RELEASED, isOfRelease: true });
    this.#end();
    return good;
  }

  /** §5.13.8 "Registering and moving the reservation". */
  #move(by: Asking, own: NexusName, { serviceActionKey, destination, unregister, aptpl }: ReserveOut): Outcome {
    if (!this.isReserved) return invalidInCdb;
    if (isAllRegistrants(this.type) || this.holder !== own) return conflict;
    if (serviceActionKey === 0n || !this.#targetPorts.includes(destination.targetPort)) return invalidInList;
    const to = nexusName(destination.initiatorPort, destination.targetPort);
    if (destination.initiatorPort === by.initiatorPort) return invalidInList;
    this.keys.set(to, serviceActionKey);
    this.holder = to;
    if (unregister) this.keys.delete(own);
    this.aptpl = aptpl;
    this.generation++;
    return good;
  }

  /** §5.13.11.4 "Preempting an existing persistent reservation with the PREEMPT service action", and what follows it. */
  #preempt(own: NexusName, request: ReserveOut, told: UnitAttentionNotice[], aborted: NexusName[]): Outcome {
    const { serviceActionKey: key, type, scope } = request;
    const isOfAll = this.isReserved && isAllRegistrants(this.type);
    if (key === 0n && !isOfAll) return invalidInList;
    const takesOver = this.isReserved && (isOfAll ? key === 0n : this.keys.get(this.holder as NexusName) === key);
    const matching = [...this.keys.keys()].filter((nexus) => key === 0n || this.keys.get(nexus) === key);
    if (takesOver && (scope !== 0 || !VALID_TYPES.includes(type))) return invalidInCdb;
    if (!takesOver && matching.length === 0) return conflict;
    const leaving = takesOver ? matching.filter((nexus) => nexus !== own) : matching;
    for (const nexus of leaving) {
      this.keys.delete(nexus);
      if (nexus === own) continue;
      told.push({ nexus, asc: REGISTRATIONS_PREEMPTED });
      if (request.action === Action.preemptAndAbort) aborted.push(nexus);
    }
    if (takesOver) {
      const before = this.type;
      this.type = type;
      this.holder = isAllRegistrants(type) ? null : own;
      if (before !== type) for (const nexus of this.keys.keys()) if (nexus !== own) told.push({ nexus, asc: RESERVATIONS_RELEASED });
    } else if (isOfAll && this.keys.size === 0) this.#end();
    this.generation++;
    return good;
  }

  #end(): void {
    this.type = 0;
    this.holder = null;
  }
}
