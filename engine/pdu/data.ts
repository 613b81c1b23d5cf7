import { clearBhs, FINAL_BIT, fieldOffsets, type LunField, Opcode, type TargetNumbers, writeLengths } from './bhs.js';

/**
 * SCSI Data-Out, RFC 7143 §11.7.
 *
 *      0|.|.| 0x05      |F| Reserved                                    |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| Reserved                                                      |
 *     28| ExpStatSN                                                     |
 *     32| Reserved                                                      |
 *     36| DataSN                                                        |
 *     40| Buffer Offset                                                 |
 *     44| Reserved                                                      |
 */
export const DATA_OUT = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  targetTransferTag: 4,
  reserved24: 4,
  expStatSN: 4,
  reserved32: 4,
  dataSN: 4,
  bufferOffset: 4,
  reserved44: 4,
});

export interface DataOutPdu extends LunField {
  final: boolean;
  initiatorTaskTag: number;
  targetTransferTag: number;
  expStatSN: number;
  dataSN: number;
  /** Bytes from the start of the command's Data-Out buffer. */
  bufferOffset: number;
}

export function emptyDataOut(): DataOutPdu {
  return { final: false, lunHigh: 0, lunLow: 0, initiatorTaskTag: 0, targetTransferTag: 0, expStatSN: 0, dataSN: 0, bufferOffset: 0 };
}

export function decodeDataOut(view: DataView, at: number, into: DataOutPdu = emptyDataOut()): DataOutPdu {
  into.final = (view.getUint8(at + DATA_OUT.flags) & FINAL_BIT) !== 0;
  into.lunHigh = view.getUint32(at + DATA_OUT.lun);
  into.lunLow = view.getUint32(at + DATA_OUT.lun + 4);
  into.initiatorTaskTag = view.getUint32(at + DATA_OUT.initiatorTaskTag);
  into.targetTransferTag = view.getUint32(at + DATA_OUT.targetTransferTag);
  into.expStatSN = view.getUint32(at + DATA_OUT.expStatSN);
  into.dataSN = view.getUint32(at + DATA_OUT.dataSN);
  into.bufferOffset = view.getUint32(at + DATA_OUT.bufferOffset);
  return into;
}

export function encodeDataOut(pdu: DataOutPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.dataOut);
  view.setUint8(at + DATA_OUT.flags, pdu.final ? FINAL_BIT : 0);
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  view.setUint32(at + DATA_OUT.lun, pdu.lunHigh);
  view.setUint32(at + DATA_OUT.lun + 4, pdu.lunLow);
  view.setUint32(at + DATA_OUT.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + DATA_OUT.targetTransferTag, pdu.targetTransferTag);
  view.setUint32(at + DATA_OUT.expStatSN, pdu.expStatSN);
  view.setUint32(at + DATA_OUT.dataSN, pdu.dataSN);
  view.setUint32(at + DATA_OUT.bufferOffset, pdu.bufferOffset);
}

/**
 * SCSI Data-In, RFC 7143 §11.7.
 *
 *      0|.|.| 0x25      |F|A|0 0 0|O|U|S| Reserved      |Status or Rsvd |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| StatSN or Reserved                                            |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| DataSN                                                        |
 *     40| Buffer Offset                                                 |
 *     44| Residual Count                                                |
 */
export const DATA_IN = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 1,
  status: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  targetTransferTag: 4,
  statSN: 4,
  expCmdSN: 4,
  maxCmdSN: 4,
  dataSN: 4,
  bufferOffset: 4,
  residualCount: 4,
});

export const ACKNOWLEDGE_BIT = 0x40;
export const STATUS_BIT = 0x01;

export interface DataInPdu extends LunField, TargetNumbers {
  final: boolean;
  acknowledge: boolean;
  /** S bit: this PDU carries the command's status and StatSN. */
  statusPresent: boolean;
  residualFlags: number;
  status: number;
  initiatorTaskTag: number;
  targetTransferTag: number;
  dataSN: number;
  bufferOffset: number;
  residualCount: number;
}

export function emptyDataIn(): DataInPdu {
  return {
    final: false,
    acknowledge: false,
    statusPresent: false,
    residualFlags: 0,
    status: 0,
    lunHigh: 0,
    lunLow: 0,
    initiatorTaskTag: 0,
    targetTransferTag: 0xffffffff,
    statSN: 0,
    expCmdSN: 0,
    maxCmdSN: 0,
    dataSN: 0,
    bufferOffset: 0,
    residualCount: 0,
  };
}

export function encodeDataIn(pdu: DataInPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  const flags = (pdu.final ? FINAL_BIT : 0) | (pdu.acknowledge ? ACKNOWLEDGE_BIT : 0) | pdu.residualFlags | (pdu.statusPresent ? STATUS_BIT : 0);
  view.setUint32(at, (Opcode.dataIn << 24) | (flags << 16) | pdu.status);
  view.setUint32(at + DATA_IN.totalAHSLength, dataSegmentLengthBytes);
  view.setUint32(at + DATA_IN.lun, pdu.lunHigh);
  view.setUint32(at + DATA_IN.lun + 4, pdu.lunLow);
  view.setUint32(at + DATA_IN.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + DATA_IN.targetTransferTag, pdu.targetTransferTag);
  view.setUint32(at + DATA_IN.statSN, pdu.statSN);
  view.setUint32(at + DATA_IN.expCmdSN, pdu.expCmdSN);
  view.setUint32(at + DATA_IN.maxCmdSN, pdu.maxCmdSN);
  view.setUint32(at + DATA_IN.dataSN, pdu.dataSN);
  view.setUint32(at + DATA_IN.bufferOffset, pdu.bufferOffset);
  view.setUint32(at + DATA_IN.residualCount, pdu.residualCount);
}

export function decodeDataIn(view: DataView, at: number, into: DataInPdu = emptyDataIn()): DataInPdu {
  const flags = view.getUint8(at + DATA_IN.flags);
  into.final = (flags & FINAL_BIT) !== 0;
  into.acknowledge = (flags & ACKNOWLEDGE_BIT) !== 0;
  into.statusPresent = (flags & STATUS_BIT) !== 0;
  into.residualFlags = flags & 0x06;
  into.status = view.getUint8(at + DATA_IN.status);
  into.lunHigh = view.getUint32(at + DATA_IN.lun);
  into.lunLow = view.getUint32(at + DATA_IN.lun + 4);
  into.initiatorTaskTag = view.getUint32(at + DATA_IN.initiatorTaskTag);
  into.targetTransferTag = view.getUint32(at + DATA_IN.targetTransferTag);
  into.statSN = view.getUint32(at + DATA_IN.statSN);
  into.expCmdSN = view.getUint32(at + DATA_IN.expCmdSN);
  into.maxCmdSN = view.getUint32(at + DATA_IN.maxCmdSN);
  into.dataSN = view.getUint32(at + DATA_IN.dataSN);
  into.bufferOffset = view.getUint32(at + DATA_IN.bufferOffset);
  into.residualCount = view.getUint32(at + DATA_IN.residualCount);
  return into;
}
