import { InitiatorError } from '../errors.js';
import { ScsiOperation } from './operations.js';
import { encodeIscsiTransportId, type IscsiTransportId } from './transport-id.js';

/** PERSISTENT RESERVE IN and OUT as an initiator builds them. SPC-4 "PERSISTENT RESERVE OUT command" and §7 beside it. */

export const PersistentReserveInAction = { readKeys: 0, readReservation: 1, reportCapabilities: 2, readFullStatus: 3 } as const;

export const PersistentReserveOutAction = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnoreExistingKey: 6,
  registerAndMove: 7,
  replaceLostReservation: 8,
} as const;

/** Who may do what while somebody holds a reservation; "registrants only" and "all registrants" as SPC-4 has them. */
export const ReservationType = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrantsOnly: 5,
  exclusiveAccessRegistrantsOnly: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const;
export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

/** LU_SCOPE, the only one there still is. */
export const RESERVATION_SCOPE_LOGICAL_UNIT = 0;

const PARAMETER_LIST_LENGTH = 24;
const TRANSPORT_IDS_AT = 24;
const SPEC_I_PT_BIT = 0x08;
const ALL_TG_PT_BIT = 0x04;
const APTPL_BIT = 0x01;
const UNREG_BIT = 0x02;
const KEY_MAX = 0xffffffffffffffffn;

export function persistentReserveInCdb(action: number, allocationLength: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = ScsiOperation.persistentReserveIn;
  cdb[1] = action;
  cdb.writeUInt16BE(allocationLength, 7);
  return cdb;
}

/** `type` counts for RESERVE, RELEASE and the two that preempt. */
export function persistentReserveOutCdb(action: number, type: number, parameterListLength: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = ScsiOperation.persistentReserveOut;
  cdb[1] = action;
  cdb[2] = (RESERVATION_SCOPE_LOGICAL_UNIT << 4) | type;
  cdb.writeUInt32BE(parameterListLength, 5);
  return cdb;
}

export interface ReserveOutFields {
  /** RESERVATION KEY: the one that this nexus is registered with. */
  readonly key: bigint;
  /** SERVICE ACTION RESERVATION KEY: the new key, or the one to preempt. */
  readonly serviceActionKey: bigint;
  /** APTPL: keep it across a loss of power. */
  readonly persistThroughPowerLoss?: boolean;
  /** ALL_TG_PT: register on every target port. */
  readonly allTargetPorts?: boolean;
  /** SPEC_I_PT: register these initiator ports too. */
  readonly initiatorPorts?: readonly IscsiTransportId[];
}

export function reserveOutParameterList(fields: ReserveOutFields): Buffer {
  const head = Buffer.alloc(PARAMETER_LIST_LENGTH);
  writeKeys(head, fields.key, fields.serviceActionKey);
  const ports = fields.initiatorPorts ?? [];
  head[20] = (ports.length > 0 ? SPEC_I_PT_BIT : 0) | (fields.allTargetPorts ? ALL_TG_PT_BIT : 0) | (fields.persistThroughPowerLoss ? APTPL_BIT : 0);
  if (ports.length === 0) return head;
  const ids = Buffer.concat(ports.map(encodeIscsiTransportId));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(ids.length);
  return Buffer.concat([head, length, ids]);
}

export interface RegisterAndMoveFields {
  readonly key: bigint;
  /** The key that the other initiator port is to be registered with. */
  readonly serviceActionKey: bigint;
  readonly relativeTargetPortIdentifier: number;
  readonly initiatorPort: IscsiTransportId;
  /** UNREG: unregister this nexus when it is done. */
  readonly unregister?: boolean;
  readonly persistThroughPowerLoss?: boolean;
}

export function registerAndMoveParameterList(fields: RegisterAndMoveFields): Buffer {
  const id = encodeIscsiTransportId(fields.initiatorPort);
  const head = Buffer.alloc(TRANSPORT_IDS_AT);
  writeKeys(head, fields.key, fields.serviceActionKey);
  head[17] = (fields.unregister ? UNREG_BIT : 0) | (fields.persistThroughPowerLoss ? APTPL_BIT : 0);
  head.writeUInt16BE(fields.relativeTargetPortIdentifier, 18);
  head.writeUInt32BE(id.length, 20);
  return Buffer.concat([head, id]);
}

function writeKeys(bytes: Buffer, key: bigint, serviceActionKey: bigint): void {
  for (const value of [key, serviceActionKey]) {
    if (value < 0n || value > KEY_MAX) throw new InitiatorError('ARGUMENT_INVALID', `a reservation key has 64 bits, not ${value}`);
  }
  bytes.writeBigUInt64BE(key, 0);
  bytes.writeBigUInt64BE(serviceActionKey, 8);
}
