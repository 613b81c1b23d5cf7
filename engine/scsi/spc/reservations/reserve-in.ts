import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../cdb.js';
import type { UnitCommandRow } from '../../command-table.js';
import { LOGICAL_UNIT_SCOPE } from './decide-reserve-out.js';
import { PersistentReservations } from './persistent-reservations.js';
import { isHolder, type Registration, type ReservationState, ReservationType, reservationKeyOf } from './reservation-state.js';
import { encodeTransportId } from './transport-id.js';

/*
 * PERSISTENT RESERVE IN, SPC-4 "PERSISTENT RESERVE IN command".
 *
 *     0| 0x5e | . Service Action | Reserved (5) |
 *     7| Allocation Length (2) | Control |
 */
const PERSISTENT_RESERVE_IN = 0x5e;
const ALLOCATION_LENGTH_AT = 7;
const CDB_LENGTH = 10;

/** PRGENERATION and ADDITIONAL LENGTH stand before all but the capabilities. */
const HEADER_LENGTH = 8;
const KEY_LENGTH = 8;

function reserveInRow(serviceAction: number, action: string, build: (reservations: PersistentReservations) => Uint8Array): UnitCommandRow {
  return {
    runsOn: 'main',
    // While there is a RESERVE, all service actions are refused. SPC-2 "Reservations overview".
    reservation: 'persistent',
    accessState: 'standby',
    passesNotReady: true,
    opcode: PERSISTENT_RESERVE_IN,
    serviceAction,
    name: `PERSISTENT RESERVE IN (${action})`,
    clause: `SPC-4 "${action} service action"`,
    cdbLength: CDB_LENGTH,
    cdbUsage: [PERSISTENT_RESERVE_IN, serviceAction, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    execute(command, unit) {
      // The length fields tell of all there is, however little room the initiator has.
      returnData(command, build(unit.part(PersistentReservations)), command.cdbView.getUint16(ALLOCATION_LENGTH_AT));
    },
  };
}

export const persistentReserveInRows: readonly UnitCommandRow[] = [
  reserveInRow(0x00, 'READ KEYS', ({ state }) => readKeys(state)),
  reserveInRow(0x01, 'READ RESERVATION', ({ state }) => readReservation(state)),
  reserveInRow(0x02, 'REPORT CAPABILITIES', reportCapabilities),
  reserveInRow(0x03, 'READ FULL STATUS', ({ state }) => readFullStatus(state)),
];

function withHeader({ generation }: ReservationState, additionalLength: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(HEADER_LENGTH + additionalLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, generation);
  view.setUint32(4, additionalLength);
  return { bytes, view };
}

/** A key for each registered nexus: one that several have is there as often. */
function readKeys(state: ReservationState): Uint8Array {
  const { bytes, view } = withHeader(state, state.registrations.length * KEY_LENGTH);
  for (const [index, { key }] of state.registrations.entries()) view.setBigUint64(HEADER_LENGTH + index * KEY_LENGTH, key);
  return bytes;
}

/*
 * READ RESERVATION, behind the header:
 *
 *     8| Reservation Key (8) | Obsolete (4) | Reserved | Scope . Type | Obsolete (2) |
 */
const RESERVATION_LENGTH = 16;
const RESERVATION_TYPE_AT = 21;

function readReservation(state: ReservationState): Uint8Array {
  if (state.reservation === null) return withHeader(state, 0).bytes;
  const { bytes, view } = withHeader(state, RESERVATION_LENGTH);
  view.setBigUint64(HEADER_LENGTH, reservationKeyOf(state));
  bytes[RESERVATION_TYPE_AT] = scopeAndType(state.reservation.type);
  return bytes;
}

function scopeAndType(type: number): number {
  return (LOGICAL_UNIT_SCOPE << 4) | type;
}

/*
 * REPORT CAPABILITIES:
 *
 *     0| Length (2) | RLR_C . CRH . SIP_C . ATP_C . Reserved . PTPL_C |
 *     3| TMV . Allow Commands . Reserved . PTPL_A | Persistent Reservation Type Mask (2) | Reserved (2) |
 */
const CAPABILITIES_LENGTH = 8;
const CRH_BIT = 0x10;
const SIP_C_BIT = 0x08;
const ATP_C_BIT = 0x04;
const PTPL_C_BIT = 0x01;
const TMV_BIT = 0x80;
/** 001b: TEST UNIT READY is allowed through, and of others nothing is told. */
const ALLOW_TEST_UNIT_READY = 0x10;
const PTPL_A_BIT = 0x01;
const TYPE_MASK_AT = 4;
/** Types 0 to 7 have the bits of byte 4 by their number, 8 on those of byte 5. */
const TYPES_PER_BYTE = 8;

function reportCapabilities({ state, canKeep }: PersistentReservations): Uint8Array {
  const bytes = new Uint8Array(CAPABILITIES_LENGTH);
  bytes[1] = CAPABILITIES_LENGTH;
  bytes[2] = CRH_BIT | SIP_C_BIT | ATP_C_BIT | (canKeep ? PTPL_C_BIT : 0);
  bytes[3] = TMV_BIT | ALLOW_TEST_UNIT_READY | (state.isKeptWithoutPower ? PTPL_A_BIT : 0);
  for (const type of Object.values(ReservationType)) {
    const at = TYPE_MASK_AT + Math.floor(type / TYPES_PER_BYTE);
    bytes[at] = (bytes[at] as number) | (1 << (type % TYPES_PER_BYTE));
  }
  return bytes;
}

/*
 * READ FULL STATUS, full status descriptor:
 *
 *     0| Reservation Key (8) | Reserved (4) | Reserved . ALL_TG_PT . R_HOLDER | Scope . Type | Reserved (4) |
 *    18| Relative Target Port Identifier (2) | Additional Descriptor Length (4) |
 *    24/ TransportID                                                            /
 */
const DESCRIPTOR_HEADER_LENGTH = 24;
const DESCRIPTOR_FLAGS_AT = 12;
const DESCRIPTOR_TYPE_AT = 13;
const DESCRIPTOR_TARGET_PORT_AT = 18;
const DESCRIPTOR_ADDITIONAL_LENGTH_AT = 20;
const R_HOLDER_BIT = 0x01;

/** ALL_TG_PT is never set here: a registration at all target ports is one at each, and each is told of. */
function readFullStatus(state: ReservationState): Uint8Array {
  const descriptors = state.registrations.map((registration) => fullStatusDescriptor(state, registration));
  const { bytes } = withHeader(
    state,
    descriptors.reduce((sum, { length }) => sum + length, 0),
  );
  let at = HEADER_LENGTH;
  for (const descriptor of descriptors) {
    bytes.set(descriptor, at);
    at += descriptor.length;
  }
  return bytes;
}

function fullStatusDescriptor(state: ReservationState, registration: Registration): Uint8Array {
  const transportId = encodeTransportId(registration.initiatorPortName);
  const bytes = new Uint8Array(DESCRIPTOR_HEADER_LENGTH + transportId.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, registration.key);
  if (state.reservation !== null && isHolder(state, registration)) {
    bytes[DESCRIPTOR_FLAGS_AT] = R_HOLDER_BIT;
    bytes[DESCRIPTOR_TYPE_AT] = scopeAndType(state.reservation.type);
  }
  view.setUint16(DESCRIPTOR_TARGET_PORT_AT, registration.relativeTargetPortIdentifier);
  view.setUint32(DESCRIPTOR_ADDITIONAL_LENGTH_AT, transportId.length);
  bytes.set(transportId, DESCRIPTOR_HEADER_LENGTH);
  return bytes;
}
