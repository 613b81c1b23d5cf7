import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc16T10 } from '../../../../../engine/scsi/sbc/protection/crc16.js';

/** Bit by bit, from the polynomial alone. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : ((crc << 1) ^ 0x8bb7) & 0xffff;
  }
  return crc;
}

const ofLength = (byteOf: (at: number) => number) => Uint8Array.from({ length: 32 }, (_, at) => byteOf(at));
const vectors: readonly (readonly [string, Uint8Array, number])[] = [
  ['zeros', ofLength(() => 0), 0x0000],
  ['ones', ofLength(() => 0xff), 0xa293],
  ['rising bytes', ofLength((at) => at), 0x0224],
  ['two FFh and zeros', ofLength((at) => (at < 2 ? 0xff : 0)), 0x21b8],
];

for (const [name, bytes, guard] of vectors) {
  test(`the guard of 32 bytes of ${name} is what SBC-3 gives ("CRC test cases")`, () => {
    assert.is(crc16T10(bytes, 0, bytes.length), guard);
  });
}

test('the guard of any length at any place is that of the polynomial', () => {
  const memory = Uint8Array.from({ length: 700 }, (_, at) => (at * at * 31 + at * 7) & 0xff);
  for (const lengthBytes of [0, 1, 2, 7, 15, 16, 17, 31, 33, 511, 512, 520]) {
    for (const start of [0, 1, 5, 130]) assert.is(crc16T10(memory, start, lengthBytes), slowCrc(memory.subarray(start, start + lengthBytes)), `${lengthBytes}`);
  }
});

test.run();
