import { clearBhs, FINAL_BIT, fieldOffsets, type LunField, Opcode, RESERVED_TAG, type TargetNumbers, writeLengths } from './bhs.js';
import { readLunField, readTargetNumbers, writeLunField, writeTargetNumbers } from './numbers.js';

/**
 * Asynchronous Message, RFC 7143 §11.9.
 *
 *      0|.|.| 0x32      |1| Reserved                                    |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| 0xffffffff                                                    |
 *     20| Reserved                                                      |
 *     24| StatSN | 28 ExpCmdSN | 32 MaxCmdSN                            |
 *     36| AsyncEvent    | AsyncVCode    | Parameter1 or Reserved        |
 *     40| Parameter2 or Reserved        | Parameter3 or Reserved        |
 *     44| Reserved                                                      |
 */
export const ASYNC_MESSAGE = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  reserved20: 4,
  numbers: 12,
  asyncEvent: 1,
  asyncVCode: 1,
  parameter1: 2,
  parameter2: 2,
  parameter3: 2,
  reserved44: 4,
});

/** Events of RFC 7143 §11.9.1; `parameter3` is the time to log out or wait in seconds. */
export const AsyncEvent = { scsi: 0, logoutRequest: 1, connectionDrop: 2, sessionDrop: 3, renegotiationRequest: 4, fastAbort: 5, vendor: 255 } as const;

export interface AsyncMessagePdu extends LunField, TargetNumbers {
  asyncEvent: number;
  asyncVCode: number;
  parameter1: number;
  parameter2: number;
  parameter3: number;
}

export function encodeAsyncMessage(pdu: AsyncMessagePdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.asyncMessage);
  view.setUint8(at + ASYNC_MESSAGE.flags, FINAL_BIT);
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  writeLunField(pdu, view, at);
  view.setUint32(at + ASYNC_MESSAGE.initiatorTaskTag, RESERVED_TAG);
  writeTargetNumbers(pdu, view, at);
  view.setUint8(at + ASYNC_MESSAGE.asyncEvent, pdu.asyncEvent);
  view.setUint8(at + ASYNC_MESSAGE.asyncVCode, pdu.asyncVCode);
  view.setUint16(at + ASYNC_MESSAGE.parameter1, pdu.parameter1);
  view.setUint16(at + ASYNC_MESSAGE.parameter2, pdu.parameter2);
  view.setUint16(at + ASYNC_MESSAGE.parameter3, pdu.parameter3);
}

export function decodeAsyncMessage(view: DataView, at: number): AsyncMessagePdu {
  return {
    ...readLunField(view, at),
    ...readTargetNumbers(view, at),
    asyncEvent: view.getUint8(at + ASYNC_MESSAGE.asyncEvent),
    asyncVCode: view.getUint8(at + ASYNC_MESSAGE.asyncVCode),
    parameter1: view.getUint16(at + ASYNC_MESSAGE.parameter1),
    parameter2: view.getUint16(at + ASYNC_MESSAGE.parameter2),
    parameter3: view.getUint16(at + ASYNC_MESSAGE.parameter3),
  };
}
