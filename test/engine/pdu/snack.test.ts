import { test } from 'uvu';
import { decodeSnack, encodeSnack, SNACK, SnackType } from '../../../engine/pdu/snack.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.16: an acknowledgement of Data-In. */
checkCodec({
  name: 'SNACK Request',
  opcode: 0x10,
  offsets: SNACK,
  wire: `
    10 82 00 00   // SNACK Request, 1, DataACK
    00 00 00 00
    00 04 00 00 00 00 00 00   // LUN 4
    ff ff ff ff   // Initiator Task Tag
    b1 b2 b3 b4   // Target Transfer Tag
    00 00 00 00
    c1 c2 c3 c4   // ExpStatSN
    00 00 00 00 00 00 00 00
    d1 d2 d3 d4   // BegRun
    e1 e2 e3 e4   // RunLength`,
  value: {
    type: SnackType.dataAck,
    lunHigh: 0x00040000,
    lunLow: 0,
    initiatorTaskTag: 0xffffffff,
    targetTransferTag: 0xb1b2b3b4,
    expStatSN: 0xc1c2c3c4,
    begRun: 0xd1d2d3d4,
    runLength: 0xe1e2e3e4,
  },
  mask: `
    00 0f 00 00  00 00 00 00  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  00 00 00 00  ff ff ff ff
    00 00 00 00  00 00 00 00  ff ff ff ff  ff ff ff ff`,
  fixed: `
    10 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: (pdu, _dataSegmentLengthBytes, view, at) => encodeSnack(pdu, view, at),
  decode: decodeSnack,
});

test.run();
