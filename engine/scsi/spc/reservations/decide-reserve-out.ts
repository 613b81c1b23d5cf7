import { Asc } from '../../sense.js';
import { decideRegister, decideRegisterAndMove, type Surroundings } from './decide-register.js';
import {
  admitsRegistrants,
  isAllRegistrants,
  isHolder,
  isReservationType,
  isSameNexus,
  type NexusPorts,
  noReservations,
  type Registration,
  type Reservation,
  type ReservationState,
  type ReservationType,
  registrationOf,
  reservationKeyOf,
} from './reservation-state.js';
import { change, conflict, type Decision, nextGeneration, noticesFor, unchanged } from './reserve-out-decision.js';
import { ReserveOutAction, type ReserveOutRequest, SERVICE_ACTION_KEY_AT } from './reserve-out-request.js';

const SCOPE_AND_TYPE_AT = 2;
const SCOPE_BIT = 7;
const TYPE_BIT = 3;
/** LU_SCOPE: the only one there still is. SPC-4 "Persistent reservation scope". */
export const LOGICAL_UNIT_SCOPE = 0;

/** What a PERSISTENT RESERVE OUT command does. SPC-4 §5.12 "Reservations". */
export function decideReserveOut(state: ReservationState, request: ReserveOutRequest, around: Surroundings): Decision {
  switch (request.action) {
    case ReserveOutAction.register:
    case ReserveOutAction.registerAndIgnoreExistingKey:
      return decideRegister(state, request, around);
    case ReserveOutAction.registerAndMove:
      return decideRegisterAndMove(state, request, around);
  }
  // All others are for registrants, who say their key.
  const own = registrationOf(state, request.nexus);
  if (own === undefined || own.key !== request.key) return conflict;
  switch (request.action) {
    case ReserveOutAction.reserve:
      return decideReserve(state, request, own);
    case ReserveOutAction.release:
      return decideRelease(state, request, own);
    case ReserveOutAction.clear:
      return decideClear(state, own);
    case ReserveOutAction.preempt:
    case ReserveOutAction.preemptAndAbort:
      return decidePreempt(state, request, own);
  }
}

/** Null when they are what they may be. */
function scopeOrTypeFault({ scope, type }: ReserveOutRequest): Decision | null {
  if (scope !== LOGICAL_UNIT_SCOPE) return { kind: 'cdb', at: SCOPE_AND_TYPE_AT, bit: SCOPE_BIT };
  return isReservationType(type) ? null : { kind: 'cdb', at: SCOPE_AND_TYPE_AT, bit: TYPE_BIT };
}

/** SPC-4 "Reserving". */
function decideReserve(state: ReservationState, request: ReserveOutRequest, own: Registration): Decision {
  const fault = scopeOrTypeFault(request);
  if (fault !== null) return fault;
  const type = request.type as ReservationType;
  if (state.reservation === null) return change({ ...state, reservation: reservationBy(own, type) });
  return state.reservation.type === type && isHolder(state, own) ? unchanged : conflict;
}

function reservationBy({ initiatorPortName, relativeTargetPortIdentifier }: Registration, type: ReservationType): Reservation {
  return { type, holder: isAllRegistrants(type) ? null : { initiatorPortName, relativeTargetPortIdentifier } };
}

/** SPC-4 "Releasing". Who holds nothing releases nothing, and is told GOOD. */
function decideRelease(state: ReservationState, request: ReserveOutRequest, own: Registration): Decision {
  const { reservation } = state;
  if (reservation === null || !isHolder(state, own)) return unchanged;
  if (request.scope !== LOGICAL_UNIT_SCOPE || request.type !== reservation.type) {
    return { kind: 'refused', asc: Asc.invalidReleaseOfPersistentReservation };
  }
  const told = admitsRegistrants(reservation.type) ? state.registrations : [];
  const notices = noticesFor(told, Asc.reservationsReleased, (each) => each === own);
  return change(
    { ...state, reservation: null },
    notices.map((notice) => ({ ...notice, isOfRelease: true })),
  );
}

/** SPC-4 "Clearing". */
function decideClear(state: ReservationState, own: Registration): Decision {
  const next = { ...nextGeneration(state), registrations: noReservations.registrations, reservation: null };
  return change(
    next,
    noticesFor(state.registrations, Asc.reservationsPreempted, (each) => each === own),
  );
}

/**
 * SPC-4 "Preempting". With the key of the reservation, or 0 for one of an "all registrants" type, it takes the place of the reservation and the registrations
 * with that key; with another key it removes the registrations with it.
 */
function decidePreempt(state: ReservationState, request: ReserveOutRequest, own: Registration): Decision {
  const { reservation } = state;
  const key = request.serviceActionKey;
  if (key === 0n && (reservation === null || reservation.holder !== null)) return { kind: 'list', at: SERVICE_ACTION_KEY_AT };
  const takesOver = reservation !== null && key === reservationKeyOf(state);
  const removed = state.registrations.filter((each) => (key === 0n || each.key === key) && !(takesOver && each === own));
  return takesOver ? takeOver(state, request, own, removed) : removeRegistrations(state, request, own, removed);
}

/** SPC-4 "Preempting persistent reservations and registration handling". */
function takeOver(state: ReservationState, request: ReserveOutRequest, own: Registration, removed: readonly Registration[]): Decision {
  const fault = scopeOrTypeFault(request);
  if (fault !== null) return fault;
  const type = request.type as ReservationType;
  const registrations = state.registrations.filter((each) => !removed.includes(each));
  const hasChanged = state.reservation?.type !== type;
  const notices = [
    ...noticesFor(removed, Asc.registrationsPreempted, () => false),
    ...noticesFor(hasChanged ? registrations : [], Asc.reservationsReleased, (each) => each === own),
  ];
  return change({ ...nextGeneration(state), registrations, reservation: reservationBy(own, type) }, notices, abortedBy(request, removed));
}

/** SPC-4 "Removing registrations". SCOPE and TYPE say nothing here. */
function removeRegistrations(state: ReservationState, request: ReserveOutRequest, own: Registration, removed: readonly Registration[]): Decision {
  if (removed.length === 0) return conflict;
  const registrations = state.registrations.filter((each) => !removed.includes(each));
  // The holder's are not among them, but with "all registrants" everybody is a holder.
  const reservation = registrations.length === 0 ? null : state.reservation;
  const others = removed.filter((each) => each !== own);
  const notices = noticesFor(others, Asc.registrationsPreempted, () => false);
  return change({ ...nextGeneration(state), registrations, reservation }, notices, abortedBy(request, others));
}

function abortedBy({ action, nexus }: ReserveOutRequest, removed: readonly NexusPorts[]): NexusPorts[] {
  return action === ReserveOutAction.preemptAndAbort ? removed.filter((each) => !isSameNexus(each, nexus)) : [];
}
