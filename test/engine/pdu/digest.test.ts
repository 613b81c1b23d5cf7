import { createRequire } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32c, crc32cPadding, crc32cTables, digestIsNative, readDigest, writeDigest } from '../../../engine/pdu/digest.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';

/** RFC 7143 Appendix A.4 (RFC 3720 B.4): data and its digest as bytes on the wire. */
const examples = [
  { name: '32 bytes of zeroes', data: new Uint8Array(32), digest: 'aa 36 91 8a' },
  { name: '32 bytes of ones', data: new Uint8Array(32).fill(0xff), digest: '43 ab a8 62' },
  { name: '32 bytes counting up', data: Uint8Array.from({ length: 32 }, (_, i) => i), digest: '4e 79 dd 46' },
  { name: '32 bytes counting down', data: Uint8Array.from({ length: 32 }, (_, i) => 31 - i), digest: '5c db 3f 11' },
  {
    name: 'an iSCSI SCSI Read (10) Command PDU',
    data: hex(`
      01 c0 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      14 00 00 00 00 00 04 00 00 00 00 14 00 00 00 18
      28 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00`),
    digest: '56 3a 96 d9',
  },
];

/** Bit by bit, as the polynomial says: the slow truth that tables and native code are measured against. */
function crc32cBitwise(bytes: Uint8Array, from: number, to: number, crc = 0): number {
  let c = ~crc;
  for (let i = from; i < to; i++) {
    c ^= bytes[i] as number;
    for (let bit = 0; bit < 8; bit++) c = (c >>> 1) ^ (c & 1 ? 0x82f63b78 : 0);
  }
  return ~c >>> 0;
}

const LENGTH_MAX = 600;
const data = seededRandom(0xc3c32c).bytes(LENGTH_MAX + 8);

for (const { name, data: bytes, digest } of examples) {
  test(`RFC 7143 Appendix A.4: ${name}`, () => {
    const wire = new Uint8Array(4);
    const view = new DataView(wire.buffer);
    writeDigest(crc32cTables(bytes, 0, bytes.length), view, 0);
    assertBytes(wire, hex(digest), 'tables');
    writeDigest(crc32c(bytes, 0, bytes.length), view, 0);
    assertBytes(wire, hex(digest), 'crc32c');
    assert.is(readDigest(view, 0), crc32cBitwise(bytes, 0, bytes.length));
  });
}

test('tables and native code agree with the polynomial at every length', () => {
  for (let length = 0; length <= LENGTH_MAX; length++) {
    const expected = crc32cBitwise(data, 0, length);
    assert.is(crc32cTables(data, 0, length), expected, `tables, ${length} bytes`);
    assert.is(crc32c(data, 0, length), expected, `crc32c, ${length} bytes`);
  }
});

test('runs that start anywhere are taken at their bounds', () => {
  for (let from = 0; from < 8; from++) {
    for (const length of [0, 1, 7, 8, 9, 48, 255, 256, 257, LENGTH_MAX]) {
      const expected = crc32cBitwise(data, from, from + length);
      assert.is(crc32cTables(data, from, from + length), expected, `tables, ${length} bytes from ${from}`);
      assert.is(crc32c(data, from, from + length), expected, `crc32c, ${length} bytes from ${from}`);
    }
  }
});

test('a digest over two parts is the digest over the whole, wherever it is split', () => {
  const expected = crc32cBitwise(data, 0, LENGTH_MAX);
  for (let split = 0; split <= LENGTH_MAX; split++) {
    assert.is(crc32cTables(data, split, LENGTH_MAX, crc32cTables(data, 0, split)), expected, `tables, split at ${split}`);
    assert.is(crc32c(data, split, LENGTH_MAX, crc32c(data, 0, split)), expected, `crc32c, split at ${split}`);
  }
});

test('padding counts as zeroes', () => {
  for (let length = 29; length <= 32; length++) {
    const padded = new Uint8Array(32);
    padded.set(data.subarray(0, length));
    assert.is(crc32cPadding(32 - length, crc32c(data, 0, length)), crc32cBitwise(padded, 0, 32));
  }
});

test('bytes in shared memory and in a view with an offset are read where they are', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(LENGTH_MAX + 40), 24, LENGTH_MAX);
  shared.set(data.subarray(0, LENGTH_MAX));
  for (const length of [48, LENGTH_MAX]) assert.is(crc32c(shared, 0, length), crc32cBitwise(data, 0, length));
});

test('a digest field is read and written at its place', () => {
  const bytes = new Uint8Array(8).fill(0xee);
  const view = new DataView(bytes.buffer);
  writeDigest(0x8a9136aa, view, 3);
  assertBytes(bytes, hex('ee ee ee aa 36 91 8a ee'));
  assert.is(readDigest(view, 3), 0x8a9136aa);
});

test('the native library serves long runs where it is installed and not switched off', () => {
  let installed = true;
  try {
    createRequire(import.meta.url)('@node-rs/crc32');
  } catch {
    installed = false;
  }
  assert.is(digestIsNative, installed && process.env['LUNLOOM_NO_NATIVE'] !== '1');
});

test.run();
