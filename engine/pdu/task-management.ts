import { clearBhs, FINAL_BIT, fieldOffsets, IMMEDIATE_BIT, type LunField, Opcode, type TargetNumbers } from './bhs.js';
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
 * Task Management Function Request, RFC 7143 §11.5.
 *
 *      0|.|I| 0x02      |1| Function    | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength (0)                         |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Referenced Task Tag or 0xffffffff                             |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32| RefCmdSN or Reserved                                          |
 *     36| ExpDataSN or Reserved                                         |
 *     40/ Reserved                                                      /
 */
export const TASK_MANAGEMENT_REQUEST = fieldOffsets({
  opcode: 1,
  flags: 1,
  reserved2: 2,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  lun: 8,
  initiatorTaskTag: 4,
  referencedTaskTag: 4,
  cmdSN: 4,
  expStatSN: 4,
  refCmdSN: 4,
  expDataSN: 4,
  reserved40: 8,
});

const FUNCTION_MASK = 0x7f;

/** Functions of RFC 7143 §11.5.1 and, from 9 on, RFC 7144 §5.1. */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
  queryTask: 9,
  queryTaskSet: 10,
  itNexusReset: 11,
  queryAsynchronousEvent: 12,
} as const;
export type TaskManagementFunction = (typeof TaskManagementFunction)[keyof typeof TaskManagementFunction];

export interface TaskManagementRequestPdu extends LunField, InitiatorNumbers {
  immediate: boolean;
  function: number;
  initiatorTaskTag: number;
  referencedTaskTag: number;
  refCmdSN: number;
  expDataSN: number;
}

export function decodeTaskManagementRequest(view: DataView, at: number): TaskManagementRequestPdu {
  return {
    immediate: (view.getUint8(at) & IMMEDIATE_BIT) !== 0,
    function: view.getUint8(at + TASK_MANAGEMENT_REQUEST.flags) & FUNCTION_MASK,
    ...readLunField(view, at),
    initiatorTaskTag: view.getUint32(at + TASK_MANAGEMENT_REQUEST.initiatorTaskTag),
    referencedTaskTag: view.getUint32(at + TASK_MANAGEMENT_REQUEST.referencedTaskTag),
    ...readInitiatorNumbers(view, at),
    refCmdSN: view.getUint32(at + TASK_MANAGEMENT_REQUEST.refCmdSN),
    expDataSN: view.getUint32(at + TASK_MANAGEMENT_REQUEST.expDataSN),
  };
}

export function encodeTaskManagementRequest(pdu: TaskManagementRequestPdu, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.taskManagementRequest | (pdu.immediate ? IMMEDIATE_BIT : 0));
  view.setUint8(at + TASK_MANAGEMENT_REQUEST.flags, FINAL_BIT | pdu.function);
  writeLunField(pdu, view, at);
  view.setUint32(at + TASK_MANAGEMENT_REQUEST.initiatorTaskTag, pdu.initiatorTaskTag);
  view.setUint32(at + TASK_MANAGEMENT_REQUEST.referencedTaskTag, pdu.referencedTaskTag);
  writeInitiatorNumbers(pdu, view, at);
  view.setUint32(at + TASK_MANAGEMENT_REQUEST.refCmdSN, pdu.refCmdSN);
  view.setUint32(at + TASK_MANAGEMENT_REQUEST.expDataSN, pdu.expDataSN);
}

/**
 * Task Management Function Response, RFC 7143 §11.6.
 *
 *      0|.|.| 0x22      |1| Reserved    | Response      | Reserved      |
 *      4|TotalAHSLength | DataSegmentLength (0)                         |
 *      8| Additional Response Information (RFC 7144)    | Reserved      |
 *     12| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| Reserved                                                      |
 *     24| StatSN | 28 ExpCmdSN | 32 MaxCmdSN                            |
 *     36/ Reserved                                                      /
 */
export const TASK_MANAGEMENT_RESPONSE = fieldOffsets({
  opcode: 1,
  flags: 1,
  response: 1,
  reserved3: 1,
  totalAHSLength: 1,
  dataSegmentLength: 3,
  additionalResponseInformation: 3,
  reserved11: 5,
  initiatorTaskTag: 4,
  reserved20: 4,
  numbers: 12,
  reserved36: 12,
});

/** Responses of RFC 7143 §11.6.1 and RFC 7144 §5.2. */
export const TaskManagementResponse = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  allegianceReassignmentNotSupported: 4,
  functionNotSupported: 5,
  authorizationFailed: 6,
  functionSucceeded: 7,
  functionRejected: 255,
} as const;

export interface TaskManagementResponsePdu extends TargetNumbers {
  response: number;
  initiatorTaskTag: number;
  /** What QUERY ASYNCHRONOUS EVENT asks for: three bytes, 0 when left out. RFC 7144 "Task Management Function Response". */
  additionalResponseInformation?: number;
}

export function encodeTaskManagementResponse(pdu: TaskManagementResponsePdu, view: DataView, at: number): void {
  clearBhs(view, at);
  view.setUint8(at, Opcode.taskManagementResponse);
  view.setUint8(at + TASK_MANAGEMENT_RESPONSE.flags, FINAL_BIT);
  view.setUint8(at + TASK_MANAGEMENT_RESPONSE.response, pdu.response);
  // Three bytes: the fourth that this writes is reserved.
  view.setUint32(at + TASK_MANAGEMENT_RESPONSE.additionalResponseInformation, (pdu.additionalResponseInformation ?? 0) << 8);
  view.setUint32(at + TASK_MANAGEMENT_RESPONSE.initiatorTaskTag, pdu.initiatorTaskTag);
  writeTargetNumbers(pdu, view, at);
}

export function decodeTaskManagementResponse(view: DataView, at: number): TaskManagementResponsePdu {
  return {
    response: view.getUint8(at + TASK_MANAGEMENT_RESPONSE.response),
    initiatorTaskTag: view.getUint32(at + TASK_MANAGEMENT_RESPONSE.initiatorTaskTag),
    additionalResponseInformation: view.getUint32(at + TASK_MANAGEMENT_RESPONSE.additionalResponseInformation) >>> 8,
    ...readTargetNumbers(view, at),
  };
}
