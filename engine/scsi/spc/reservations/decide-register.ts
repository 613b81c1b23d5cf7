import { Asc } from '../../sense.js';
import {
  admitsRegistrants,
  isAllRegistrants,
  isHolder,
  isSameNexus,
  type NexusPorts,
  type Registration,
  type ReservationState,
  registrationOf,
} from './reservation-state.js';
import { change, conflict, type Decision, nextGeneration, noticesFor, unchanged } from './reserve-out-decision.js';
import {
  FLAGS_AT,
  MOVE_FLAGS_AT,
  MOVE_TRANSPORT_ID_AT,
  ReserveOutAction,
  type ReserveOutRequest,
  SERVICE_ACTION_KEY_AT,
  TARGET_PORT_AT,
  TRANSPORT_IDS_AT,
} from './reserve-out-request.js';

/** What the state does not tell: where registrations may be, how many, and whether they can be kept. */
export interface Surroundings {
  /** PTPL_C. */
  readonly canKeep: boolean;
  readonly registrationCountMax: number;
  /** Relative target port identifiers of the target. */
  readonly targetPorts: readonly number[];
  /** Names of the ports of an initiator that are there now. */
  readonly initiatorPortsOf: (initiatorName: string) => readonly string[];
}

const APTPL_BIT_NUMBER = 0;
/** In the CDB: a move is what cannot be asked for while nothing is reserved. */
const SERVICE_ACTION_AT = 1;

/** REGISTER and REGISTER AND IGNORE EXISTING KEY, SPC-4 "Registering" and "Unregistering". */
export function decideRegister(state: ReservationState, request: ReserveOutRequest, around: Surroundings): Decision {
  if (request.isKeptWithoutPower && !around.canKeep) return { kind: 'list', at: FLAGS_AT, bit: APTPL_BIT_NUMBER };
  const nexuses = askedFor(request, around);
  const present = nexuses.flatMap((nexus) => registrationOf(state, nexus) ?? []);
  const own = registrationOf(state, request.nexus);
  if (request.action === ReserveOutAction.register) {
    if (own === undefined && request.key !== 0n) return conflict;
    // With ALL_TG_PT it is as if each target port had got the command.
    if (present.some(({ key }) => key !== request.key)) return conflict;
    // A registered nexus changes its own key only.
    if (own !== undefined && request.specifiesInitiatorPorts) return { kind: 'list', at: FLAGS_AT };
  }
  if (request.serviceActionKey === 0n) return own === undefined && present.length === 0 ? unchanged : unregister(state, request, present);
  const others = portsOf(request, around);
  if (others === null) return { kind: 'list', at: TRANSPORT_IDS_AT };
  const isKeptWithoutPower = request.isKeptWithoutPower;
  const registered = withKeys(state.registrations, nexuses, request.serviceActionKey);
  // SPC-4 "Register behaviors for a REGISTER service action": all of them or none, and a key that is there stays its owner's.
  if (others.some((nexus) => registrationOf(state, nexus) !== undefined)) return { kind: 'list', at: TRANSPORT_IDS_AT };
  const unregistered = others.filter((nexus) => !registered.some((each) => isSameNexus(each, nexus)));
  const registrations = withKeys(registered, unregistered, request.serviceActionKey);
  if (registrations.length > around.registrationCountMax) return { kind: 'refused', asc: Asc.insufficientRegistrationResources };
  return change({ ...nextGeneration(state), registrations, isKeptWithoutPower });
}

/** The nexus that asks; with ALL_TG_PT its initiator port at each target port. */
function askedFor({ nexus, allTargetPorts }: ReserveOutRequest, { targetPorts }: Surroundings): NexusPorts[] {
  return allTargetPorts ? atPorts(nexus.initiatorPortName, new Set([nexus.relativeTargetPortIdentifier, ...targetPorts])) : [nexus];
}

function atPorts(initiatorPortName: string, targetPorts: Iterable<number>): NexusPorts[] {
  return [...targetPorts].map((relativeTargetPortIdentifier) => ({ initiatorPortName, relativeTargetPortIdentifier }));
}

/** SPEC_I_PT: the nexuses of the TransportIDs. Null when there is one that names no known port. */
function portsOf(request: ReserveOutRequest, around: Surroundings): NexusPorts[] | null {
  const targetPorts = request.allTargetPorts ? around.targetPorts : [request.nexus.relativeTargetPortIdentifier];
  const nexuses: NexusPorts[] = [];
  for (const { initiatorName, initiatorPortName } of request.transportIds) {
    const names = initiatorPortName === null ? around.initiatorPortsOf(initiatorName) : [initiatorPortName];
    if (names.length === 0) return null;
    for (const name of names) nexuses.push(...atPorts(name, targetPorts));
  }
  return nexuses;
}

function withKeys(registrations: readonly Registration[], nexuses: readonly NexusPorts[], key: bigint): Registration[] {
  const all = new Map(registrations.map((registration) => [nameOf(registration), registration]));
  for (const { initiatorPortName, relativeTargetPortIdentifier } of nexuses) {
    const registration = { initiatorPortName, relativeTargetPortIdentifier, key };
    all.set(nameOf(registration), registration);
  }
  return [...all.values()];
}

function nameOf({ initiatorPortName, relativeTargetPortIdentifier }: NexusPorts): string {
  return `${relativeTargetPortIdentifier} ${initiatorPortName}`;
}

/**
 * SPC-4 "Unregistering": the reservation goes with its holder, and of "all registrants" types with the last. With "registrants only" those who had access
 * by it learn that it is gone.
 */
function unregister(state: ReservationState, request: ReserveOutRequest, removed: readonly Registration[]): Decision {
  const registrations = state.registrations.filter((each) => !removed.includes(each));
  const { reservation } = state;
  const isOver = reservation !== null && (reservation.holder === null ? registrations.length === 0 : removed.some((each) => isHolder(state, each)));
  const next = { ...nextGeneration(state), registrations, reservation: isOver ? null : reservation, isKeptWithoutPower: request.isKeptWithoutPower };
  if (reservation === null || !isOver || !admitsRegistrants(reservation.type)) return change(next);
  return change(
    next,
    noticesFor(registrations, Asc.reservationsReleased, (each) => isSameNexus(each, request.nexus)),
  );
}

/** SPC-4 "Registering and moving the reservation". */
export function decideRegisterAndMove(state: ReservationState, request: ReserveOutRequest, around: Surroundings): Decision {
  if (request.isKeptWithoutPower && !around.canKeep) return { kind: 'list', at: MOVE_FLAGS_AT, bit: APTPL_BIT_NUMBER };
  const own = registrationOf(state, request.nexus);
  const { reservation } = state;
  if (own === undefined || own.key !== request.key) return conflict;
  if (reservation === null) return { kind: 'cdb', at: SERVICE_ACTION_AT };
  if (isAllRegistrants(reservation.type) || !isHolder(state, own)) return conflict;
  if (request.serviceActionKey === 0n) return { kind: 'list', at: SERVICE_ACTION_KEY_AT };
  if (!around.targetPorts.includes(request.relativeTargetPortIdentifier)) return { kind: 'list', at: TARGET_PORT_AT };
  const holder: NexusPorts = {
    initiatorPortName: request.transportIds[0]?.initiatorPortName as string,
    relativeTargetPortIdentifier: request.relativeTargetPortIdentifier,
  };
  // By whichever target port: to its own initiator port nothing is moved.
  if (holder.initiatorPortName === request.nexus.initiatorPortName) return { kind: 'list', at: MOVE_TRANSPORT_ID_AT };
  const left = request.unregisters ? state.registrations.filter((each) => each !== own) : state.registrations;
  const registrations = withKeys(left, [holder], request.serviceActionKey);
  if (registrations.length > around.registrationCountMax) return { kind: 'refused', asc: Asc.insufficientRegistrationResources };
  const { isKeptWithoutPower } = request;
  return change({ ...nextGeneration(state), registrations, reservation: { type: reservation.type, holder }, isKeptWithoutPower });
}
