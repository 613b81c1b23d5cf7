import { test } from 'uvu';
import { decodeTextRequest, decodeTextResponse, encodeTextRequest, encodeTextResponse, TEXT } from '../../../engine/pdu/text.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.10: SendTargets=All, the first and last PDU of it. */
checkCodec({
  name: 'Text Request',
  opcode: 0x04,
  offsets: TEXT,
  wire: `
    04 80 00 00   // Text Request, F
    00 00 00 10   // DataSegmentLength 16
    00 00 00 00 00 00 00 09   // LUN
    a1 a2 a3 a4   // Initiator Task Tag
    ff ff ff ff   // Target Transfer Tag
    c1 c2 c3 c4   // CmdSN
    d1 d2 d3 d4   // ExpStatSN
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    immediate: false,
    final: true,
    continue: false,
    lunHigh: 0,
    lunLow: 9,
    initiatorTaskTag: 0xa1a2a3a4,
    targetTransferTag: 0xffffffff,
    cmdSN: 0xc1c2c3c4,
    expStatSN: 0xd1d2d3d4,
  },
  mask: `
    40 c0 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    04 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeTextRequest,
  decode: decodeTextRequest,
});

/** RFC 7143 §11.11: a part of a long answer. */
checkCodec({
  name: 'Text Response',
  opcode: 0x24,
  offsets: TEXT,
  wire: `
    24 40 00 00   // Text Response, C
    00 00 20 00   // DataSegmentLength 8192
    11 12 13 14 15 16 17 18   // LUN
    a1 a2 a3 a4   // Initiator Task Tag
    b1 b2 b3 b4   // Target Transfer Tag
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    final: false,
    continue: true,
    lunHigh: 0x11121314,
    lunLow: 0x15161718,
    initiatorTaskTag: 0xa1a2a3a4,
    targetTransferTag: 0xb1b2b3b4,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
  },
  mask: `
    00 c0 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    24 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeTextResponse,
  decode: decodeTextResponse,
});

test.run();
