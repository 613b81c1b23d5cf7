import { clearBhs, FINAL_BIT, fieldOffsets, IMMEDIATE_BIT, type LunField, Opcode, type TargetNumbers, writeLengths } from './bhs.js';
import {
  type InitiatorNumbers,
  readInitiatorNumbers,
  readLunField,
  readTargetNumbers,
  writeInitiatorNumbers,
  writeLunField,
  writeTargetNumbers,
} from './numbers.js';

/**
 * NOP-Out, RFC 7143 §11.18, and NOP-In, §11.19. The data segment is the ping data.
 *
 *      0|.|I| 0x00/0x20 |1| Reserved                                    |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag or 0xffffffff                              |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| CmdSN                         / StatSN                        |
 *     28| ExpStatSN                     / ExpCmdSN                      |
 *     32| Reserved                      / MaxCmdSN                      |
 *     36/ Reserved                                                      /
 */
export const NOP = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  targetTransferTag: 4,
  numbers: 12,
  reserved36: 12,
});

export interface NopOutPdu extends LunField, InitiatorNumbers {
  immediate: boolean;
  initiatorTaskTag: number;
  targetTransferTag: number;
}

export interface NopInPdu extends LunField, TargetNumbers {
  initiatorTaskTag: number;
  targetTransferTag: number;
}

function readTags(view: DataView, at: number): { initiatorTaskTag: number; targetTransferTag: number } {
  return { initiatorTaskTag: view.getUint32(at + NOP.initiatorTaskTag), targetTransferTag: view.getUint32(at + NOP.targetTransferTag) };
}

function encodeNop(opcode: number, pdu: NopOutPdu | NopInPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, opcode);
  view.setUint8(at + NOP.flags, FINAL_BIT);
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  writeLunField(pdu, view, at);
  view.setUint32(at + NOP.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + NOP.targetTransferTag, pdu.targetTransferTag);
}

export function decodeNopOut(view: DataView, at: number): NopOutPdu {
  return { immediate: (view.getUint8(at) & IMMEDIATE_BIT) !== 0, ...readLunField(view, at), ...readTags(view, at), ...readInitiatorNumbers(view, at) };
}

export function encodeNopOut(pdu: NopOutPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  encodeNop(Opcode.nopOut | (pdu.immediate ? IMMEDIATE_BIT : 0), pdu, dataSegmentLengthBytes, view, at);
  writeInitiatorNumbers(pdu, view, at);
}

export function decodeNopIn(view: DataView, at: number): NopInPdu {
  return { ...readLunField(view, at), ...readTags(view, at), ...readTargetNumbers(view, at) };
}

export function encodeNopIn(pdu: NopInPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  encodeNop(Opcode.nopIn, pdu, dataSegmentLengthBytes, view, at);
  writeTargetNumbers(pdu, view, at);
}
