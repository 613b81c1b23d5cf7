import { test } from 'uvu';
import { decodeNopIn, decodeNopOut, encodeNopIn, encodeNopOut, NOP } from '../../../engine/pdu/nop.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.18: a ping of 32 bytes, sent immediately. */
checkCodec({
  name: 'NOP-Out',
  opcode: 0x00,
  offsets: NOP,
  wire: `
    40 80 00 00   // I, NOP-Out, F
    00 00 00 20   // DataSegmentLength 32
    00 05 00 00 00 00 00 00   // LUN 5
    a1 a2 a3 a4   // Initiator Task Tag
    b1 b2 b3 b4   // Target Transfer Tag
    c1 c2 c3 c4   // CmdSN
    d1 d2 d3 d4   // ExpStatSN
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    immediate: true,
    lunHigh: 0x00050000,
    lunLow: 0,
    initiatorTaskTag: 0xa1a2a3a4,
    targetTransferTag: 0xb1b2b3b4,
    cmdSN: 0xc1c2c3c4,
    expStatSN: 0xd1d2d3d4,
  },
  mask: `
    40 00 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    00 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeNopOut,
  decode: decodeNopOut,
});

/** RFC 7143 §11.19: the target asks whether the initiator lives. */
checkCodec({
  name: 'NOP-In',
  opcode: 0x20,
  offsets: NOP,
  wire: `
    20 80 00 00   // NOP-In, F
    00 00 00 00   // no ping data
    00 07 00 00 00 00 00 00   // LUN 7
    ff ff ff ff   // Initiator Task Tag: this is no answer
    00 00 01 f3   // Target Transfer Tag
    a1 a2 a3 a4   // StatSN
    b1 b2 b3 b4   // ExpCmdSN
    c1 c2 c3 c4   // MaxCmdSN
    00 00 00 00 00 00 00 00 00 00 00 00`,
  value: {
    lunHigh: 0x00070000,
    lunLow: 0,
    initiatorTaskTag: 0xffffffff,
    targetTransferTag: 0x1f3,
    statSN: 0xa1a2a3a4,
    expCmdSN: 0xb1b2b3b4,
    maxCmdSN: 0xc1c2c3c4,
  },
  mask: `
    00 00 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  00 00 00 00  00 00 00 00  00 00 00 00`,
  fixed: `
    20 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeNopIn,
  decode: decodeNopIn,
});

test.run();
