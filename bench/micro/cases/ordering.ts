import { assert } from '../../../engine/errors.js';
import { CommandTurn, CommandWindow } from '../../../engine/session/command-window.js';
import { type RangeClaim, RangeLocks } from '../../../engine/task/range-locks.js';
import type { MicroCase, OpenCase } from '../model.js';

const WINDOW_COUNT = 128;
const LBA_COUNT = 8;
const HELD_COUNTS = [0, 8, 128] as const;

function openWindow(): OpenCase {
  const window = new CommandWindow<number>(1);
  window.open(WINDOW_COUNT);
  return {
    run(count) {
      for (let i = 0; i < count; i++) {
        assert(window.turnOf(window.expCmdSN) === CommandTurn.now, 'a command in order was not let in');
        window.advance();
        window.open(WINDOW_COUNT);
      }
      return window.maxCmdSN;
    },
  };
}

/** Each second command comes before the first: it is held and taken out again. */
function openWindowOutOfOrder(): OpenCase {
  const window = new CommandWindow<number>(1);
  window.open(WINDOW_COUNT);
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i += 2) {
        const first = window.expCmdSN;
        const second = (first + 1) >>> 0;
        if (window.turnOf(second) === CommandTurn.early) window.hold(second, i);
        if (window.turnOf(first) === CommandTurn.now) window.advance();
        sum += window.takeNext() ?? 0;
        window.open(WINDOW_COUNT);
      }
      return sum;
    },
  };
}

function claim(lba: number, exclusive: boolean): RangeClaim {
  return {
    claimStart: lba,
    claimEnd: lba + LBA_COUNT,
    claimExclusive: exclusive,
    claimIndex: -1,
    onRangeGranted() {
      assert(false, 'a claim of the bench had to wait');
    },
  };
}

/** One claim comes and goes beside `heldCount` others that it does not touch: readers see held writers, writers see held readers. */
function openLocks(heldCount: number, exclusive: boolean): OpenCase {
  const locks = new RangeLocks();
  for (let i = 0; i < heldCount; i++) locks.acquire(claim((i + 1) * LBA_COUNT, !exclusive));
  const own = claim(0, exclusive);
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        if (locks.acquire(own)) sum++;
        locks.release(own);
      }
      return sum;
    },
  };
}

export const orderingCases: readonly MicroCase[] = [
  { name: 'window/in-order', title: 'command window: a command in its turn', open: openWindow },
  { name: 'window/out-of-order', title: 'command window: half of the commands come early', open: openWindowOutOfOrder },
  ...HELD_COUNTS.flatMap((heldCount): MicroCase[] => [
    { name: `range-lock/read/${heldCount}`, title: `range lock of a read beside ${heldCount} writes`, open: () => openLocks(heldCount, false) },
    { name: `range-lock/write/${heldCount}`, title: `range lock of a write beside ${heldCount} reads`, open: () => openLocks(heldCount, true) },
  ]),
];
