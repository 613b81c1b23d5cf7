import { CONTINUE_BIT, clearBhs, FINAL_BIT, fieldOffsets, IMMEDIATE_BIT, Opcode, type TargetNumbers, writeLengths } from './bhs.js';
import { type InitiatorNumbers, readInitiatorNumbers, readTargetNumbers, writeInitiatorNumbers, writeTargetNumbers } from './numbers.js';

/**
 * Login Request, RFC 7143 §11.12.
 *
 *      0|.|1| 0x03      |T|C|. .|CSG|NSG| Version-max   | Version-min   |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| ISID                                                          |
 *     12|                               | TSIH                          |
 *     16| Initiator Task Tag                                            |
 *     20| CID                           | Reserved                      |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN or Reserved                                         |
 *     32/ Reserved                                                      /
 */
export const LOGIN_REQUEST = fieldOffsets({
  opcode: 1,
  flags: 1,
  versionMax: 1,
  versionMin: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  isid: 6,
  tsih: 2,
  initiatorTaskTag: 4,
  cid: 2,
  reserved22: 2,
  cmdSN: 4,
  expStatSN: 4,
  reserved32: 16,
});

/** Stages of the login phase, RFC 7143 §11.12.3. */
export const LoginStage = { securityNegotiation: 0, loginOperationalNegotiation: 1, fullFeaturePhase: 3 } as const;
export type LoginStage = (typeof LoginStage)[keyof typeof LoginStage];

interface LoginFields {
  transit: boolean;
  continue: boolean;
  currentStage: number;
  nextStage: number;
  /** 12 lower-case hex digits: an ISID is compared and used as a key, never calculated with. */
  isid: string;
  tsih: number;
  initiatorTaskTag: number;
}

export interface LoginRequestPdu extends LoginFields, InitiatorNumbers {
  versionMax: number;
  versionMin: number;
  cid: number;
}

const ISID_LENGTH = 6;

function readIsid(view: DataView, at: number): string {
  let isid = '';
  for (let i = 0; i < ISID_LENGTH; i++)
    isid += view
      .getUint8(at + i)
      .toString(16)
      .padStart(2, '0');
  return isid;
}

function writeIsid(isid: string, view: DataView, at: number): void {
  for (let i = 0; i < ISID_LENGTH; i++) view.setUint8(at + i, Number.parseInt(isid.slice(2 * i, 2 * i + 2), 16));
}

function readStages(view: DataView, at: number): Pick<LoginFields, 'transit' | 'continue' | 'currentStage' | 'nextStage'> {
  const flags = view.getUint8(at + LOGIN_REQUEST.flags);
  return { transit: (flags & FINAL_BIT) !== 0, continue: (flags & CONTINUE_BIT) !== 0, currentStage: (flags >> 2) & 3, nextStage: flags & 3 };
}

function stageFlags(pdu: LoginFields): number {
  return (pdu.transit ? FINAL_BIT : 0) | (pdu.continue ? CONTINUE_BIT : 0) | (pdu.currentStage << 2) | pdu.nextStage;
}

export function decodeLoginRequest(view: DataView, at: number): LoginRequestPdu {
  return {
    ...readStages(view, at),
    versionMax: view.getUint8(at + LOGIN_REQUEST.versionMax),
    versionMin: view.getUint8(at + LOGIN_REQUEST.versionMin),
    isid: readIsid(view, at + LOGIN_REQUEST.isid),
    tsih: view.getUint16(at + LOGIN_REQUEST.tsih),
    initiatorTaskTag: view.getUint32(at + LOGIN_REQUEST.initiatorTaskTag),
    cid: view.getUint16(at + LOGIN_REQUEST.cid),
    ...readInitiatorNumbers(view, at),
  };
}

export function encodeLoginRequest(pdu: LoginRequestPdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.loginRequest | IMMEDIATE_BIT);
  view.setUint8(at + LOGIN_REQUEST.flags, stageFlags(pdu));
  view.setUint8(at + LOGIN_REQUEST.versionMax, pdu.versionMax);
  view.setUint8(at + LOGIN_REQUEST.versionMin, pdu.versionMin);
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  writeIsid(pdu.isid, view, at + LOGIN_REQUEST.isid);
  view.setUint16(at + LOGIN_REQUEST.tsih, pdu.tsih);
  view.setUint32(at + LOGIN_REQUEST.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint16(at + LOGIN_REQUEST.cid, pdu.cid);
  writeInitiatorNumbers(pdu, view, at);
}

/**
 * Login Response, RFC 7143 §11.13.
 *
 *      0|.|.| 0x23      |T|C|. .|CSG|NSG| Version-max   | Version-active|
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| ISID                                                          |
 *     12|                               | TSIH                          |
 *     16| Initiator Task Tag                                            |
 *     20| Reserved                                                      |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| Status-Class  | Status-Detail | Reserved                      |
 *     40/ Reserved                                                      /
 */
export const LOGIN_RESPONSE = fieldOffsets({
  opcode: 1,
  flags: 1,
  versionMax: 1,
  versionActive: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  isid: 6,
  tsih: 2,
  initiatorTaskTag: 4,
  reserved20: 4,
  numbers: 12,
  statusClass: 1,
  statusDetail: 1,
  reserved38: 10,
});

/** Status-Class in the high byte, Status-Detail in the low one. RFC 7143 §11.13.5. */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  targetNotFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];

export interface LoginResponsePdu extends LoginFields, TargetNumbers {
  versionMax: number;
  versionActive: number;
  /** A `LoginStatus` value: Status-Class and Status-Detail together. */
  status: number;
}

export function encodeLoginResponse(pdu: LoginResponsePdu, dataSegmentLengthBytes: number, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.loginResponse);
  view.setUint8(at + LOGIN_RESPONSE.flags, stageFlags(pdu));
  view.setUint8(at + LOGIN_RESPONSE.versionMax, pdu.versionMax);
  view.setUint8(at + LOGIN_RESPONSE.versionActive, pdu.versionActive);
  writeLengths(view, at, 0, dataSegmentLengthBytes);
  writeIsid(pdu.isid, view, at + LOGIN_RESPONSE.isid);
  view.setUint16(at + LOGIN_RESPONSE.tsih, pdu.tsih);
  view.setUint32(at + LOGIN_RESPONSE.initiatorTaskTag, pdu.initiatorTaskTag);
  writeTargetNumbers(pdu, view, at);
  view.setUint16(at + LOGIN_RESPONSE.statusClass, pdu.status);
}

export function decodeLoginResponse(view: DataView, at: number): LoginResponsePdu {
  return {
    ...readStages(view, at),
    versionMax: view.getUint8(at + LOGIN_RESPONSE.versionMax),
    versionActive: view.getUint8(at + LOGIN_RESPONSE.versionActive),
    isid: readIsid(view, at + LOGIN_RESPONSE.isid),
    tsih: view.getUint16(at + LOGIN_RESPONSE.tsih),
    initiatorTaskTag: view.getUint32(at + LOGIN_RESPONSE.initiatorTaskTag),
    ...readTargetNumbers(view, at),
    status: view.getUint16(at + LOGIN_RESPONSE.statusClass),
  };
}
