import { clearBhs, FINAL_BIT, fieldOffsets, IMMEDIATE_BIT, type LunField, Opcode, type TargetNumbers, writeLengths } from './bhs.js';

/**
 * SCSI Command, RFC 7143 §11.3.
 *
 *      0|.|I| 0x01      |F|R|W|. .|ATTR | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Logical Unit Number (LUN)                                     |
 *     16| Initiator Task Tag                                            |
 *     20| Expected Data Transfer Length                                 |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32/ SCSI Command Descriptor Block (CDB)                           /
 */
export const SCSI_COMMAND = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  expectedDataTransferLength: 4,
  cmdSN: 4,
  expStatSN: 4,
  cdb: 16,
});

export const READ_BIT = 0x40;
export const WRITE_BIT = 0x20;
export const ATTRIBUTE_MASK = 0x07;
/** Bytes of CDB that the BHS itself carries; the rest travels in an AHS. */
export const BHS_CDB_LENGTH = 16;

/** Task attributes, RFC 7143 §11.3.1. */
export const TaskAttribute = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;
export type TaskAttribute = (typeof TaskAttribute)[keyof typeof TaskAttribute];

/** A decoded SCSI Command; the CDB stays where it is, at `cdbAt` of the decoded view. */
export interface ScsiCommandPdu extends LunField {
  immediate: boolean;
  final: boolean;
  read: boolean;
  write: boolean;
  attribute: number;
  initiatorTaskTag: number;
  /** Bytes; Data-Out when W is set, Data-In when only R is set. */
  expectedDataTransferLength: number;
  cmdSN: number;
  expStatSN: number;
}

export function decodeScsiCommand(view: DataView, at: number, into: ScsiCommandPdu = emptyScsiCommand()): ScsiCommandPdu {
  const flags = view.getUint8(at + SCSI_COMMAND.flags);
  into.immediate = (view.getUint8(at) & IMMEDIATE_BIT) !== 0;
  into.final = (flags & FINAL_BIT) !== 0;
  into.read = (flags & READ_BIT) !== 0;
  into.write = (flags & WRITE_BIT) !== 0;
  into.attribute = flags & ATTRIBUTE_MASK;
  into.lunHigh = view.getUint32(at + SCSI_COMMAND.lun);
  into.lunLow = view.getUint32(at + SCSI_COMMAND.lun + 4);
  into.initiatorTaskTag = view.getUint32(at + SCSI_COMMAND.initiatorTaskTag);
  into.expectedDataTransferLength = view.getUint32(at + SCSI_COMMAND.expectedDataTransferLength);
  into.cmdSN = view.getUint32(at + SCSI_COMMAND.cmdSN);
  into.expStatSN = view.getUint32(at + SCSI_COMMAND.expStatSN);
  return into;
}

export function emptyScsiCommand(): ScsiCommandPdu {
  return {
    immediate: false,
    final: true,
    read: false,
    write: false,
    attribute: 0,
    lunHigh: 0,
    lunLow: 0,
    initiatorTaskTag: 0,
    expectedDataTransferLength: 0,
    cmdSN: 0,
    expStatSN: 0,
  };
}

/** Writes the BHS; `cdb` gives its first 16 bytes, shorter ones are zero-filled. */
export function encodeScsiCommand(
  pdu: ScsiCommandPdu,
  cdb: Uint8Array,
  ahsLengthBytes: number,
  dataSegmentLengthBytes: number,
  view: DataView,
  at: number,
): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.scsiCommand | (pdu.immediate ? IMMEDIATE_BIT : 0));
  view.setUint8(at + SCSI_COMMAND.flags, (pdu.final ? FINAL_BIT : 0) | (pdu.read ? READ_BIT : 0) | (pdu.write ? WRITE_BIT : 0) | pdu.attribute);
  writeLengths(view, at, ahsLengthBytes, dataSegmentLengthBytes);
  view.setUint32(at + SCSI_COMMAND.lun, pdu.lunHigh);
  view.setUint32(at + SCSI_COMMAND.lun + 4, pdu.lunLow);
  view.setUint32(at + SCSI_COMMAND.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + SCSI_COMMAND.expectedDataTransferLength, pdu.expectedDataTransferLength);
  view.setUint32(at + SCSI_COMMAND.cmdSN, pdu.cmdSN);
  view.setUint32(at + SCSI_COMMAND.expStatSN, pdu.expStatSN);
  const length = Math.min(cdb.length, BHS_CDB_LENGTH);
  for (let i = 0; i < length; i++) view.setUint8(at + SCSI_COMMAND.cdb + i, cdb[i] as number);
}

/**
 * SCSI Response, RFC 7143 §11.4.
 *
 *      0|.|.| 0x21      |1|. .|o|u|O|U|.| Response      | Status        |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| SNACK Tag or Reserved                                         |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| ExpDataSN or Reserved                                         |
 *     40| Bidirectional Read Residual Count or Reserved                 |
 *     44| Residual Count or Reserved                                    |
 *
 * The data segment holds a 2-byte SenseLength, the sense data and optional response data.
 */
export const SCSI_RESPONSE = fieldOffsets({
  opcode: 1,
  flags: 1,
  response: 1,
  status: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  reserved8: 8,
  initiatorTaskTag: 4,
  snackTag: 4,
  statSN: 4,
  expCmdSN: 4,
  maxCmdSN: 4,
  expDataSN: 4,
  bidirectionalReadResidualCount: 4,
  residualCount: 4,
});

/** Residual flags; the same bits O and U appear in Data-In. RFC 7143 §11.4.1. */
export const ResidualFlag = { none: 0, underflow: 0x02, overflow: 0x04, bidirectionalReadUnderflow: 0x08, bidirectionalReadOverflow: 0x10 } as const;
export const RESIDUAL_MASK = 0x1e;

/** iSCSI service response, RFC 7143 §11.4.3. */
export const ServiceResponse = { commandCompleted: 0, targetFailure: 1 } as const;

export interface ScsiResponsePdu extends TargetNumbers {
  residualFlags: number;
  response: number;
  status: number;
  initiatorTaskTag: number;
  snackTag: number;
  expDataSN: number;
  bidirectionalReadResidualCount: number;
  residualCount: number;
}

export function emptyScsiResponse(): ScsiResponsePdu {
  return {
    residualFlags: 0,
    response: 0,
    status: 0,
    initiatorTaskTag: 0,
    snackTag: 0,
    statSN: 0,
    expCmdSN: 0,
    maxCmdSN: 0,
    expDataSN: 0,
    bidirectionalReadResidualCount: 0,
    residualCount: 0,
  };
}

export function encodeScsiResponse(pdu: ScsiResponsePdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  view.setUint32(at, (Opcode.scsiResponse << 24) | ((FINAL_BIT | pdu.residualFlags) << 16) | (pdu.response << 8) | pdu.status);
  view.setUint32(at + SCSI_RESPONSE.totalAHSLength, dataSegmentLengthBytes);
  view.setUint32(at + SCSI_RESPONSE.reserved8, 0);
  view.setUint32(at + SCSI_RESPONSE.reserved8 + 4, 0);
  view.setUint32(at + SCSI_RESPONSE.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + SCSI_RESPONSE.snackTag, pdu.snackTag);
  view.setUint32(at + SCSI_RESPONSE.statSN, pdu.statSN);
  view.setUint32(at + SCSI_RESPONSE.expCmdSN, pdu.expCmdSN);
  view.setUint32(at + SCSI_RESPONSE.maxCmdSN, pdu.maxCmdSN);
  view.setUint32(at + SCSI_RESPONSE.expDataSN, pdu.expDataSN);
  view.setUint32(at + SCSI_RESPONSE.bidirectionalReadResidualCount, pdu.bidirectionalReadResidualCount);
  view.setUint32(at + SCSI_RESPONSE.residualCount, pdu.residualCount);
}

export function decodeScsiResponse(view: DataView, at: number, into: ScsiResponsePdu = emptyScsiResponse()): ScsiResponsePdu {
  into.residualFlags = view.getUint8(at + SCSI_RESPONSE.flags) & RESIDUAL_MASK;
  into.response = view.getUint8(at + SCSI_RESPONSE.response);
  into.status = view.getUint8(at + SCSI_RESPONSE.status);
  into.initiatorTaskTag = view.getUint32(at + SCSI_RESPONSE.initiatorTaskTag);
  into.snackTag = view.getUint32(at + SCSI_RESPONSE.snackTag);
  into.statSN = view.getUint32(at + SCSI_RESPONSE.statSN);
  into.expCmdSN = view.getUint32(at + SCSI_RESPONSE.expCmdSN);
  into.maxCmdSN = view.getUint32(at + SCSI_RESPONSE.maxCmdSN);
  into.expDataSN = view.getUint32(at + SCSI_RESPONSE.expDataSN);
  into.bidirectionalReadResidualCount = view.getUint32(at + SCSI_RESPONSE.bidirectionalReadResidualCount);
  into.residualCount = view.getUint32(at + SCSI_RESPONSE.residualCount);
  return into;
}

/** Bytes of SenseLength before the sense data in a SCSI Response's data segment. RFC 7143 §11.4.7. */
export const SENSE_LENGTH_BYTES = 2;
