import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteCoverage } from '../../initiator/byte-coverage.js';
import { ConformanceChecks } from '../../initiator/checks.js';
import { ConnectionNumbers, type SerialRun } from '../../initiator/connection-numbers.js';
import { NumberTracker } from '../../initiator/number-tracker.js';
import { CommandWindow } from '../../initiator/session-numbers.js';
import { seededRandom } from '../support/random.js';

const SEED = 7143;
const checks = new ConformanceChecks();

function numbers(start: number): { subject: ConnectionNumbers; missing: SerialRun[] } {
  const missing: SerialRun[] = [];
  const window = new CommandWindow({ cmdSN: 1, expCmdSN: 1, maxCmdSN: 32 }, checks);
  return { subject: new ConnectionNumbers(window, start, checks, 1, (run) => missing.push(run)), missing };
}

test('coverage against a list of bytes, whatever the order and overlap', () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 200; round++) {
    const coverage = new ByteCoverage();
    const bytes = new Array<boolean>(64).fill(false);
    for (let i = 0; i < 12; i++) {
      const from = random.below(60);
      const to = Math.min(64, from + random.below(9));
      coverage.merge(from, to);
      bytes.fill(true, from, to);
      assert.is(coverage.totalBytes, bytes.filter(Boolean).length, `seed ${SEED}, round ${round}`);
      const gapBytes = coverage.gaps(64).reduce((sum, gap) => sum + gap.to - gap.from, 0);
      assert.is(gapBytes, bytes.filter((is) => !is).length);
      for (const at of [0, from, to - 1, 63]) assert.is(coverage.has(at), at >= 0 && bytes[at] === true);
    }
  }
});

for (const start of [100, 0xfffffffd]) {
  test(`StatSN from ${start}: any order in the end acknowledges all, and each is taken once`, () => {
    const random = seededRandom(SEED);
    const { subject } = numbers(start);
    const sns = Array.from({ length: 40 }, (_, index) => (start + index) >>> 0);
    const order = [...sns];
    for (let i = order.length - 1; i > 0; i--) {
      const other = random.below(i + 1);
      [order[i], order[other]] = [order[other] as number, order[i] as number];
    }
    for (const statSN of order) {
      assert.is(subject.takeStatus(statSN, 1, 32), 'new');
      subject.settle(statSN);
      assert.is(subject.takeStatus(statSN, 1, 32), 'again');
    }
    assert.is(subject.expStatSN, (start + 40) >>> 0);
    assert.equal(subject.missing(), []);
  });
}

test('what is held back holds ExpStatSN back; what is lost is missing once', () => {
  const { subject, missing } = numbers(10);
  assert.is(subject.takeStatus(10, 1, 32), 'new');
  subject.takeStatus(11, 1, 32);
  subject.settle(11);
  assert.is(subject.expStatSN, 10, '10 is held back');
  assert.equal(subject.missing(), [], 'but not missing');
  assert.is(subject.takeStatus(10, 1, 32), 'new', 'sent again while it is held back, it is looked at');
  subject.settle(10);
  assert.is(subject.expStatSN, 12);
  subject.lose(12);
  subject.lose(12);
  assert.equal(missing, [{ from: 12, count: 1 }]);
  subject.takeUnnumbered(15, 1, 32);
  assert.equal(subject.missing(), [{ from: 12, count: 3 }]);
  subject.takeStatus(13, 1, 32);
  assert.equal(subject.missing(), [
    { from: 12, count: 1 },
    { from: 14, count: 1 },
  ]);
});

test('DataSN: holes are told once, a restart keeps what was acknowledged, a rebase takes what comes', () => {
  const tracker = new NumberTracker(checks);
  assert.is(tracker.note(0), null);
  assert.equal(tracker.note(3), { from: 1, count: 2 });
  assert.is(tracker.note(4), null);
  assert.equal(tracker.missing(), [{ from: 1, count: 2 }]);
  assert.not.ok(tracker.isInOrder);
  tracker.note(1);
  tracker.note(2);
  assert.is(tracker.next, 5);
  tracker.acknowledge();
  assert.equal(tracker.noteSent(7), { from: 5, count: 2 });
  tracker.restart();
  assert.equal([tracker.next, tracker.missing().length, tracker.has(4), tracker.has(5)], [5, 0, true, false]);
  tracker.rebase();
  assert.is(tracker.note(9), null);
  assert.is(tracker.next, 10);
});

test('the window of several connections: older numbers are ignored, on one connection they are a violation', () => {
  const window = new CommandWindow({ cmdSN: 5, expCmdSN: 3, maxCmdSN: 40 }, checks);
  assert.throws(() => window.takeWindow(2, 39));
  window.mayRegress = true;
  window.takeWindow(2, 39);
  assert.equal([window.expCmdSN, window.maxCmdSN], [3, 40]);
  window.takeWindow(4, 39);
  assert.equal([window.expCmdSN, window.maxCmdSN], [4, 40]);
});

test.run();
