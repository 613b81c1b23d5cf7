import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readTotalAHSLengthBytes } from '../../../engine/pdu/bhs.js';
import {
  decodeScsiCommand,
  decodeScsiResponse,
  emptyScsiCommand,
  encodeScsiCommand,
  encodeScsiResponse,
  ResidualFlag,
  SCSI_COMMAND,
  SCSI_RESPONSE,
  type ScsiCommandPdu,
} from '../../../engine/pdu/scsi-command.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { checkCodec } from './check-codec.js';

const READ_16_CDB = hex('88 0a 11 12 13 14 15 16 17 18 21 22 23 24 2a 2b');

interface CommandWithCdb {
  readonly pdu: ScsiCommandPdu;
  readonly cdb: Uint8Array;
}

/** RFC 7143 §11.3: a read in an ordered task, not immediate. */
checkCodec<CommandWithCdb>({
  name: 'SCSI Command',
  opcode: 0x01,
  offsets: SCSI_COMMAND,
  wire: `
    01 c2 00 00   // SCSI Command, F, R, ORDERED
    00 00 00 00
    40 01 00 00 00 00 00 00   // LUN
    a1 a2 a3 a4   // Initiator Task Tag
    00 01 02 03   // Expected Data Transfer Length
    c1 c2 c3 c4   // CmdSN
    d1 d2 d3 d4   // ExpStatSN
    88 0a 11 12 13 14 15 16 17 18 21 22 23 24 2a 2b   // CDB`,
  value: {
    pdu: {
      immediate: false,
      final: true,
      read: true,
      write: false,
      attribute: 2,
      lunHigh: 0x40010000,
      lunLow: 0,
      initiatorTaskTag: 0xa1a2a3a4,
      expectedDataTransferLength: 0x00010203,
      cmdSN: 0xc1c2c3c4,
      expStatSN: 0xd1d2d3d4,
    },
    cdb: READ_16_CDB,
  },
  mask: `
    40 e7 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff`,
  fixed: `
    01 00 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: ({ pdu, cdb }, dataSegmentLengthBytes, view, at) => encodeScsiCommand(pdu, cdb, 0, dataSegmentLengthBytes, view, at),
  decode: (view, at) => ({ pdu: decodeScsiCommand(view, at), cdb: new Uint8Array(view.buffer.slice(at + SCSI_COMMAND.cdb, at + SCSI_COMMAND.end)) }),
});

/** RFC 7143 §11.4: CHECK CONDITION with a bidirectional underflow and a write overflow. */
checkCodec({
  name: 'SCSI Response',
  opcode: 0x21,
  offsets: SCSI_RESPONSE,
  wire: `
    21 8c 00 02   // SCSI Response, 1, u, O, command completed, CHECK CONDITION
    00 00 00 16   // DataSegmentLength: SenseLength and 20 bytes
    00 00 00 00 00 00 00 00
    a1 a2 a3 a4   // Initiator Task Tag
    b1 b2 b3 b4   // SNACK Tag
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    f1 f2 f3 f4   // ExpDataSN
    11 12 13 14   // Bidirectional Read Residual Count
    21 22 23 24   // Residual Count`,
  value: {
    residualFlags: ResidualFlag.bidirectionalReadUnderflow | ResidualFlag.overflow,
    response: 0,
    status: 2,
    initiatorTaskTag: 0xa1a2a3a4,
    snackTag: 0xb1b2b3b4,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
    expDataSN: 0xf1f2f3f4,
    bidirectionalReadResidualCount: 0x11121314,
    residualCount: 0x21222324,
  },
  mask: `
    00 1e ff ff  00 ff ff ff  00 00 00 00 00 00 00 00  ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  ff ff ff ff  ff ff ff ff`,
  fixed: `
    21 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeScsiResponse,
  decode: (view, at) => decodeScsiResponse(view, at),
});

test('SCSI Response: each residual flag stands at its bit', () => {
  // RFC 7143 §11.4.1: bit 3 o, bit 4 u, bit 5 O, bit 6 U, counted from the most significant one.
  assert.equal(ResidualFlag, { none: 0, underflow: 0x02, overflow: 0x04, bidirectionalReadUnderflow: 0x08, bidirectionalReadOverflow: 0x10 });
});

test('SCSI Command: TotalAHSLength is sent in words and does not touch DataSegmentLength', () => {
  const bhs = new Uint8Array(48);
  const view = new DataView(bhs.buffer);
  encodeScsiCommand(emptyScsiCommand(), READ_16_CDB, 256, 0xfffefd, view, 0);
  assertBytes(bhs.subarray(4, 8), hex('40 ff fe fd'));
  assert.is(readTotalAHSLengthBytes(view, 0), 256);
});

test('SCSI Command: a CDB of six bytes is filled up with zeroes, one of 32 gives its first 16', () => {
  const bhs = new Uint8Array(48).fill(0xee);
  const view = new DataView(bhs.buffer);
  encodeScsiCommand(emptyScsiCommand(), hex('12 01 80 00 ff 00'), 0, 0, view, 0);
  assertBytes(bhs.subarray(32), hex('12 01 80 00 ff 00 00 00 00 00 00 00 00 00 00 00'));
  encodeScsiCommand(
    emptyScsiCommand(),
    Uint8Array.from({ length: 32 }, (_, i) => i),
    20,
    0,
    view,
    0,
  );
  assertBytes(bhs.subarray(32), hex('00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f'));
});

test('SCSI Command: a reused value keeps nothing of the PDU before', () => {
  const all = new DataView(new Uint8Array(48).fill(0xff).buffer);
  const none = new DataView(new ArrayBuffer(48));
  const reused = emptyScsiCommand();
  decodeScsiCommand(all, 0, reused);
  assert.equal(decodeScsiCommand(none, 0, reused), decodeScsiCommand(none, 0));
  assert.is(decodeScsiCommand(none, 0, reused), reused);
});

test.run();
