import { test } from 'uvu';
import {
  decodeTaskManagementRequest,
  decodeTaskManagementResponse,
  encodeTaskManagementRequest,
  encodeTaskManagementResponse,
  TASK_MANAGEMENT_REQUEST,
  TASK_MANAGEMENT_RESPONSE,
  TaskManagementFunction,
  TaskManagementResponse,
} from '../../../engine/pdu/task-management.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.5: ABORT TASK, sent immediately. */
checkCodec({
  name: 'Task Management Function Request',
  opcode: 0x02,
  offsets: TASK_MANAGEMENT_REQUEST,
  wire: `
    42 81 00 00   // I, Task Management Function Request, 1, ABORT TASK
    00 00 00 00
    00 03 00 00 00 00 00 00   // LUN 3
    a1 a2 a3 a4   // Initiator Task Tag
    b1 b2 b3 b4   // Referenced Task Tag
    c1 c2 c3 c4   // CmdSN
    d1 d2 d3 d4   // ExpStatSN
    e1 e2 e3 e4   // RefCmdSN
    f1 f2 f3 f4   // ExpDataSN
    00 00 00 00 00 00 00 00`,
  value: {
    immediate: true,
    function: TaskManagementFunction.abortTask,
    lunHigh: 0x00030000,
    lunLow: 0,
    initiatorTaskTag: 0xa1a2a3a4,
    referencedTaskTag: 0xb1b2b3b4,
    cmdSN: 0xc1c2c3c4,
    expStatSN: 0xd1d2d3d4,
    refCmdSN: 0xe1e2e3e4,
    expDataSN: 0xf1f2f3f4,
  },
  mask: `
    40 7f 00 00  00 00 00 00  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  00 00 00 00  00 00 00 00`,
  fixed: `
    02 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: (pdu, _dataSegmentLengthBytes, view, at) => encodeTaskManagementRequest(pdu, view, at),
  decode: decodeTaskManagementRequest,
});

/** RFC 7143 §11.6. */
checkCodec({
  name: 'Task Management Function Response',
  opcode: 0x22,
  offsets: TASK_MANAGEMENT_RESPONSE,
  wire: `
    22 80 05 00   // Task Management Function Response, 1, function not supported
    00 00 00 00
    26 29 03 00   // Additional Response Information: more than one, UNIT ATTENTION, 29/03
    00 00 00 00
    a1 a2 a3 a4   // Initiator Task Tag
    00 00 00 00
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    response: TaskManagementResponse.functionNotSupported,
    initiatorTaskTag: 0xa1a2a3a4,
    additionalResponseInformation: 0x262903,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
  },
  mask: `
    00 00 ff 00  00 00 00 00  ff ff ff 00 00 00 00 00  ff ff ff ff  00 00 00 00  ff ff ff ff  ff ff ff ff
    ff ff ff ff  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    22 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: (pdu, _dataSegmentLengthBytes, view, at) => encodeTaskManagementResponse(pdu, view, at),
  decode: decodeTaskManagementResponse,
});

test.run();
