import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BHS,
  BHS_LENGTH,
  clearBhs,
  fieldOffsets,
  isImmediate,
  Opcode,
  opcodeName,
  paddedLength,
  readDataSegmentLength,
  readInitiatorTaskTag,
  readOpcode,
  readTotalAHSLengthBytes,
  writeLengths,
} from '../../../engine/pdu/bhs.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';

test('the common fields tile the 48 bytes', () => {
  assert.is(BHS.end, BHS_LENGTH);
  assert.is(BHS_LENGTH, 48);
});

test('fieldOffsets adds widths up in their order', () => {
  assert.equal(fieldOffsets({ b: 1, a: 3, c: 8 }), { b: 0, a: 1, c: 4, end: 12 });
});

test('the common fields are read at their places', () => {
  const bytes = new Uint8Array(3 + BHS_LENGTH).fill(0xff);
  bytes.set(hex('c1 ff ff ff 07 01 02 03 ff ff ff ff ff ff ff ff 80 00 00 01'), 3);
  const view = new DataView(bytes.buffer);
  assert.is(readOpcode(view, 3), Opcode.scsiCommand);
  assert.ok(isImmediate(view, 3));
  assert.is(readTotalAHSLengthBytes(view, 3), 28);
  assert.is(readDataSegmentLength(view, 3), 0x010203);
  assert.is(readInitiatorTaskTag(view, 3), 0x80000001);
});

test('opcodes are those of RFC 7143 §11.2.1.2 and have names for logs', () => {
  const codes = Object.values(Opcode);
  assert.equal(codes, [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f]);
  for (const [name, code] of Object.entries(Opcode)) assert.is(opcodeName(code), name);
  assert.is(opcodeName(0x1c), 'opcode 0x1c');
});

test('both lengths at their largest do not spill into each other', () => {
  const bhs = new Uint8Array(BHS_LENGTH);
  const view = new DataView(bhs.buffer);
  writeLengths(view, 0, 1020, 0xffffff);
  assertBytes(bhs.subarray(4, 8), hex('ff ff ff ff'));
  assert.is(readTotalAHSLengthBytes(view, 0), 1020);
  assert.is(readDataSegmentLength(view, 0), 0xffffff);
  writeLengths(view, 0, 1020, 0);
  assertBytes(bhs.subarray(4, 8), hex('ff 00 00 00'));
  writeLengths(view, 0, 0, 0xffffff);
  assertBytes(bhs.subarray(4, 8), hex('00 ff ff ff'));
});

test('segments are padded to four bytes', () => {
  assert.equal([0, 1, 2, 3, 4, 5, 0xfffffd, 0xffffff].map(paddedLength), [0, 4, 4, 4, 4, 8, 0x1000000, 0x1000000]);
});

test('clearing a BHS clears 48 bytes and no other', () => {
  const bytes = new Uint8Array(60).fill(1);
  clearBhs(new DataView(bytes.buffer), 5);
  const expected = new Uint8Array(60).fill(1).fill(0, 5, 53);
  assertBytes(bytes, expected);
});

test.run();
