/** TYPE of a persistent reservation, SPC-4 "Persistent reservation type". */
export const ReservationType = {
  writeExclusive: 0x1,
  exclusiveAccess: 0x3,
  writeExclusiveRegistrantsOnly: 0x5,
  exclusiveAccessRegistrantsOnly: 0x6,
  writeExclusiveAllRegistrants: 0x7,
  exclusiveAccessAllRegistrants: 0x8,
} as const;
export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

export function isReservationType(type: number): type is ReservationType {
  return (Object.values(ReservationType) as number[]).includes(type);
}

/** Others may still read. */
export function isWriteExclusive(type: ReservationType): boolean {
  return type === ReservationType.writeExclusive || type === ReservationType.writeExclusiveRegistrantsOnly || isWriteExclusiveAllRegistrants(type);
}

function isWriteExclusiveAllRegistrants(type: ReservationType): boolean {
  return type === ReservationType.writeExclusiveAllRegistrants;
}

/** Every registrant is a holder. */
export function isAllRegistrants(type: ReservationType): boolean {
  return isWriteExclusiveAllRegistrants(type) || type === ReservationType.exclusiveAccessAllRegistrants;
}

/** "Registrants only" and "all registrants": whoever is registered has access. */
export function admitsRegistrants(type: ReservationType): boolean {
  return type !== ReservationType.writeExclusive && type !== ReservationType.exclusiveAccess;
}

/** What a registration is for: an I_T nexus, whether it is there or not. It outlives sessions. An `ITNexus` is one. */
export interface NexusPorts {
  readonly initiatorPortName: string;
  readonly relativeTargetPortIdentifier: number;
}

export interface Registration extends NexusPorts {
  /** 64 bits, never 0. */
  readonly key: bigint;
}

export interface Reservation {
  readonly type: ReservationType;
  /** Of a registered nexus; null where all registrants are holders. */
  readonly holder: NexusPorts | null;
}

/** All that there is of persistent reservations of a logical unit. Never changed, but replaced: a service action takes effect whole or not at all. */
export interface ReservationState {
  /** PRGENERATION, 32 bits, wraps. 0 after power on. */
  readonly generation: number;
  readonly registrations: readonly Registration[];
  readonly reservation: Reservation | null;
  /** PTPL_A: as the last APTPL bit told. */
  readonly isKeptWithoutPower: boolean;
}

export const noReservations: ReservationState = { generation: 0, registrations: [], reservation: null, isKeptWithoutPower: false };

export function isSameNexus(one: NexusPorts, other: NexusPorts): boolean {
  return one.initiatorPortName === other.initiatorPortName && one.relativeTargetPortIdentifier === other.relativeTargetPortIdentifier;
}

export function registrationOf(state: ReservationState, nexus: NexusPorts): Registration | undefined {
  return state.registrations.find((registration) => isSameNexus(registration, nexus));
}

/** A registered nexus that has the reservation; of "all registrants" types each has. */
export function isHolder({ reservation }: ReservationState, registration: NexusPorts): boolean {
  return reservation !== null && (reservation.holder === null || isSameNexus(reservation.holder, registration));
}

/** The key of the reservation as READ RESERVATION tells it: 0 where all registrants are holders. */
export function reservationKeyOf(state: ReservationState): bigint {
  const holder = state.reservation?.holder ?? null;
  return holder === null ? 0n : (registrationOf(state, holder)?.key ?? 0n);
}
