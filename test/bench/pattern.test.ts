import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PATTERN_PIECE_BYTES_MAX, Pattern } from '../../bench/load/pattern.js';
import { SeededRandom } from '../../load/seeded-random.js';

const BLOCK_BYTES = 512;
const MEDIUM_BYTES = 256 * 1024 * 1024;
const pattern = new Pattern(1);

function dataAt(byteAddress: number, lengthBytes: number, of = pattern): Uint8Array {
  const offset = of.offsetOf(byteAddress);
  return of.image.slice(offset, offset + lengthBytes);
}

test('data matches where it belongs, long pieces across the end of the period too', () => {
  const random = new SeededRandom(2);
  for (let i = 0; i < 200; i++) {
    const address = random.below(MEDIUM_BYTES / BLOCK_BYTES) * BLOCK_BYTES;
    assert.ok(pattern.matches(dataAt(address, 4096), address), String(address));
  }
  assert.ok(pattern.matches(dataAt(8190 * BLOCK_BYTES, PATTERN_PIECE_BYTES_MAX), 8190 * BLOCK_BYTES));
});

test('a piece is made of the blocks it covers', () => {
  const address = 8188 * BLOCK_BYTES;
  const piece = dataAt(address, 8 * BLOCK_BYTES);
  for (let block = 0; block < 8; block++) {
    const at = block * BLOCK_BYTES;
    assert.ok(pattern.matches(piece.subarray(at, at + BLOCK_BYTES), address + at), String(block));
  }
});

test('data that landed a power of two away does not match', () => {
  for (let distance = BLOCK_BYTES; distance < MEDIUM_BYTES; distance *= 2) assert.not(pattern.matches(dataAt(0, BLOCK_BYTES), distance), String(distance));
});

test('zeros, one wrong byte and the data of another seed do not match', () => {
  assert.not(pattern.matches(new Uint8Array(4096), 0));
  const data = dataAt(0, 4096);
  data[4095] = (data[4095] as number) ^ 1;
  assert.not(pattern.matches(data, 0));
  assert.not(pattern.matches(dataAt(0, 4096, new Pattern(2)), 0));
});

test('addresses repeat with their seed, spread over all, and zero is a seed like any other', () => {
  const draw = (seed: number): number[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 1000 }, () => random.below(10));
  };
  assert.equal(draw(0), draw(0));
  assert.not.equal(draw(0), draw(1));
  for (const seed of [0, 1, 2, 0xffffffff]) assert.equal([...new Set(draw(seed))].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test.run();
