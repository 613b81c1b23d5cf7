import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { edcOf } from '../../../../engine/devices/cdrom/sector/edc-ecc.js';
import { mode1Sector, RAW_SECTOR_BYTES } from '../../../../engine/devices/cdrom/sector/mode1-sector.js';
import { bcd, lbaOfMsf, msfOf } from '../../../../engine/devices/cdrom/sector/msf.js';
import { isUserDataAlone, selectSector } from '../../../../engine/devices/cdrom/sector/sector-selection.js';
import { formattedQ, rawSubChannel, subChannelCrc } from '../../../../engine/devices/cdrom/sector/sub-channel.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { seededRandom } from '../../../support/random.js';

/** GF(2^8) by its definition, apart from the tables of the code under test. */
function multiply(one: number, other: number): number {
  let product = 0;
  let factor = one;
  for (let bit = 0; bit < 8; bit++) {
    if ((other >> bit) & 1) product ^= factor;
    factor = (factor << 1) ^ (factor & 0x80 ? 0x11d : 0);
  }
  return product;
}

function power(exponent: number): number {
  let value = 1;
  for (let count = 0; count < exponent; count++) value = multiply(value, 2);
  return value;
}

/** ECMA-130 Annex A: both syndromes of a code word are zero. */
function assertCodeWord(word: readonly number[]): void {
  assert.is(
    word.reduce((sum, byte) => sum ^ byte, 0),
    0,
    'the first syndrome',
  );
  assert.is(
    word.reduce((sum, byte, at) => sum ^ multiply(byte, power(word.length - 1 - at)), 0),
    0,
    'the second syndrome',
  );
}

test('a Mode 1 sector has sync, header in BCD, user data, EDC and eight zeros (ECMA-130 14)', () => {
  const data = seededRandom(1).bytes(2048);
  const sector = mode1Sector(4500, data);
  assert.is(sector.length, RAW_SECTOR_BYTES);
  assertBytes(sector.subarray(0, 16), hex('00 ffffffffffffffffffff 00 01 02 00 01'));
  assertBytes(sector.subarray(16, 2064), data);
  assertBytes(sector.subarray(2068, 2076), new Uint8Array(8));
  // A sector with its EDC behind it has the remainder zero.
  assert.is(edcOf(sector.subarray(0, 2068)), 0);
});

test('every vector of P and of Q is a code word (ECMA-130 Annex A)', () => {
  const sector = mode1Sector(123_456, seededRandom(2).bytes(2048));
  const coded = sector.subarray(12);
  for (let half = 0; half < 2; half++) {
    for (let column = 0; column < 43; column++) {
      assertCodeWord(Array.from({ length: 26 }, (_, row) => coded[2 * (43 * row + column) + half] as number));
    }
    for (let diagonal = 0; diagonal < 26; diagonal++) {
      const data = Array.from({ length: 43 }, (_, step) => coded[2 * ((44 * step + 43 * diagonal) % 1118) + half] as number);
      const parity = [0, 1].map((row) => coded[2 * (1118 + 26 * row + diagonal) + half] as number);
      assertCodeWord([...data, ...parity]);
    }
  }
});

test('LBA 0 is 00:02:00, and addresses beyond the last are told as the last', () => {
  assert.equal(msfOf(0), { minute: 0, second: 2, frame: 0 });
  assert.equal(msfOf(-150), { minute: 0, second: 0, frame: 0 });
  assert.equal(msfOf(-151), { minute: 99, second: 59, frame: 74 });
  assert.equal(msfOf(10_000_000), { minute: 99, second: 59, frame: 74 });
  for (const lba of [0, 1, 74, 75, 4349, 4350, 359_848]) assert.is(lbaOfMsf(msfOf(lba)), lba);
  assert.is(lbaOfMsf({ minute: 0, second: 60, frame: 0 }), null);
  assert.is(lbaOfMsf({ minute: 0, second: 0, frame: 75 }), null);
  assert.is(bcd(79), 0x79);
});

test('Q tells track, index, relative and absolute time with its CRC, and is bit 6 of the raw sub-channel', () => {
  const place = { lba: 4500, trackNumber: 12, trackStartLba: 4425 };
  const q = formattedQ(place);
  assertBytes(q.subarray(0, 10), hex('41 12 01 000100 00 010200'));
  assert.is(Buffer.from(q).readUInt16BE(10), subChannelCrc(q.subarray(0, 10)));
  // CRC-16 of "123456789" by this polynomial from zero, inverted.
  assert.is(subChannelCrc(Buffer.from('123456789')), 0x31c3 ^ 0xffff);
  const raw = rawSubChannel(place);
  assert.is(raw.length, 96);
  const gathered = Uint8Array.from({ length: 12 }, (_, at) => raw.subarray(8 * at, 8 * at + 8).reduce((byte, each) => (byte << 1) | ((each >> 6) & 1), 0));
  assertBytes(gathered, q.subarray(0, 12));
});

test('READ CD returns as many bytes of a Mode 1 sector as its table says', () => {
  const lengths: readonly (readonly [number, number | null])[] = [
    [0x00, 0],
    [0x10, 2048],
    [0x18, 2336],
    [0x20, 4],
    [0x30, 2052],
    [0x38, 2340],
    [0x40, 0],
    [0x50, 2048],
    [0x58, 2336],
    [0x60, 4],
    [0x70, 2052],
    [0x78, 2340],
    [0x80, 12],
    [0xa0, 16],
    [0xb0, 2064],
    [0xb8, 2352],
    [0xe0, 16],
    [0xf0, 2064],
    [0xf8, 2352],
    [0x08, null],
    [0x28, null],
    [0x88, null],
    [0x90, null],
    [0x98, null],
    [0xc0, null],
    [0x06, null],
    [0xfa, 2646],
    [0xfc, 2648],
  ];
  for (const [flags, bytes] of lengths) assert.is(selectSector(flags, 0)?.sectorBytes ?? null, bytes, flags.toString(16));
  assert.is(selectSector(0xf8, 1)?.sectorBytes, 2448);
  assert.is(selectSector(0x10, 2)?.sectorBytes, 2064);
  assert.is(selectSector(0x10, 4)?.sectorBytes, 2144);
  assert.is(selectSector(0x10, 3), null);
  assert.ok(isUserDataAlone(selectSector(0x10, 0) as NonNullable<ReturnType<typeof selectSector>>));
});

test.run();
