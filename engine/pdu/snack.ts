import { clearBhs, FINAL_BIT, fieldOffsets, type LunField, Opcode } from './bhs.js';
import { readLunField, writeLunField } from './numbers.js';

/**
 * SNACK Request, RFC 7143 §11.16.
 *
 *      0|.|.| 0x10      |1|.|.|.| Type  | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength (0)                         |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag or 0xffffffff                              |
 *     20| Target Transfer Tag or SNACK Tag or 0xffffffff                |
 *     24| Reserved                                                      |
 *     28| ExpStatSN                                                     |
 *     32| Reserved                                                      |
 *     40| BegRun                                                        |
 *     44| RunLength                                                     |
 */
export const SNACK = fieldOffsets({
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
  reserved32: 8,
  begRun: 4,
  runLength: 4,
});

const TYPE_MASK = 0x0f;
export const SnackType = { dataOrR2T: 0, status: 1, dataAck: 2, rData: 3 } as const;

export interface SnackPdu extends LunField {
  type: number;
  initiatorTaskTag: number;
  targetTransferTag: number;
  expStatSN: number;
  begRun: number;
  runLength: number;
}

export function decodeSnack(view: DataView, at: number): SnackPdu {
  return {
    type: view.getUint8(at + SNACK.flags) & TYPE_MASK,
    ...readLunField(view, at),
    initiatorTaskTag: view.getUint32(at + SNACK.initiatorTaskTag),
    targetTransferTag: view.getUint32(at + SNACK.targetTransferTag),
    expStatSN: view.getUint32(at + SNACK.expStatSN),
    begRun: view.getUint32(at + SNACK.begRun),
    runLength: view.getUint32(at + SNACK.runLength),
  };
}

export function encodeSnack(pdu: SnackPdu, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.snackRequest);
  view.setUint8(at + SNACK.flags, FINAL_BIT | pdu.type);
  writeLunField(pdu, view, at);
  view.setUint32(at + SNACK.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + SNACK.targetTransferTag, pdu.targetTransferTag);
  view.setUint32(at + SNACK.expStatSN, pdu.expStatSN);
  view.setUint32(at + SNACK.begRun, pdu.begRun);
  view.setUint32(at + SNACK.runLength, pdu.runLength);
}
