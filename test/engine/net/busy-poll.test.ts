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

/** A chunk that arrives at once after the one before, until the poll trusts that the next will, too. */
function earnTrust(poll: BusyPoll, now: number): void {
  for (let chunk = 0; chunk <= 8; chunk++) {
    poll.onArrived(now);
    poll.onAnswered();
  }
}

async function isAwake(state: { readings: number }): Promise<boolean> {
  await turns(2);
  const readings = state.readings;
  await turns(3);
  return state.readings > readings;
}

test('while chunks keep coming the loop is kept awake for the next, and left alone once it does not come in time', async () => {
  const state = countingClock();
  const poll = new BusyPoll(state.clock, 100);
  earnTrust(poll, 0);
  assert.ok(await isAwake(state));
  state.now = 99;
  assert.ok(await isAwake(state));
  state.now = 100;
  assert.not(await isAwake(state), 'an idle engine does not spin');
});

test('a chunk in time extends the wait', async () => {
  const state = countingClock();
  const poll = new BusyPoll(state.clock, 100);
  earnTrust(poll, 0);
  state.now = 90;
  poll.onArrived(90);
  poll.onAnswered();
  state.now = 150;
  assert.ok(await isAwake(state), 'still awake at 150 of 190');
  state.now = 190;
  assert.not(await isAwake(state));
});

test('an engine that is asked now and then does not spin at all', async () => {
  const state = countingClock();
  const poll = new BusyPoll(state.clock, 100);
  for (let chunk = 0; chunk < 20; chunk++) {
    state.now += 101;
    poll.onArrived(state.now);
    poll.onAnswered();
    assert.not(await isAwake(state));
  }
});

test('bursts with pauses between them lose the trust that they earn', async () => {
  const state = countingClock();
  const poll = new BusyPoll(state.clock, 100);
  for (let burst = 0; burst < 10; burst++) {
    for (let chunk = 0; chunk < 4; chunk++) {
      poll.onArrived(state.now);
      poll.onAnswered();
    }
    assert.not(await isAwake(state));
    state.now += 1000;
  }
});

test('who may not poll sleeps, and polls again once it may', async () => {
  const state = countingClock();
  let mayPoll = false;
  const poll = new BusyPoll(state.clock, 100, () => mayPoll);
  earnTrust(poll, 0);
  assert.not(await isAwake(state));
  mayPoll = true;
  poll.onAnswered();
  assert.ok(await isAwake(state));
  state.now = 1000;
  await turns(2);
});

test('0 switches it off', async () => {
  const state = countingClock();
  earnTrust(new BusyPoll(state.clock, 0), 0);
  await turns(3);
  assert.is(state.readings, 0);
});

test.run();
