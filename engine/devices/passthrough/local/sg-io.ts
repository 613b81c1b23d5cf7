/**
 * SG_IO, ioctl(2) of Linux: version 3 of the interface of the SCSI generic driver, `struct sg_io_hdr` of <scsi/sg.h> as 64-bit processors have it.
 *
 *      0 interface_id     int      'S'
 *      4 dxfer_direction  int      -1 none, -2 to, -3 from the device
 *      8 cmd_len          u8
 *      9 mx_sb_len        u8
 *     10 iovec_count      u16
 *     12 dxfer_len        u32
 *     16 dxferp           pointer
 *     24 cmdp             pointer
 *     32 sbp              pointer
 *     40 timeout          u32      milliseconds
 *     44 flags            u32
 *     48 pack_id          int
 *     56 usr_ptr          pointer
 *     64 status           u8       as the device sent it
 *     67 sb_len_wr        u8       bytes of sense data
 *     68 host_status      u16
 *     70 driver_status    u16
 *     72 resid            int      dxfer_len less what was moved
 *     76 duration         u32
 *     80 info             u32
 */
export const SG_IO = 0x2285;
/** The version of the interface: only devices that have it answer. */
export const SG_GET_VERSION_NUM = 0x2282;
export const SG_SCSI_RESET = 0x2284;
/** The logical unit, and nothing more when that fails. */
export const SG_RESET_DEVICE_ONLY = 0x101;
export const SG_IO_HEADER_LENGTH = 88;

const HEADER = {
  interfaceId: 0,
  direction: 4,
  commandLength: 8,
  senseCapacity: 9,
  dataLength: 12,
  dataPointer: 16,
  commandPointer: 24,
  sensePointer: 32,
  timeoutMs: 40,
  flags: 44,
  status: 64,
  senseLength: 67,
  hostStatus: 68,
  driverStatus: 70,
  residual: 72,
} as const;
const INTERFACE_ID = 0x53;
const Direction = { none: -1, toDevice: -2, fromDevice: -3 } as const;
/** SG_FLAG_Q_AT_TAIL, SG_FLAG_Q_AT_HEAD. */
const Flag = { atTail: 0x10, atHead: 0x20 } as const;

/** `mx_sb_len` is one byte. */
export const SG_SENSE_CAPACITY = 252;
/** `cmd_len` is one byte, and the driver takes no more. */
export const SG_CDB_LENGTH_MAX = 252;

/** host_status, DID_* of the kernel. */
export const HostStatus = { ok: 0x00, noConnect: 0x01, busBusy: 0x02, timeOut: 0x03, badTarget: 0x04, aborted: 0x05, reset: 0x08, requeue: 0x0d } as const;

export interface SgRequest {
  readonly cdbLength: number;
  readonly cdbAddress: bigint;
  readonly senseAddress: bigint;
  readonly dataAddress: bigint;
  readonly dataLength: number;
  readonly isToDevice: boolean;
  readonly isAtHead: boolean;
  readonly timeoutMs: number;
}

/** Writes the header; pointers are addresses of this process. */
export function writeSgHeader(view: DataView, request: SgRequest): void {
  const { cdbLength, cdbAddress, senseAddress, dataAddress, dataLength, isToDevice, isAtHead, timeoutMs } = request;
  for (let at = 0; at < SG_IO_HEADER_LENGTH; at += 4) view.setUint32(at, 0);
  view.setInt32(HEADER.interfaceId, INTERFACE_ID, true);
  view.setInt32(HEADER.direction, dataLength === 0 ? Direction.none : isToDevice ? Direction.toDevice : Direction.fromDevice, true);
  view.setUint8(HEADER.commandLength, cdbLength);
  view.setUint8(HEADER.senseCapacity, SG_SENSE_CAPACITY);
  view.setUint32(HEADER.dataLength, dataLength, true);
  view.setBigUint64(HEADER.dataPointer, dataLength === 0 ? 0n : dataAddress, true);
  view.setBigUint64(HEADER.commandPointer, cdbAddress, true);
  view.setBigUint64(HEADER.sensePointer, senseAddress, true);
  view.setUint32(HEADER.timeoutMs, timeoutMs, true);
  view.setUint32(HEADER.flags, isAtHead ? Flag.atHead : Flag.atTail, true);
}

export interface SgResult {
  readonly status: number;
  readonly senseLength: number;
  readonly hostStatus: number;
  readonly driverStatus: number;
  readonly residual: number;
}

/** What the driver has written into the header. */
export function readSgHeader(view: DataView): SgResult {
  return {
    status: view.getUint8(HEADER.status),
    senseLength: Math.min(view.getUint8(HEADER.senseLength), SG_SENSE_CAPACITY),
    hostStatus: view.getUint16(HEADER.hostStatus, true),
    driverStatus: view.getUint16(HEADER.driverStatus, true),
    residual: view.getInt32(HEADER.residual, true),
  };
}

/** Bytes of the CDB by the group code of its opcode, as the kernel counts them; 0 where the CDB tells or nobody knows. SPC-4 "OPERATION CODE field". */
const LENGTH_OF_GROUP = [6, 10, 10, 0, 16, 12, 0, 0] as const;
const VARIABLE_LENGTH_OPCODE = 0x7f;
const VARIABLE_LENGTH_HEADER_LENGTH = 8;
const GROUP_CODE_SHIFT = 5;
const VENDOR_LENGTHS = [10, 12, 16] as const;

/** iSCSI gives every CDB at least 16 bytes; a host adapter wants to know how many there are. */
export function cdbLengthOf(cdb: Uint8Array): number {
  const opcode = cdb[0] as number;
  if (opcode === VARIABLE_LENGTH_OPCODE) return Math.min(VARIABLE_LENGTH_HEADER_LENGTH + (cdb[7] as number), cdb.length);
  const ofGroup = LENGTH_OF_GROUP[opcode >> GROUP_CODE_SHIFT] as number;
  if (ofGroup > 0) return Math.min(ofGroup, cdb.length);
  const used = cdb.findLastIndex((byte) => byte !== 0) + 1;
  return Math.min(VENDOR_LENGTHS.find((length) => length >= used) ?? cdb.length, cdb.length);
}
