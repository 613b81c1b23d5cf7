import { clearBhs, FINAL_BIT, fieldOffsets, Opcode, RESERVED_TAG, type TargetNumbers, writeLengths } from './bhs.js';
import { readTargetNumbers, writeTargetNumbers } from './numbers.js';

/**
 * Reject, RFC 7143 §11.17. The data segment is the header of the rejected PDU.
 *
 *      0|.|.| 0x3f      |1| Reserved    | Reason        | Reserved      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| 0xffffffff                                                    |
 *     20| Reserved                                                      |
 *     24| StatSN | 28 ExpCmdSN | 32 MaxCmdSN                            |
 *     36| DataSN/R2TSN or Reserved                                      |
 *     40/ Reserved                                                      /
 */
export const REJECT = fieldOffsets({
  opcode: 1,
  flags: 1,
  reason: 1,
  reserved3: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  reserved8: 8,
  initiatorTaskTag: 4,
  reserved20: 4,
  numbers: 12,
  dataSN: 4,
  reserved40: 8,
});

/** Reasons of RFC 7143 §11.17.1. */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  longOperationReject: 0x0a,
  waitingForLogout: 0x0c,
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

export interface RejectPdu extends TargetNumbers {
  reason: number;
  dataSN: number;
}

export function encodeReject(pdu: RejectPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.reject);
  view.setUint8(at + REJECT.flags, FINAL_BIT);
  view.setUint8(at + REJECT.reason, pdu.reason);
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  view.setUint32(at + REJECT.initiatorTaskTag, RESERVED_TAG);
  writeTargetNumbers(pdu, view, at);
  view.setUint32(at + REJECT.dataSN, pdu.dataSN);
}

export function decodeReject(view: DataView, at: number): RejectPdu {
  return { reason: view.getUint8(at + REJECT.reason), ...readTargetNumbers(view, at), dataSN: view.getUint32(at + REJECT.dataSN) };
}
