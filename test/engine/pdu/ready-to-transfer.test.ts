import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeReadyToTransfer, emptyReadyToTransfer, encodeReadyToTransfer, READY_TO_TRANSFER } from '../../../engine/pdu/ready-to-transfer.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.8. */
checkCodec({
  name: 'Ready To Transfer',
  opcode: 0x31,
  offsets: READY_TO_TRANSFER,
  wire: `
    31 80 00 00   // R2T, 1
    00 00 00 00
    00 06 00 00 00 00 00 00   // LUN 6
    a1 a2 a3 a4   // Initiator Task Tag
    b1 b2 b3 b4   // Target Transfer Tag
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    f1 f2 f3 f4   // R2TSN
    11 12 13 14   // Buffer Offset
    21 22 23 24   // Desired Data Transfer Length`,
  value: {
    lunHigh: 0x00060000,
    lunLow: 0,
    initiatorTaskTag: 0xa1a2a3a4,
    targetTransferTag: 0xb1b2b3b4,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
    r2tSN: 0xf1f2f3f4,
    bufferOffset: 0x11121314,
    desiredDataTransferLength: 0x21222324,
  },
  mask: `
    00 00 00 00  00 00 00 00  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff`,
  fixed: `
    31 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: (pdu, _dataSegmentLengthBytes, view, at) => encodeReadyToTransfer(pdu, view, at),
  decode: (view, at) => decodeReadyToTransfer(view, at),
});

test('a reused value keeps nothing of the PDU before', () => {
  const all = new DataView(new Uint8Array(48).fill(0xff).buffer);
  const none = new DataView(new ArrayBuffer(48));
  assert.equal(decodeReadyToTransfer(none, 0, decodeReadyToTransfer(all, 0)), emptyReadyToTransfer());
});

test.run();
