import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RuntimeWatch } from '../../../engine/admin/runtime-watch.js';

const BLOCK_MS = 60;

/** Keeps the thread from everything else. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('the event loop is watched from the first look of a client until it has gone', async () => {
  const watch = new RuntimeWatch();
  const client = new AbortController();
  try {
    assert.is(watch.loopDelay(client.signal), null);
    await sleep(30);
    block(BLOCK_MS);
    await sleep(30);
    const delay = watch.loopDelay(client.signal);
    assert.ok(delay !== null && delay.max >= (BLOCK_MS - 20) * 1000 && delay.p50 <= delay.max, JSON.stringify(delay));
    await sleep(40);
    assert.ok((watch.loopDelay(client.signal)?.max ?? 0) < delay.max, 'what was told is not told again');
    client.abort();
    assert.is(watch.loopDelay(client.signal), null);
    assert.is(watch.loopDelay(client.signal), null, 'one that has gone is not watched anew');
  } finally {
    watch.stop();
  }
});

test('pauses of the garbage collector are counted by kind', async () => {
  const watch = new RuntimeWatch();
  try {
    let kept: unknown[] = [];
    for (let round = 0; watch.gcPauses()['scavenge'] === undefined && round < 500; round++) {
      kept = Array.from({ length: 20_000 }, (_, at) => ({ at }));
      await sleep(1);
    }
    assert.ok(kept.length > 0);
    const pauses = watch.gcPauses()['scavenge'];
    assert.ok(pauses !== undefined && pauses.count > 0 && pauses.maxMicros > 0 && pauses.maxMicros <= pauses.sumMicros + 1e-6, JSON.stringify(pauses));
    assert.ok(pauses.maxMicros < 10_000_000, 'microseconds');
  } finally {
    watch.stop();
  }
});

test('the loop’s time is split into work and waiting', async () => {
  const watch = new RuntimeWatch();
  const before = watch.loopTime();
  block(20);
  await sleep(30);
  const after = watch.loopTime();
  assert.ok(after.activeMicros - before.activeMicros >= 19_000);
  assert.ok(after.idleMicros - before.idleMicros >= 10_000);
  watch.stop();
});

test.run();
