import { test } from 'uvu';
import {
  decodeLogoutRequest,
  decodeLogoutResponse,
  encodeLogoutRequest,
  encodeLogoutResponse,
  LOGOUT_REQUEST,
  LOGOUT_RESPONSE,
  LogoutReason,
  LogoutResponse,
} from '../../../engine/pdu/logout.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.14: close one connection. */
checkCodec({
  name: 'Logout Request',
  opcode: 0x06,
  offsets: LOGOUT_REQUEST,
  wire: `
    46 81 00 00   // I, Logout Request, 1, close the connection
    00 00 00 00
    00 00 00 00 00 00 00 00
    a1 a2 a3 a4   // Initiator Task Tag
    61 62 00 00   // CID
    c1 c2 c3 c4   // CmdSN
    d1 d2 d3 d4   // ExpStatSN
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    immediate: true,
    reason: LogoutReason.closeConnection,
    initiatorTaskTag: 0xa1a2a3a4,
    cid: 0x6162,
    cmdSN: 0xc1c2c3c4,
    expStatSN: 0xd1d2d3d4,
  },
  mask: `
    40 7f 00 00  00 00 00 00  00 00 00 00 00 00 00 00  ff ff ff ff  ff ff 00 00  ff ff ff ff  ff ff ff ff
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    06 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: (pdu, _dataSegmentLengthBytes, view, at) => encodeLogoutRequest(pdu, view, at),
  decode: decodeLogoutRequest,
});

/** RFC 7143 §11.15. */
checkCodec({
  name: 'Logout Response',
  opcode: 0x26,
  offsets: LOGOUT_RESPONSE,
  wire: `
    26 80 01 00   // Logout Response, 1, CID not found
    00 00 00 00
    00 00 00 00 00 00 00 00
    a1 a2 a3 a4   // Initiator Task Tag
    00 00 00 00
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    00 00 00 00
    00 02 00 14   // Time2Wait 2 s, Time2Retain 20 s
    00 00 00 00`,
  value: {
    response: LogoutResponse.cidNotFound,
    initiatorTaskTag: 0xa1a2a3a4,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
    time2Wait: 2,
    time2Retain: 20,
  },
  mask: `
    00 00 ff 00  00 00 00 00  00 00 00 00 00 00 00 00  ff ff ff ff  00 00 00 00  ff ff ff ff  ff ff ff ff
    ff ff ff ff  00 00 00 00  ff ff ff ff  00 00 00 00`,
  fixed: `
    26 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: (pdu, _dataSegmentLengthBytes, view, at) => encodeLogoutResponse(pdu, view, at),
  decode: decodeLogoutResponse,
});

test.run();
