import { test } from 'uvu';
import { decodeReject, encodeReject, REJECT, RejectReason } from '../../../engine/pdu/reject.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.17: a data digest error; the rejected header is the data segment. */
checkCodec({
  name: 'Reject',
  opcode: 0x3f,
  offsets: REJECT,
  wire: `
    3f 80 02 00   // Reject, 1, data digest error
    00 00 00 30   // DataSegmentLength 48
    00 00 00 00 00 00 00 00
    ff ff ff ff
    00 00 00 00
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    f1 f2 f3 f4   // DataSN/R2TSN
    00 00 00 00 00 00 00 00`,
  value: {
    reason: RejectReason.dataDigestError,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
    dataSN: 0xf1f2f3f4,
  },
  mask: `
    00 00 ff 00  00 ff ff ff  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  00 00 00 00  00 00 00 00`,
  fixed: `
    3f 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  ff ff ff ff  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeReject,
  decode: decodeReject,
});

test.run();
