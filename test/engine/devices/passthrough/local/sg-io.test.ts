import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cdbLengthOf, readSgHeader, SG_IO_HEADER_LENGTH, writeSgHeader } from '../../../../../engine/devices/passthrough/local/sg-io.js';
import { assertBytes, hex } from '../../../../support/assert-bytes.js';

const request = {
  cdbLength: 10,
  cdbAddress: 0x7f00_0000_1000n,
  senseAddress: 0x7f00_0000_2000n,
  dataAddress: 0x7f00_0000_3000n,
  dataLength: 4096,
  isToDevice: false,
  isAtHead: false,
  timeoutMs: 60_000,
};

function headerOf(changes: Partial<typeof request>): Uint8Array {
  // What lay there before does not show.
  const bytes = new Uint8Array(SG_IO_HEADER_LENGTH).fill(0xee);
  writeSgHeader(new DataView(bytes.buffer), { ...request, ...changes });
  return bytes;
}

/** Compiled from <scsi/sg.h> of Linux on x86-64: offsets and sizes of `struct sg_io_hdr`. */
test('SG_IO: a read as `struct sg_io_hdr` has it', () => {
  const expected = `53000000 fdffffff 0a fc 0000 00100000 0030000000 7f0000 0010000000 7f0000 0020000000 7f0000 60ea0000 10000000 ${'00'.repeat(40)}`;
  assertBytes(headerOf({}), hex(expected));
});

test('SG_IO: a write, a command without data, and one at the head of the queue', () => {
  const words = (bytes: Uint8Array): DataView => new DataView(bytes.buffer);
  assert.is(words(headerOf({ isToDevice: true })).getInt32(4, true), -2);
  const none = words(headerOf({ dataLength: 0 }));
  assert.is(none.getInt32(4, true), -1);
  assert.is(none.getBigUint64(16, true), 0n);
  assert.is(words(headerOf({ isAtHead: true })).getUint32(44, true), 0x20);
});

test('SG_IO: what the driver writes is read from where it writes it', () => {
  const view = new DataView(new ArrayBuffer(SG_IO_HEADER_LENGTH));
  view.setUint8(64, 0x02);
  view.setUint8(67, 18);
  view.setUint16(68, 3, true);
  view.setUint16(70, 8, true);
  view.setInt32(72, -4, true);
  assert.equal(readSgHeader(view), { status: 2, senseLength: 18, hostStatus: 3, driverStatus: 8, residual: -4 });
});

test('a CDB has the length that its opcode tells, a variable one what it says, and one of a vendor what it uses', () => {
  const lengthOf = (text: string): number => {
    const cdb = new Uint8Array(Math.max(16, hex(text).length));
    cdb.set(hex(text));
    return cdbLengthOf(cdb);
  };
  const lengths = ['00', '28', '5a', '88', 'a8', '9e', 'c0 01', 'c0 00 00 00 00 00 00 00 00 00 01', 'e0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01'].map(
    lengthOf,
  );
  assert.equal(lengths, [6, 10, 10, 16, 12, 16, 10, 12, 16]);
  assert.is(lengthOf(`7f 00 00 00 00 00 00 18 ${'00 '.repeat(24)}`), 32);
});

test.run();
