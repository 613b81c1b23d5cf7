import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BusyPoll } from '../../../engine/net/busy-poll.js';

/** Counts event-loop turns by the reads of its clock. */
function countingClock(): { clock: { nowMicros(): number; after(): () => void }; readings: number; now: number } {
  const state = { readings: 0, now: 0, clock: { nowMicros: () => 0, after: () => () => undefined } };
  state.clock.nowMicros = () => {
    state.readings++;
    return state.now;
  };
  return state;
}
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('the loop is kept awake until the time is over, and then left alone', async () => {
  const state = countingClock();
  const poll = new BusyPoll(state.clock, 100);
  poll.extend(0);
  await turns(5);
  assert.ok(state.readings >= 4, 'it looks at the clock in each turn');
  state.now = 100;
  await turns(2);
  const readings = state.readings;
  await turns(5);
  assert.is(state.readings, readings, 'an idle engine does not spin');
});

test('a chunk in time extends the wait, and one too late starts it again', async () => {
  const state = countingClock();
  const poll = new BusyPoll(state.clock, 100);
  poll.extend(0);
  state.now = 90;
  poll.extend(90);
  state.now = 150;
  await turns(3);
  const readings = state.readings;
  await turns(3);
  assert.ok(state.readings > readings, 'still awake at 150 of 190');
  state.now = 200;
  await turns(3);
  poll.extend(200);
  const before = state.readings;
  await turns(3);
  assert.ok(state.readings > before);
  state.now = 1000;
  await turns(2);
});

test('0 switches it off', async () => {
  const state = countingClock();
  new BusyPoll(state.clock, 0).extend(0);
  await turns(3);
  assert.is(state.readings, 0);
});

test.run();
