import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeLoginRequest,
  decodeLoginResponse,
  encodeLoginRequest,
  encodeLoginResponse,
  LOGIN_REQUEST,
  LOGIN_RESPONSE,
  LoginStage,
  LoginStatus,
} from '../../../engine/pdu/login.js';
import { hex } from '../../support/assert-bytes.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.12: the last request of the operational stage. */
checkCodec({
  name: 'Login Request',
  opcode: 0x03,
  offsets: LOGIN_REQUEST,
  wire: `
    43 87 02 01   // I, Login Request, T, CSG 1, NSG 3, Version-max 2, Version-min 1
    00 00 01 9b   // DataSegmentLength 411
    40 00 01 37 0a 0b   // ISID
    51 52         // TSIH
    a1 a2 a3 a4   // Initiator Task Tag
    61 62 00 00   // CID
    c1 c2 c3 c4   // CmdSN
    d1 d2 d3 d4   // ExpStatSN
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    transit: true,
    continue: false,
    currentStage: LoginStage.loginOperationalNegotiation,
    nextStage: LoginStage.fullFeaturePhase,
    versionMax: 2,
    versionMin: 1,
    isid: '400001370a0b',
    tsih: 0x5152,
    initiatorTaskTag: 0xa1a2a3a4,
    cid: 0x6162,
    cmdSN: 0xc1c2c3c4,
    expStatSN: 0xd1d2d3d4,
  },
  mask: `
    00 cf ff ff  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff 00 00  ff ff ff ff  ff ff ff ff
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    43 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeLoginRequest,
  decode: decodeLoginRequest,
});

/** RFC 7143 §11.13: target not found, in the security stage, with more text to come. */
checkCodec({
  name: 'Login Response',
  opcode: 0x23,
  offsets: LOGIN_RESPONSE,
  wire: `
    23 41 02 01   // Login Response, C, CSG 0, NSG 1, Version-max 2, Version-active 1
    00 00 00 05   // DataSegmentLength 5
    80 aa bb cc dd 01   // ISID
    51 52         // TSIH
    a1 a2 a3 a4   // Initiator Task Tag
    00 00 00 00
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    02 03 00 00   // Status-Class 2, Status-Detail 3
    00 00 00 00 00 00 00 00`,
  value: {
    transit: false,
    continue: true,
    currentStage: LoginStage.securityNegotiation,
    nextStage: LoginStage.loginOperationalNegotiation,
    versionMax: 2,
    versionActive: 1,
    isid: '80aabbccdd01',
    tsih: 0x5152,
    initiatorTaskTag: 0xa1a2a3a4,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
    status: LoginStatus.targetNotFound,
  },
  mask: `
    00 cf ff ff  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  00 00 00 00  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    23 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeLoginResponse,
  decode: decodeLoginResponse,
});

test('an ISID is twelve digits even where bytes are small, so that equal ISIDs are equal keys', () => {
  const bhs = new Uint8Array(48);
  bhs.set(hex('00 02 3d 00 00 0a'), LOGIN_REQUEST.isid);
  assert.is(decodeLoginRequest(new DataView(bhs.buffer), 0).isid, '00023d00000a');
});

test.run();
