import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteCoverage } from '../../initiator/byte-coverage.js';
import { type CheckName, ConformanceChecks } from '../../initiator/checks.js';
import type { TargetViolation } from '../../initiator/errors.js';
import { serialBefore, serialDistance, serialNext, serialPrevious } from '../../initiator/serial.js';
import { SessionNumbers } from '../../initiator/session-numbers.js';

test('serial numbers wrap', () => {
  assert.is(serialNext(0xffffffff), 0);
  assert.is(serialPrevious(0), 0xffffffff);
  assert.ok(serialBefore(0xffffffff, 0));
  assert.not.ok(serialBefore(0, 0xffffffff));
  assert.not.ok(serialBefore(5, 5));
  assert.is(serialDistance(0xfffffffe, 3), 5);
});

function numbers(start = 10, tolerated: CheckName[] = []): SessionNumbers {
  const initial = { cmdSN: start, expStatSN: 100, expCmdSN: start, maxCmdSN: (start + 3) >>> 0 };
  return new SessionNumbers(initial, new ConformanceChecks(tolerated));
}

function checkOf(run: () => void): CheckName | 'none' {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as TargetViolation).check;
  }
}

test('the window closes behind MaxCmdSN and opens with it, over the wrap too', () => {
  for (const start of [10, 0xfffffffe]) {
    const subject = numbers(start);
    for (let i = 0; i < 4; i++) {
      assert.ok(subject.isWindowOpen);
      assert.is(subject.takeCmdSN(false), (start + i) >>> 0);
    }
    assert.not.ok(subject.isWindowOpen);
    subject.takeWindow((start + 1) >>> 0, (start + 4) >>> 0);
    assert.ok(subject.isWindowOpen);
  }
});

test('an immediate request uses up no CmdSN', () => {
  const subject = numbers();
  assert.is(subject.takeCmdSN(true), 10);
  assert.is(subject.takeCmdSN(true), 10);
  assert.is(subject.takeCmdSN(false), 10);
  assert.is(subject.cmdSN, 11);
});

test('StatSN goes up by one; R2T and pings show the next', () => {
  const subject = numbers();
  subject.takeStatus(100, 10, 13);
  subject.takeUnnumbered(101, 10, 13);
  subject.takeStatus(101, 10, 13);
  assert.is(subject.expStatSN, 102);
  assert.is(
    checkOf(() => subject.takeStatus(103, 10, 13)),
    'statSN',
  );
  assert.is(
    checkOf(() => numbers().takeStatus(99, 10, 13)),
    'statSN',
  );
  assert.is(
    checkOf(() => numbers().takeUnnumbered(99, 10, 13)),
    'statSN',
  );
});

for (const [name, expCmdSN, maxCmdSN, check] of [
  ['MaxCmdSN = ExpCmdSN - 1 closes the window', 14, 13, 'none'],
  ['MaxCmdSN below ExpCmdSN - 1', 14, 12, 'maxCmdSN'],
  ['ExpCmdSN of a command that was never sent', 15, 18, 'expCmdSN'],
  ['ExpCmdSN that goes back', 9, 13, 'expCmdSNRegressed'],
  ['MaxCmdSN that goes back', 11, 12, 'maxCmdSNRegressed'],
] as const) {
  test(`window: ${name}`, () => {
    const subject = numbers();
    for (let i = 0; i < 4; i++) subject.takeCmdSN(false);
    assert.is(
      checkOf(() => subject.takeWindow(expCmdSN, maxCmdSN)),
      check,
    );
  });
}

test('numbers that go back are not believed when that is tolerated', () => {
  const subject = numbers(10, ['expCmdSNRegressed', 'maxCmdSNRegressed']);
  subject.takeWindow(9, 12);
  assert.is(subject.expCmdSN, 10);
  assert.is(subject.maxCmdSN, 13);
});

test('coverage: order, gaps, joins and overlaps', () => {
  const coverage = new ByteCoverage();
  assert.ok(coverage.add(0, 10));
  assert.ok(coverage.add(10, 20));
  assert.is(coverage.contiguousBytes, 20);
  assert.not.ok(coverage.hasGap);
  assert.ok(coverage.add(40, 50));
  assert.ok(coverage.hasGap);
  assert.not.ok(coverage.add(45, 46));
  assert.not.ok(coverage.add(35, 41));
  assert.not.ok(coverage.add(19, 21));
  assert.not.ok(coverage.add(0, 60));
  assert.ok(coverage.add(30, 40), 'joins what is behind');
  assert.ok(coverage.add(25, 28), 'stands alone');
  assert.ok(coverage.add(28, 30), 'joins both sides');
  assert.ok(coverage.add(20, 25), 'closes the gap');
  assert.is(coverage.contiguousBytes, 50);
  assert.not.ok(coverage.hasGap);
  assert.ok(coverage.add(7, 7), 'nothing is nowhere');
});

test('coverage: what does not begin at zero is no beginning', () => {
  const coverage = new ByteCoverage();
  coverage.add(8, 16);
  assert.is(coverage.contiguousBytes, 0);
  assert.ok(coverage.hasGap);
  assert.ok(coverage.add(0, 8));
  assert.is(coverage.contiguousBytes, 16);
});

test('coverage: every order of the same pieces ends whole (compared with a bitmap)', () => {
  const pieces = [0, 1, 2, 3, 4];
  const permute = (rest: number[], taken: number[]): number[][] =>
    rest.length === 0
      ? [taken]
      : rest.flatMap((p) =>
          permute(
            rest.filter((q) => q !== p),
            [...taken, p],
          ),
        );
  for (const order of permute(pieces, [])) {
    const coverage = new ByteCoverage();
    for (const piece of order) {
      assert.ok(coverage.add(piece * 3, piece * 3 + 3));
      for (const taken of order.slice(0, order.indexOf(piece) + 1)) assert.not.ok(coverage.add(taken * 3 + 1, taken * 3 + 2));
    }
    assert.is(coverage.contiguousBytes, 15);
    assert.not.ok(coverage.hasGap);
  }
});

test.run();
