import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AllocationMap } from '../../../engine/store/allocation-map.js';
import { seededRandom } from '../../support/random.js';

const GRANULE_COUNT = 203;

function emptyMap(): AllocationMap {
  return new AllocationMap(new Int32Array(new SharedArrayBuffer(AllocationMap.lengthBytes(GRANULE_COUNT))));
}

test('random ranges set and cleared match an array of flags', () => {
  const random = seededRandom(1);
  const map = emptyMap();
  const flags: boolean[] = new Array<boolean>(GRANULE_COUNT).fill(false);
  for (let round = 0; round < 500; round++) {
    const first = random.below(GRANULE_COUNT);
    const last = first + random.below(GRANULE_COUNT - first);
    const range = flags.slice(first, last + 1);
    const heldCount = range.filter(Boolean).length;
    assert.is(map.holdsAll(first, last), heldCount === range.length);
    assert.is(map.countMissing(first, last), range.length - heldCount);
    const run = range.findIndex((flag) => flag !== flags[first]);
    assert.is(map.lastOfRun(first, last), run === -1 ? last : first + run - 1, `run from ${first} to ${last}`);
    const setting = random.boolean();
    assert.is(setting ? map.set(first, last) : map.clear(first, last), setting ? range.length - heldCount : heldCount);
    flags.fill(setting, first, last + 1);
  }
});

test('a run over many whole words is found whole', () => {
  const map = emptyMap();
  assert.is(map.lastOfRun(0, GRANULE_COUNT - 1), GRANULE_COUNT - 1);
  map.set(5, 190);
  assert.is(map.lastOfRun(0, GRANULE_COUNT - 1), 4);
  assert.is(map.lastOfRun(5, GRANULE_COUNT - 1), 190);
  assert.is(map.lastOfRun(5, 64), 64);
});

test.run();
