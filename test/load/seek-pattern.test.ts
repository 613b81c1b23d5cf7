import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LoadPlan } from '../../load/load-plan.js';
import { SeededRandom } from '../../load/seeded-random.js';
import { type SeekPattern, seekPatternOf } from '../../load/seek-pattern.js';
import { seededRandom } from '../support/random.js';
import { blocks, linear, linearReverse, planOf } from './load-fixture.js';

const CASE_COUNT = 200;

/** A plan whose range and transfer lengths come from a seed. */
function anyPlan(seed: number, options: Parameters<typeof planOf>[0]): LoadPlan {
  const random = seededRandom(seed);
  const firstLba = random.below(500);
  const lbaCount = 1 + random.below(500);
  const min = 1 + random.below(lbaCount);
  const max = random.boolean() ? min : min + random.below(lbaCount - min + 1);
  return planOf({ firstLba, lastLba: firstLba + lbaCount - 1, transferMin: blocks(min), transferMax: blocks(max), seed, ...options });
}

function sweep(pattern: SeekPattern): { lba: number; lbaCount: number }[] {
  const before = pattern.sweepCount;
  const pieces = [];
  while (pattern.sweepCount === before) {
    pattern.draw();
    pieces.push({ lba: pattern.lba, lbaCount: pattern.lbaCount });
  }
  return pieces;
}

function forAnyPlan(options: Parameters<typeof planOf>[0], check: (plan: LoadPlan, pattern: SeekPattern) => void): void {
  for (let seed = 0; seed < CASE_COUNT; seed++) {
    const plan = anyPlan(seed, options);
    try {
      check(plan, seekPatternOf(plan));
    } catch (error) {
      throw new assert.Assertion({ message: `seed ${seed}: ${String(error)}`, operator: 'property', expects: 'holds', actual: 'does not' });
    }
  }
}

test('every linear pass touches each block of the range once and none outside, upward', () => {
  forAnyPlan({ seek: linear }, (plan, pattern) => {
    for (let pass = 0; pass < 3; pass++) {
      let next = plan.firstLba;
      for (const { lba, lbaCount } of sweep(pattern)) {
        assert.is(lba, next);
        assert.ok(lbaCount >= 1 && lbaCount <= plan.transferLbaCountMax);
        next = lba + lbaCount;
      }
      assert.is(next, plan.firstLba + plan.lbaCount);
    }
  });
});

test('a pass that turns round goes back over each block once', () => {
  forAnyPlan({ seek: linearReverse }, (plan, pattern) => {
    sweep(pattern);
    let next = plan.firstLba + plan.lbaCount;
    for (const { lba, lbaCount } of sweep(pattern)) {
      assert.is(lba + lbaCount, next);
      assert.ok(lbaCount >= 1 && lbaCount <= plan.transferLbaCountMax);
      next = lba;
    }
    assert.is(next, plan.firstLba);
    assert.is(sweep(pattern)[0]?.lba, plan.firstLba);
  });
});

test('random pieces stay in the range, and those of one length lie on multiples of it', () => {
  forAnyPlan({}, (plan, pattern) => {
    for (let count = 0; count < 50; count++) {
      pattern.draw();
      const { lba, lbaCount } = pattern;
      assert.ok(lba >= plan.firstLba && lbaCount >= 1 && lba + lbaCount <= plan.firstLba + plan.lbaCount);
      if (plan.transferLbaCountMin !== plan.transferLbaCountMax) assert.ok(lbaCount >= plan.transferLbaCountMin && lbaCount <= plan.transferLbaCountMax);
      else assert.is((lba - plan.firstLba) % plan.transferLbaCountMax, 0);
    }
  });
});

test('random pieces come to every block, the last ones too', () => {
  const pattern = seekPatternOf(planOf({ firstLba: 10, lastLba: 42, transferMin: blocks(4), transferMax: blocks(4) }));
  const touched = new Set<number>();
  for (let count = 0; count < 500; count++) {
    pattern.draw();
    for (let index = 0; index < pattern.lbaCount; index++) touched.add(pattern.lba + index);
  }
  assert.is(touched.size, 33);
});

test('a restarted pass begins at the first block again', () => {
  const pattern = seekPatternOf(planOf({ seek: linear, firstLba: 5 }));
  for (let count = 0; count < 3; count++) pattern.draw();
  pattern.restart();
  pattern.draw();
  assert.is(pattern.lba, 5);
});

test('the same seed draws the same numbers, another one others', () => {
  const draws = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 20 }, () => random.below(1_000_000));
  };
  assert.equal(draws(1), draws(1));
  assert.not.equal(draws(1), draws(2));
});

test('numbers are spread over ranges above 2^32 and never reach their end', () => {
  const random = new SeededRandom(3);
  const count = 2 ** 53;
  let above = 0;
  for (let index = 0; index < 1000; index++) {
    const drawn = random.below(count);
    assert.ok(Number.isSafeInteger(drawn) && drawn >= 0 && drawn < count);
    if (drawn >= count / 2) above++;
  }
  assert.ok(above > 400 && above < 600, `${above} of 1000 in the upper half`);
});

test.run();
