import { clearBhs, FINAL_BIT, fieldOffsets, IMMEDIATE_BIT, Opcode, type TargetNumbers } from './bhs.js';
import { type InitiatorNumbers, readInitiatorNumbers, readTargetNumbers, writeInitiatorNumbers, writeTargetNumbers } from './numbers.js';

/**
 * Logout Request, RFC 7143 §11.14.
 *
 *      0|.|I| 0x06      |1| Reason Code | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength (0)                         |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| CID or Reserved               | Reserved                      |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32/ Reserved                                                      /
 */
export const LOGOUT_REQUEST = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  reserved8: 8,
  initiatorTaskTag: 4,
  cid: 2,
  reserved22: 2,
  cmdSN: 4,
  expStatSN: 4,
  reserved32: 16,
});

const REASON_MASK = 0x7f;
export const LogoutReason = { closeSession: 0, closeConnection: 1, removeConnectionForRecovery: 2 } as const;

export interface LogoutRequestPdu extends InitiatorNumbers {
  immediate: boolean;
  reason: number;
  initiatorTaskTag: number;
  cid: number;
}

export function decodeLogoutRequest(view: DataView, at: number): LogoutRequestPdu {
  return {
    immediate: (view.getUint8(at) & IMMEDIATE_BIT) !== 0,
    reason: view.getUint8(at + LOGOUT_REQUEST.flags) & REASON_MASK,
    initiatorTaskTag: view.getUint32(at + LOGOUT_REQUEST.initiatorTaskTag),
    cid: view.getUint16(at + LOGOUT_REQUEST.cid),
    ...readInitiatorNumbers(view, at),
  };
}

export function encodeLogoutRequest(pdu: LogoutRequestPdu, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.logoutRequest | (pdu.immediate ? IMMEDIATE_BIT : 0));
  view.setUint8(at + LOGOUT_REQUEST.flags, FINAL_BIT | pdu.reason);
  view.setUint32(at + LOGOUT_REQUEST.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint16(at + LOGOUT_REQUEST.cid, pdu.cid);
  writeInitiatorNumbers(pdu, view, at);
}

/**
 * Logout Response, RFC 7143 §11.15.
 *
 *      0|.|.| 0x26      |1| Reserved    | Response      | Reserved      |
 *      4|TotalAHSLength | DataSegmentLength (0)                         |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| Reserved                                                      |
 *     24| StatSN | 28 ExpCmdSN | 32 MaxCmdSN                            |
 *     36| Reserved                                                      |
 *     40| Time2Wait                     | Time2Retain                   |
 *     44| Reserved                                                      |
 */
export const LOGOUT_RESPONSE = fieldOffsets({
  opcode: 1,
  flags: 1,
  response: 1,
  reserved3: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  reserved8: 8,
  initiatorTaskTag: 4,
  reserved20: 4,
  numbers: 12,
  reserved36: 4,
  time2Wait: 2,
  time2Retain: 2,
  reserved44: 4,
});

export const LogoutResponse = { closed: 0, cidNotFound: 1, recoveryNotSupported: 2, cleanupFailed: 3 } as const;

export interface LogoutResponsePdu extends TargetNumbers {
  response: number;
  initiatorTaskTag: number;
  /** Seconds. */
  time2Wait: number;
  /** Seconds. */
  time2Retain: number;
}

export function encodeLogoutResponse(pdu: LogoutResponsePdu, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.logoutResponse);
  view.setUint8(at + LOGOUT_RESPONSE.flags, FINAL_BIT);
  view.setUint8(at + LOGOUT_RESPONSE.response, pdu.response);
  view.setUint32(at + LOGOUT_RESPONSE.initiatorTaskTag, pdu.initiatorTaskTag);
  writeTargetNumbers(pdu, view, at);
  view.setUint16(at + LOGOUT_RESPONSE.time2Wait, pdu.time2Wait);
  view.setUint16(at + LOGOUT_RESPONSE.time2Retain, pdu.time2Retain);
}

export function decodeLogoutResponse(view: DataView, at: number): LogoutResponsePdu {
  return {
    response: view.getUint8(at + LOGOUT_RESPONSE.response),
    initiatorTaskTag: view.getUint32(at + LOGOUT_RESPONSE.initiatorTaskTag),
    ...readTargetNumbers(view, at),
    time2Wait: view.getUint16(at + LOGOUT_RESPONSE.time2Wait),
    time2Retain: view.getUint16(at + LOGOUT_RESPONSE.time2Retain),
  };
}
