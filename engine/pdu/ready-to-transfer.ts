import { FINAL_BIT, fieldOffsets, type LunField, Opcode, type TargetNumbers } from './bhs.js';

/**
 * Ready To Transfer (R2T), RFC 7143 §11.8.
 *
 *      0|.|.| 0x31      |1| Reserved                                    |
 *      4|TotalAHSLength | DataSegmentLength (0)                         |
 *      8| LUN                                                           |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag                                           |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| R2TSN                                                         |
 *     40| Buffer Offset                                                 |
 *     44| Desired Data Transfer Length                                  |
 */
export const READY_TO_TRANSFER = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  targetTransferTag: 4,
  statSN: 4,
  expCmdSN: 4,
  maxCmdSN: 4,
  r2tSN: 4,
  bufferOffset: 4,
  desiredDataTransferLength: 4,
});

export interface ReadyToTransferPdu extends LunField, TargetNumbers {
  initiatorTaskTag: number;
  targetTransferTag: number;
  r2tSN: number;
  bufferOffset: number;
  desiredDataTransferLength: number;
}

export function emptyReadyToTransfer(): ReadyToTransferPdu {
  return {
    lunHigh: 0,
    lunLow: 0,
    initiatorTaskTag: 0,
    targetTransferTag: 0,
    statSN: 0,
    expCmdSN: 0,
    maxCmdSN: 0,
    r2tSN: 0,
    bufferOffset: 0,
    desiredDataTransferLength: 0,
  };
}

export function encodeReadyToTransfer(pdu: ReadyToTransferPdu, view: DataView, at: number): void {
  view.setUint32(at, (Opcode.readyToTransfer << 24) | (FINAL_BIT << 16));
  view.setUint32(at + READY_TO_TRANSFER.totalAHSLength, 0);
  view.setUint32(at + READY_TO_TRANSFER.lun, pdu.lunHigh);
  view.setUint32(at + READY_TO_TRANSFER.lun + 4, pdu.lunLow);
  view.setUint32(at + READY_TO_TRANSFER.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + READY_TO_TRANSFER.targetTransferTag, pdu.targetTransferTag);
  view.setUint32(at + READY_TO_TRANSFER.statSN, pdu.statSN);
  view.setUint32(at + READY_TO_TRANSFER.expCmdSN, pdu.expCmdSN);
  view.setUint32(at + READY_TO_TRANSFER.maxCmdSN, pdu.maxCmdSN);
  view.setUint32(at + READY_TO_TRANSFER.r2tSN, pdu.r2tSN);
  view.setUint32(at + READY_TO_TRANSFER.bufferOffset, pdu.bufferOffset);
  view.setUint32(at + READY_TO_TRANSFER.desiredDataTransferLength, pdu.desiredDataTransferLength);
}

export function decodeReadyToTransfer(view: DataView, at: number, into: ReadyToTransferPdu = emptyReadyToTransfer()): ReadyToTransferPdu {
  into.lunHigh = view.getUint32(at + READY_TO_TRANSFER.lun);
  into.lunLow = view.getUint32(at + READY_TO_TRANSFER.lun + 4);
  into.initiatorTaskTag = view.getUint32(at + READY_TO_TRANSFER.initiatorTaskTag);
  into.targetTransferTag = view.getUint32(at + READY_TO_TRANSFER.targetTransferTag);
  into.statSN = view.getUint32(at + READY_TO_TRANSFER.statSN);
  into.expCmdSN = view.getUint32(at + READY_TO_TRANSFER.expCmdSN);
  into.maxCmdSN = view.getUint32(at + READY_TO_TRANSFER.maxCmdSN);
  into.r2tSN = view.getUint32(at + READY_TO_TRANSFER.r2tSN);
  into.bufferOffset = view.getUint32(at + READY_TO_TRANSFER.bufferOffset);
  into.desiredDataTransferLength = view.getUint32(at + READY_TO_TRANSFER.desiredDataTransferLength);
  return into;
}
