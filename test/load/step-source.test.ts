import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BusyRanges } from '../../load/busy-ranges.js';
import type { LoadPlan } from '../../load/load-plan.js';
import { Next, StepSource } from '../../load/step-source.js';
import { WriteLedger } from '../../load/write-ledger.js';
import { seededRandom } from '../support/random.js';
import { blocks, linear, linearInterleaved, planOf, randomInterleaved } from './load-fixture.js';

interface Step {
  readonly thread: number;
  readonly writes: boolean;
  readonly lba: number;
  readonly lbaCount: number;
}

interface Drive {
  readonly steps: Step[];
  /** What was on its way when each step was given out. */
  readonly besides: Step[][];
}

/** Runs a source to its end, or over `stepCountMax` steps, completing commands in an order that comes from a seed. */
function drive(plan: LoadPlan, options: { guarded?: boolean; stepCountMax?: number; seed?: number } = {}): Drive {
  const { guarded = false, stepCountMax = 5000, seed = 1 } = options;
  const ledger = new WriteLedger();
  const source = new StepSource(plan, guarded ? { busy: new BusyRanges(plan.threadCount), ledger } : null);
  const random = seededRandom(seed);
  const inFlight: Step[] = [];
  const idle = Array.from({ length: plan.threadCount }, (_, thread) => thread);
  const result: Drive = { steps: [], besides: [] };
  for (;;) {
    for (let index = idle.length - 1; index >= 0; index--) {
      const thread = idle[index] as number;
      if (source.next(thread, inFlight.length) !== Next.step) continue;
      const step = { thread, writes: source.writes, lba: source.lba, lbaCount: source.lbaCount };
      result.steps.push(step);
      result.besides.push([...inFlight]);
      inFlight.push(step);
      idle.splice(index, 1);
    }
    if (inFlight.length === 0 || result.steps.length >= stepCountMax) return result;
    const [ended] = inFlight.splice(random.below(inFlight.length), 1) as [Step];
    if (ended.writes) ledger.record(ended.lba, ended.lbaCount, ledger.nextNumber());
    source.complete(ended.thread, ended.writes, ended.lba, ended.lbaCount, true);
    idle.push(ended.thread);
  }
}

const overlaps = (a: Step, b: Step) => a.lba < b.lba + b.lbaCount && b.lba < a.lba + a.lbaCount;
const shape = ({ steps }: Drive) => steps.map(({ writes, lba }) => `${writes ? 'w' : 'r'}${lba}`).join(' ');

test('threads on a linear pattern ask for neighbouring pieces', () => {
  const { steps } = drive(planOf({ seek: linear, threadCount: 8, transferMin: blocks(16), transferMax: blocks(16) }));
  assert.equal(
    steps.slice(0, 8).map(({ lba }) => lba),
    [0, 16, 32, 48, 64, 80, 96, 112],
  );
  assert.is(steps.length, Math.ceil(1000 / 16));
});

test('-pL writes all, and reads only when the last write has ended', () => {
  const result = drive(planOf({ seek: linear, writes: true, lastLba: 9, threadCount: 3 }));
  assert.equal(shape(result), 'w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 r0 r1 r2 r3 r4 r5 r6 r7 r8 r9');
  assert.equal(result.besides[10], []);
});

test('-pL with -L reads from the start what the first half has written', () => {
  assert.equal(shape(drive(planOf({ seek: linear, writes: true, commandCountMax: 6, threadCount: 1 }))), 'w0 w1 w2 r0 r1 r2');
});

test('-pL goes on with passes for as long as it may', () => {
  const result = drive(planOf({ seek: linear, writes: true, lastLba: 1, seconds: 60, threadCount: 1 }), { stepCountMax: 8 });
  assert.equal(shape(result), 'w0 w1 r0 r1 w0 w1 r0 r1');
});

test('-pl and -pr: a thread reads back what it has written before it does anything else', () => {
  for (const seek of [linearInterleaved, randomInterleaved]) {
    for (const guarded of [false, true]) {
      const plan = planOf({ seek, writes: true, threadCount: 5, compareBytes: 0, ...(seek.order === 'random' ? { commandCountMax: 400 } : {}) });
      const { steps } = drive(plan, { guarded });
      for (let thread = 0; thread < 5; thread++) {
        const own = steps.filter((step) => step.thread === thread);
        own.forEach((step, index) => {
          assert.is(step.writes, index % 2 === 0);
          if (!step.writes) assert.is(step.lba, own[index - 1]?.lba);
        });
      }
      if (seek.order === 'linear') assert.is(steps.length, 2000);
    }
  }
});

test('-D holds its proportion', () => {
  for (const writePercent of [0, 1, 30, 50, 75, 100]) {
    const { steps } = drive(planOf({ writes: true, writePercent, commandCountMax: 1000 }));
    const writeCount = steps.filter((step) => step.writes).length;
    assert.ok(Math.abs(writeCount - writePercent * 10) <= 1, `${writePercent} %: ${writeCount} of 1000`);
  }
});

test('what is compared never overlaps a write that is on its way', () => {
  for (let seed = 0; seed < 20; seed++) {
    for (const seek of [linear, linearInterleaved, randomInterleaved, { order: 'random', interleaved: false, atEnd: 'wrap' }] as const) {
      const plan = planOf({ seek, writes: true, compareBytes: 0, lastLba: 40, transferMax: blocks(7), threadCount: 6, commandCountMax: 300, seed });
      const { steps, besides } = drive(plan, { guarded: true, seed });
      assert.is(steps.length, 300);
      steps.forEach((step, index) => {
        for (const other of besides[index] ?? []) if (step.writes || other.writes) assert.not.ok(overlaps(step, other), `seed ${seed}, step ${index}`);
      });
    }
  }
});

test('-pR with -E writes what it would have read when this run has not written it yet', () => {
  const plan = planOf({ writes: true, writePercent: 0, compareBytes: 0, lastLba: 15, commandCountMax: 200, threadCount: 1 });
  const written = new Set<number>();
  for (const { writes, lba } of drive(plan, { guarded: true }).steps) {
    assert.is(writes, !written.has(lba));
    written.add(lba);
  }
  assert.is(written.size, 16);
});

test('without an end of its own a load goes once over the range', () => {
  assert.is(drive(planOf({ transferMin: blocks(64), transferMax: blocks(64) })).steps.length, Math.ceil(1000 / 64));
  assert.is(drive(planOf({ seek: linear, commandCountMax: 1500 })).steps.length, 1500);
});

test.run();
