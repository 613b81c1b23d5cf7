import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteCoverage } from '../../../engine/task/byte-coverage.js';
import { seededRandom } from '../../support/random.js';

function covering(pieceCountMax: number, ...pieces: readonly (readonly [number, number])[]): ByteCoverage {
  const coverage = new ByteCoverage();
  coverage.begin(pieceCountMax);
  for (const [from, to] of pieces) coverage.add(from, to);
  return coverage;
}

test('what touches a piece overlaps nothing, what shares a byte does', () => {
  const coverage = covering(8, [100, 200], [300, 400]);
  for (const [from, to, expected] of [
    [0, 100, false],
    [0, 101, true],
    [200, 300, false],
    [199, 200, true],
    [200, 301, true],
    [400, 500, false],
    [0, 500, true],
    [150, 150, false],
  ] as const) {
    assert.is(coverage.overlaps(from, to), expected, `${from} to ${to}`);
  }
  assert.is(coverage.end, 400);
});

test('pieces that touch are one: any order of all pieces needs room for half of them', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const coverage = covering(50);
    const starts = Array.from({ length: 100 }, (_, index) => index * 10);
    while (starts.length > 0) {
      const [from] = starts.splice(random.below(starts.length), 1) as [number];
      assert.ok(coverage.hasRoomFor(from, from + 10), `seed ${seed}`);
      coverage.add(from, from + 10);
    }
    assert.is(coverage.end, 1000);
    assert.ok(covering(1, [0, 1000]).overlaps(999, 1000));
  }
});

test('a piece too many finds no room, one that closes or narrows a gap does', () => {
  const coverage = covering(2, [0, 10], [20, 30]);
  assert.not.ok(coverage.hasRoomFor(12, 18));
  assert.not.ok(coverage.hasRoomFor(40, 50));
  assert.ok(coverage.hasRoomFor(10, 15));
  assert.ok(coverage.hasRoomFor(15, 20));
  assert.ok(coverage.hasRoomFor(40, 40), 'nothing needs no room');
  coverage.add(10, 20);
  assert.ok(coverage.hasRoomFor(40, 50), 'closing a gap has made room');
});

test('a new beginning covers nothing', () => {
  const coverage = covering(4, [0, 10], [20, 30]);
  coverage.begin(4);
  assert.is(coverage.end, 0);
  assert.not.ok(coverage.overlaps(0, 100));
});

test('against a map of every byte', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed);
    const coverage = covering(1000);
    const map = new Uint8Array(400);
    for (let round = 0; round < 200; round++) {
      const from = random.below(map.length);
      const to = Math.min(map.length, from + random.below(30));
      const expected = map.subarray(from, to).includes(1);
      assert.is(coverage.overlaps(from, to), expected, `seed ${seed}, ${from} to ${to}`);
      if (expected) continue;
      coverage.add(from, to);
      map.fill(1, from, to);
      assert.is(coverage.end, map.lastIndexOf(1) + 1, `seed ${seed}`);
    }
  }
});

test.run();
