import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_IN, DATA_OUT, decodeDataIn, decodeDataOut, emptyDataIn, emptyDataOut, encodeDataIn, encodeDataOut } from '../../../engine/pdu/data.js';
import { ResidualFlag } from '../../../engine/pdu/scsi-command.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.7: the last PDU of a solicited sequence. */
checkCodec({
  name: 'SCSI Data-Out',
  opcode: 0x05,
  offsets: DATA_OUT,
  wire: `
    05 80 00 00   // SCSI Data-Out, F
    00 ff ff ff   // the largest DataSegmentLength
    00 02 00 00 00 00 00 00   // LUN 2
    a1 a2 a3 a4   // Initiator Task Tag
    b1 b2 b3 b4   // Target Transfer Tag
    00 00 00 00
    c1 c2 c3 c4   // ExpStatSN
    00 00 00 00
    d1 d2 d3 d4   // DataSN
    e1 e2 e3 e4   // Buffer Offset
    00 00 00 00`,
  value: {
    final: true,
    lunHigh: 0x00020000,
    lunLow: 0,
    initiatorTaskTag: 0xa1a2a3a4,
    targetTransferTag: 0xb1b2b3b4,
    expStatSN: 0xc1c2c3c4,
    dataSN: 0xd1d2d3d4,
    bufferOffset: 0xe1e2e3e4,
  },
  mask: `
    00 80 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  00 00 00 00  ff ff ff ff
    00 00 00 00  ff ff ff ff  ff ff ff ff  00 00 00 00`,
  fixed: `
    05 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeDataOut,
  decode: (view, at) => decodeDataOut(view, at),
});

/** RFC 7143 §11.7: the last PDU of a read with phase-collapsed status and an underflow. */
checkCodec({
  name: 'SCSI Data-In',
  opcode: 0x25,
  offsets: DATA_IN,
  wire: `
    25 83 00 00   // SCSI Data-In, F, U, S, GOOD
    00 00 10 00   // DataSegmentLength 4096
    00 00 00 00 00 00 00 00   // LUN: reserved, as A is 0
    a1 a2 a3 a4   // Initiator Task Tag
    ff ff ff ff   // Target Transfer Tag
    b1 b2 b3 b4   // StatSN
    c1 c2 c3 c4   // ExpCmdSN
    d1 d2 d3 d4   // MaxCmdSN
    e1 e2 e3 e4   // DataSN
    f1 f2 f3 f4   // Buffer Offset
    11 12 13 14   // Residual Count`,
  value: {
    final: true,
    acknowledge: false,
    statusPresent: true,
    residualFlags: ResidualFlag.underflow,
    status: 0,
    lunHigh: 0,
    lunLow: 0,
    initiatorTaskTag: 0xa1a2a3a4,
    targetTransferTag: 0xffffffff,
    statSN: 0xb1b2b3b4,
    expCmdSN: 0xc1c2c3c4,
    maxCmdSN: 0xd1d2d3d4,
    dataSN: 0xe1e2e3e4,
    bufferOffset: 0xf1f2f3f4,
    residualCount: 0x11121314,
  },
  mask: `
    00 c7 00 ff  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff`,
  fixed: `
    25 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeDataIn,
  decode: (view, at) => decodeDataIn(view, at),
});

/** RFC 7143 §11.7.2: a target that asks for a DataACK names the LUN and a tag. */
checkCodec({
  name: 'SCSI Data-In that asks for an acknowledgement',
  opcode: 0x25,
  offsets: DATA_IN,
  wire: `
    25 c4 00 28   // SCSI Data-In, F, A, O; a status without S, which a decoder must hand on as it is
    00 00 00 01
    00 01 00 00 00 00 00 00   // LUN 1
    00 00 00 01
    00 00 00 02   // Target Transfer Tag
    00 00 00 03
    00 00 00 04
    00 00 00 05
    00 00 00 06
    00 00 00 07
    00 00 00 08`,
  value: {
    final: true,
    acknowledge: true,
    statusPresent: false,
    residualFlags: ResidualFlag.overflow,
    status: 0x28,
    lunHigh: 0x00010000,
    lunLow: 0,
    initiatorTaskTag: 1,
    targetTransferTag: 2,
    statSN: 3,
    expCmdSN: 4,
    maxCmdSN: 5,
    dataSN: 6,
    bufferOffset: 7,
    residualCount: 8,
  },
  mask: `
    00 c7 00 ff  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff`,
  fixed: `
    25 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeDataIn,
  decode: (view, at) => decodeDataIn(view, at),
});

test('a reused value keeps nothing of the PDU before', () => {
  const all = new DataView(new Uint8Array(48).fill(0xff).buffer);
  const none = new DataView(new ArrayBuffer(48));
  assert.equal(decodeDataOut(none, 0, decodeDataOut(all, 0)), decodeDataOut(none, 0, emptyDataOut()));
  assert.equal(decodeDataIn(none, 0, decodeDataIn(all, 0)), decodeDataIn(none, 0, emptyDataIn()));
});

test.run();
