import { readUint64 } from '../../../scsi/cdb.js';
import { VARIABLE_LENGTH_SERVICE_ACTION_AT } from '../../../scsi/command-table.js';

/*
 * The OSD-2 CDB, OSD-2 "OSD CDB format": a VARIABLE LENGTH CDB of 236 bytes.
 *
 *      0| 0x7f | Control | Reserved (5)                       | Additional CDB Length (228)  |
 *      8| Service Action | Options    | Attributes format,    | Timestamps | Reserved (3)    |
 *       |                |            | command's own bits    | control    |                 |
 *     16| Partition ID                                                                       |
 *     24| Collection or user object ID, or what the service action has in its place          |
 *     32| Length, or allocation length                                                       |
 *     40| Starting byte, or initial object ID                                                |
 *     48| List identifier, or CDB continuation length | 52: get and set attributes (28)      /
 *     80/ Capability (104)                                                                   /
 *    184/ Security parameters (52)                                                           /
 */
export const OSD_CDB_LENGTH = 236;
export const ADDITIONAL_CDB_LENGTH = 228;
export const CDB = {
  serviceAction: VARIABLE_LENGTH_SERVICE_ACTION_AT,
  options: 10,
  specific: 11,
  timestampsControl: 12,
  partitionId: 16,
  objectId: 24,
  length: 32,
  startingByte: 40,
  listIdentifier: 48,
  continuationLength: 48,
  requestedMapType: 48,
  attributes: 52,
  capability: 80,
  integrityCheckValue: 184,
  requestNonce: 216,
  dataInIntegrityOffset: 228,
  dataOutIntegrityOffset: 232,
} as const;
export const CAPABILITY_LENGTH = 104;
export const INTEGRITY_CHECK_VALUE_LENGTH = 32;
export const REQUEST_NONCE_LENGTH = 12;

/** Options byte, OSD-2 "Caching control" and "Isolation". */
export const OPTION = { isolationMask: 0x07, forceUnitAccess: 0x08, disablePageOut: 0x10 } as const;
/** ISOLATION: all of them are kept, as a unit runs its commands one after the other; 3h and 6h are reserved. OSD-2 "Isolation". */
export const RESERVED_ISOLATIONS: readonly number[] = [3, 6];

export const ATTRIBUTES_FORMAT_MASK = 0x30;
/** GET/SET CDBFMT, OSD-2 "Get and set attributes CDB format selection". */
export const AttributesFormat = { setOne: 0x10, page: 0x20, list: 0x30 } as const;

/** TIMESTAMPS CONTROL, OSD-2: only these two are defined. */
export const TimestampsControl = { update: 0x00, bypass: 0x7f } as const;

/** Fields of the CDB that more than one service action has. */
export class OsdCdb {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get serviceAction(): number {
    return this.view.getUint16(CDB.serviceAction);
  }
  get options(): number {
    return this.bytes[CDB.options] as number;
  }
  /** The bits of byte 11 that belong to the service action. */
  get specific(): number {
    return (this.bytes[CDB.specific] as number) & ~ATTRIBUTES_FORMAT_MASK;
  }
  get attributesFormat(): number {
    return (this.bytes[CDB.specific] as number) & ATTRIBUTES_FORMAT_MASK;
  }
  get timestampsControl(): number {
    return this.bytes[CDB.timestampsControl] as number;
  }
  get partitionId(): bigint {
    return this.view.getBigUint64(CDB.partitionId);
  }
  get objectId(): bigint {
    return this.view.getBigUint64(CDB.objectId);
  }
  /** Exact up to 2^53; bigger ones are too big for anything. */
  get length(): number {
    return readUint64(this.view, CDB.length);
  }
  get startingByte(): number {
    return readUint64(this.view, CDB.startingByte);
  }
  get initialObjectId(): bigint {
    return this.view.getBigUint64(CDB.startingByte);
  }
  get listIdentifier(): number {
    return this.view.getUint32(CDB.listIdentifier);
  }
  get continuationLength(): number {
    return this.view.getUint32(CDB.continuationLength);
  }
  get capability(): Uint8Array {
    return this.bytes.subarray(CDB.capability, CDB.capability + CAPABILITY_LENGTH);
  }
  get integrityCheckValue(): Uint8Array {
    return this.bytes.subarray(CDB.integrityCheckValue, CDB.integrityCheckValue + INTEGRITY_CHECK_VALUE_LENGTH);
  }
  get requestNonce(): Uint8Array {
    return this.bytes.subarray(CDB.requestNonce, CDB.requestNonce + REQUEST_NONCE_LENGTH);
  }
}
