import { CONTINUE_BIT, clearBhs, FINAL_BIT, fieldOffsets, IMMEDIATE_BIT, type LunField, Opcode, type TargetNumbers, writeLengths } from './bhs.js';
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
 * Text Request, RFC 7143 §11.10, and Text Response, §11.11. The data segment is key=value text.
 *
 *      0|.|I| 0x04/0x24 |F|C| Reserved                                  |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| CmdSN                         / StatSN                        |
 *     28| ExpStatSN                     / ExpCmdSN                      |
 *     32| Reserved                      / MaxCmdSN                      |
 *     36/ Reserved                                                      /
 */
export const TEXT = fieldOffsets({
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

interface TextFields extends LunField {
  final: boolean;
  continue: boolean;
  initiatorTaskTag: number;
  targetTransferTag: number;
}
export interface TextRequestPdu extends TextFields, InitiatorNumbers {
  immediate: boolean;
}
export interface TextResponsePdu extends TextFields, TargetNumbers {}

function readTextFields(view: DataView, at: number): TextFields {
  const flags = view.getUint8(at + TEXT.flags);
  return {
    final: (flags & FINAL_BIT) !== 0,
    continue: (flags & CONTINUE_BIT) !== 0,
    ...readLunField(view, at),
    initiatorTaskTag: view.getUint32(at + TEXT.initiatorTaskTag),
    targetTransferTag: view.getUint32(at + TEXT.targetTransferTag),
  };
}

function writeTextFields(opcode: number, pdu: TextFields, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, opcode);
  view.setUint8(at + TEXT.flags, (pdu.final ? FINAL_BIT : 0) | (pdu.continue ? CONTINUE_BIT : 0));
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  writeLunField(pdu, view, at);
  view.setUint32(at + TEXT.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + TEXT.targetTransferTag, pdu.targetTransferTag);
}

export function decodeTextRequest(view: DataView, at: number): TextRequestPdu {
  return { immediate: (view.getUint8(at) & IMMEDIATE_BIT) !== 0, ...readTextFields(view, at), ...readInitiatorNumbers(view, at) };
}

export function encodeTextRequest(pdu: TextRequestPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  writeTextFields(Opcode.textRequest | (pdu.immediate ? IMMEDIATE_BIT : 0), pdu, dataSegmentLengthBytes, view, at);
  writeInitiatorNumbers(pdu, view, at);
}

export function decodeTextResponse(view: DataView, at: number): TextResponsePdu {
  return { ...readTextFields(view, at), ...readTargetNumbers(view, at) };
}

export function encodeTextResponse(pdu: TextResponsePdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  writeTextFields(Opcode.textResponse, pdu, dataSegmentLengthBytes, view, at);
  writeTargetNumbers(pdu, view, at);
}
