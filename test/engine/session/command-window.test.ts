import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandTurn, CommandWindow, serialDifference } from '../../../engine/session/command-window.js';
import { seededRandom } from '../../support/random.js';

const { now, early, outside } = CommandTurn;
/** Windows that begin before, at and behind the wrap of a 32-bit number. */
const STARTS = [0, 1, 0x7ffffffe, 0x80000000, 0xfffffff0, 0xffffffff];

test('serial numbers compare across the wrap, RFC 1982', () => {
  assert.is(serialDifference(5, 3), 2);
  assert.is(serialDifference(1, 0xffffffff), 2);
  assert.is(serialDifference(0xffffffff, 1), -2);
  assert.is(serialDifference(0x80000001, 0x7fffffff), 2);
});

for (const start of STARTS) {
  test(`a window of four that begins at ${start.toString(16)}`, () => {
    const window = new CommandWindow<string>(start);
    const at = (offset: number) => (start + offset) >>> 0;
    assert.is(window.open(4), at(3));
    assert.equal([window.expCmdSN, window.maxCmdSN], [at(0), at(3)]);
    assert.equal(
      [-2, -1, 0, 1, 3, 4, 5].map((offset) => window.turnOf(at(offset))),
      [outside, outside, now, early, early, outside, outside],
    );
    window.hold(at(2), 'c');
    assert.is(window.turnOf(at(2)), outside, 'a duplicate of what is kept');
    assert.is(window.takeNext(), undefined, 'a and b are missing');
    window.advance();
    assert.is(window.takeNext(), undefined, 'b is missing');
    window.advance();
    assert.is(window.takeNext(), 'c');
    assert.is(window.expCmdSN, at(3));
    assert.is(window.turnOf(at(2)), outside, 'a duplicate of what is done');
    assert.is(window.turnOf(at(3)), now);
    window.advance();
    assert.is(window.turnOf(at(4)), outside, 'the window is used up');
    assert.is(window.open(0), at(3), 'and MaxCmdSN is ExpCmdSN - 1');
    assert.is(window.open(1), at(4));
    assert.is(window.turnOf(at(4)), now);
  });
}

test('a gap that a stopped command left is passed over', () => {
  const window = new CommandWindow<string | null>(10);
  window.open(8);
  window.hold(11, 'stopped');
  window.hold(12, 'kept');
  window.replaceHeld(11, 'another', null);
  window.replaceHeld(11, 'stopped', null);
  assert.ok(window.hasHeld);
  window.advance();
  assert.equal([window.takeNext(), window.takeNext(), window.takeNext()], [null, 'kept', undefined]);
  assert.is(window.expCmdSN, 13);
  assert.not.ok(window.hasHeld);
});

test('any order of arrival is executed in the order of CmdSN, once each, and MaxCmdSN never falls', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const start = (STARTS[random.below(STARTS.length)] as number) + random.below(8);
    const window = new CommandWindow<number>(start);
    const executed: number[] = [];
    const total = 120;
    let maxCmdSN = window.open(1 + random.below(6));
    while (executed.length < total) {
      // Somewhere around the window: duplicates, what is beyond it, and what is in it.
      const offset = executed.length + random.below(12) - 3;
      const cmdSN = (start + offset) >>> 0;
      const turn = window.turnOf(cmdSN);
      if (offset < executed.length || serialDifference(cmdSN, maxCmdSN) > 0) assert.is(turn, outside);
      if (turn === now) {
        window.advance();
        executed.push(offset);
        for (let held = window.takeNext(); held !== undefined; held = window.takeNext()) executed.push(held);
      } else if (turn === early) window.hold(cmdSN, offset);
      const opened = window.open(random.below(8));
      assert.ok(serialDifference(opened, maxCmdSN) >= 0, 'MaxCmdSN never falls');
      assert.ok(serialDifference(opened, window.expCmdSN) >= -1, 'RFC 7143 §4.2.2.1: MaxCmdSN is ExpCmdSN - 1 at least');
      maxCmdSN = opened;
      if (serialDifference(maxCmdSN, window.expCmdSN) < 0) maxCmdSN = window.open(1);
    }
    assert.equal(
      executed,
      executed.map((_, at) => at),
    );
  }
});

test.run();
