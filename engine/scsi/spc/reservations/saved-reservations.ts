import { TargetError } from '../../../errors.js';
import type { StateValue } from '../../unit-host.js';
import {
  isAllRegistrants,
  isReservationType,
  isSameNexus,
  noReservations,
  type Registration,
  type Reservation,
  type ReservationState,
} from './reservation-state.js';
import { initiatorNameOf } from './transport-id.js';

/** Section of the state directory. */
export const RESERVATIONS_SECTION = 'reservations';

const KEY_PATTERN = /^[0-9a-f]{16}$/;
const UINT16_MAX = 0xffff;

/** What is to be kept of it: null, which is nothing, unless APTPL asks for more. PRGENERATION begins anew with power on. */
export function toSaved({ isKeptWithoutPower, registrations, reservation }: ReservationState): StateValue {
  if (!isKeptWithoutPower || registrations.length === 0) return null;
  return {
    registrations: registrations.map(({ initiatorPortName, relativeTargetPortIdentifier, key }) => ({
      initiatorPort: initiatorPortName,
      targetPort: relativeTargetPortIdentifier,
      key: key.toString(16).padStart(16, '0'),
    })),
    reservation: reservation === null ? null : { type: reservation.type, holder: holderIndexOf(registrations, reservation) },
  };
}

function holderIndexOf(registrations: readonly Registration[], { holder }: Reservation): number | null {
  return holder === null ? null : registrations.findIndex((registration) => isSameNexus(registration, holder));
}

/** Throws `TargetError` `STATE_CORRUPT`: reservations that are not understood must not be taken for none. */
export function fromSaved(saved: StateValue | undefined): ReservationState {
  if (saved === undefined || saved === null) return noReservations;
  const { registrations: list, reservation } = fieldsOf(saved, 'the section');
  if (!Array.isArray(list) || list.length === 0) throw corrupt('it has no registrations');
  const registrations = list.map(registrationFrom);
  for (const [index, registration] of registrations.entries()) {
    if (registrations.findIndex((other) => isSameNexus(other, registration)) !== index) throw corrupt('a nexus is registered twice');
  }
  return { generation: 0, registrations, reservation: reservationFrom(reservation ?? null, registrations), isKeptWithoutPower: true };
}

function registrationFrom(saved: StateValue): Registration {
  const { initiatorPort, targetPort, key } = fieldsOf(saved, 'a registration');
  if (typeof initiatorPort !== 'string' || initiatorNameOf(initiatorPort) === null) throw corrupt(`${JSON.stringify(initiatorPort)} is no initiator port`);
  if (typeof targetPort !== 'number' || !Number.isInteger(targetPort) || targetPort < 0 || targetPort > UINT16_MAX) {
    throw corrupt(`${JSON.stringify(targetPort)} is no target port`);
  }
  if (typeof key !== 'string' || !KEY_PATTERN.test(key) || BigInt(`0x${key}`) === 0n) throw corrupt('a reservation key is none');
  return { initiatorPortName: initiatorPort, relativeTargetPortIdentifier: targetPort, key: BigInt(`0x${key}`) };
}

function reservationFrom(saved: StateValue, registrations: readonly Registration[]): Reservation | null {
  if (saved === null) return null;
  const { type, holder } = fieldsOf(saved, 'the reservation');
  if (typeof type !== 'number' || !isReservationType(type)) throw corrupt(`${JSON.stringify(type)} is no type of a persistent reservation`);
  if (isAllRegistrants(type)) return { type, holder: null };
  const registration = typeof holder === 'number' ? registrations[holder] : undefined;
  if (registration === undefined) throw corrupt('the holder of the reservation is not registered');
  const { initiatorPortName, relativeTargetPortIdentifier } = registration;
  return { type, holder: { initiatorPortName, relativeTargetPortIdentifier } };
}

function fieldsOf(saved: StateValue, what: string): { readonly [key: string]: StateValue } {
  if (typeof saved !== 'object' || saved === null || Array.isArray(saved)) throw corrupt(`${what} is no object`);
  return saved as { readonly [key: string]: StateValue };
}

function corrupt(detail: string): TargetError {
  return new TargetError('STATE_CORRUPT', `the persistent reservations that were kept make no sense: ${detail}`);
}
