import type { NexusPorts } from './reservation-state.js';
import { parseTransportId, type TransportId } from './transport-id.js';

/** Service actions of PERSISTENT RESERVE OUT, SPC-4 "PERSISTENT RESERVE OUT command". */
export const ReserveOutAction = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  preemptAndAbort: 0x05,
  registerAndIgnoreExistingKey: 0x06,
  registerAndMove: 0x07,
} as const;
export type ReserveOutAction = (typeof ReserveOutAction)[keyof typeof ReserveOutAction];

/** A PERSISTENT RESERVE OUT command as its CDB and parameter list have it. */
export interface ReserveOutRequest {
  readonly nexus: NexusPorts;
  readonly action: ReserveOutAction;
  readonly scope: number;
  readonly type: number;
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly isKeptWithoutPower: boolean;
  /** ALL_TG_PT. */
  readonly allTargetPorts: boolean;
  /** UNREG. */
  readonly unregisters: boolean;
  /** SPEC_I_PT: the list of ports may be empty all the same. */
  readonly specifiesInitiatorPorts: boolean;
  /** Of SPEC_I_PT, and the destination of REGISTER AND MOVE. */
  readonly transportIds: readonly TransportId[];
  /** Where that port is to be registered, for REGISTER AND MOVE. */
  readonly relativeTargetPortIdentifier: number;
}

/** What is wrong with a parameter list: its length, or the field at `at`. */
export type ParameterListFault = { readonly kind: 'length' } | { readonly kind: 'field'; readonly at: number; readonly bit?: number };

/*
 * Parameter list of all service actions but REGISTER AND MOVE, SPC-4 "PERSISTENT RESERVE OUT parameter list":
 *
 *     0| Reservation Key (8)                                                   |
 *     8| Service Action Reservation Key (8)                                    |
 *    16| Obsolete (4)                                                          |
 *    20| Reserved . SPEC_I_PT . ALL_TG_PT . Reserved . APTPL | Reserved | Obsolete (2) |
 *    24| TransportID Parameter Data Length (4)      | with SPEC_I_PT
 *    28/ TransportIDs                               /
 *
 * and of REGISTER AND MOVE, SPC-4 "PERSISTENT RESERVE OUT command with REGISTER AND MOVE service action parameters":
 *
 *    16| Reserved | Reserved . UNREG . APTPL | Relative Target Port Identifier (2) |
 *    20| TransportID Length (4)                                                    |
 *    24/ TransportID                                                               /
 */
export const SERVICE_ACTION_KEY_AT = 8;
export const FLAGS_AT = 20;
export const MOVE_FLAGS_AT = 17;
export const TARGET_PORT_AT = 18;
const SPEC_I_PT_BIT = 0x08;
const SPEC_I_PT_BIT_NUMBER = 3;
const ALL_TG_PT_BIT = 0x04;
const APTPL_BIT = 0x01;
const UNREG_BIT = 0x02;
export const PARAMETER_LIST_LENGTH = 24;
const TRANSPORT_IDS_LENGTH_AT = 24;
export const TRANSPORT_IDS_AT = 28;
const MOVE_TRANSPORT_ID_LENGTH_AT = 20;
export const MOVE_TRANSPORT_ID_AT = 24;

export type ReserveOutCdb = Pick<ReserveOutRequest, 'nexus' | 'action' | 'scope' | 'type'>;

export function parseReserveOut(cdb: ReserveOutCdb, bytes: Uint8Array): ReserveOutRequest | ParameterListFault {
  if (bytes.length < PARAMETER_LIST_LENGTH) return { kind: 'length' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keys = { key: view.getBigUint64(0), serviceActionKey: view.getBigUint64(SERVICE_ACTION_KEY_AT) };
  if (cdb.action === ReserveOutAction.registerAndMove) return parseMove({ ...cdb, ...keys }, bytes, view);
  const flags = bytes[FLAGS_AT] as number;
  const request = { ...cdb, ...keys, allTargetPorts: (flags & ALL_TG_PT_BIT) !== 0, unregisters: false, relativeTargetPortIdentifier: 0 };
  const isKeptWithoutPower = (flags & APTPL_BIT) !== 0;
  if ((flags & SPEC_I_PT_BIT) === 0) {
    if (bytes.length !== PARAMETER_LIST_LENGTH) return { kind: 'length' };
    return { ...request, isKeptWithoutPower, specifiesInitiatorPorts: false, transportIds: [] };
  }
  // SPC-4: SPEC_I_PT goes with REGISTER alone.
  if (cdb.action !== ReserveOutAction.register) return { kind: 'field', at: FLAGS_AT, bit: SPEC_I_PT_BIT_NUMBER };
  if (bytes.length < TRANSPORT_IDS_AT) return { kind: 'length' };
  if (TRANSPORT_IDS_AT + view.getUint32(TRANSPORT_IDS_LENGTH_AT) !== bytes.length) return { kind: 'field', at: TRANSPORT_IDS_LENGTH_AT };
  const transportIds = parseTransportIds(bytes, TRANSPORT_IDS_AT);
  return 'kind' in transportIds ? transportIds : { ...request, isKeptWithoutPower, specifiesInitiatorPorts: true, transportIds };
}

type MoveRequest = ReserveOutCdb & Pick<ReserveOutRequest, 'key' | 'serviceActionKey'>;

function parseMove(request: MoveRequest, bytes: Uint8Array, view: DataView): ReserveOutRequest | ParameterListFault {
  const flags = bytes[MOVE_FLAGS_AT] as number;
  if (MOVE_TRANSPORT_ID_AT + view.getUint32(MOVE_TRANSPORT_ID_LENGTH_AT) !== bytes.length) return { kind: 'field', at: MOVE_TRANSPORT_ID_LENGTH_AT };
  const transportIds = parseTransportIds(bytes, MOVE_TRANSPORT_ID_AT);
  if ('kind' in transportIds) return transportIds;
  // One port, and not all of a device: the reservation has one holder.
  if (transportIds.length !== 1 || transportIds[0]?.initiatorPortName === null) return { kind: 'field', at: MOVE_TRANSPORT_ID_AT };
  return {
    ...request,
    allTargetPorts: false,
    isKeptWithoutPower: (flags & APTPL_BIT) !== 0,
    unregisters: (flags & UNREG_BIT) !== 0,
    specifiesInitiatorPorts: false,
    transportIds,
    relativeTargetPortIdentifier: view.getUint16(TARGET_PORT_AT),
  };
}

/** To the end of the list, which they have to fill. */
function parseTransportIds(bytes: Uint8Array, start: number): TransportId[] | ParameterListFault {
  const ids: TransportId[] = [];
  for (let at = start; at < bytes.length; ) {
    const id = parseTransportId(bytes, at, bytes.length);
    if (id.kind === 'fault') return { kind: 'field', at: id.at };
    ids.push(id);
    at += id.lengthBytes;
  }
  return ids;
}
