import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RING_EMPTY, SpscRing } from '../../../engine/shm/spsc-ring.js';
import { seededRandom } from '../../support/random.js';
import type { RingPeerData } from './spsc-ring-peer.js';

/** Where the free-running indices and the flag lie: in 32-bit words, on a cache line each. */
const HEAD = 0;
const TAIL = 16;
const CONSUMER_SLEEPS = 32;

function makeRing(capacity: number, startIndex = 0): { ring: SpscRing; words: Int32Array } {
  const buffer = new SharedArrayBuffer(SpscRing.byteLength(capacity));
  const words = new Int32Array(buffer);
  words[HEAD] = startIndex;
  words[TAIL] = startIndex;
  return { ring: new SpscRing(buffer, 0, capacity), words };
}

for (const [name, startIndex] of Object.entries({ zero: 0, '2^31': 0x7fffffff - 5, '2^32': -5 })) {
  test(`a ring keeps order and count while its indices pass ${name}`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const capacity = 2 ** random.below(5);
      const { ring } = makeRing(capacity, startIndex);
      const model: number[] = [];
      for (let step = 0; step < 300; step++) {
        if (random.boolean()) {
          const value = random.below(0x7fffffff);
          assert.is(ring.push(value), model.length < capacity, 'full exactly at capacity');
          if (model.length < capacity) model.push(value);
        } else {
          assert.is(ring.pop(), model.shift() ?? RING_EMPTY);
        }
        assert.is(ring.length, model.length);
        assert.equal(ring.queued(), model);
      }
    }
  });
}

test('a capacity that is no power of two asserts', () => {
  for (const capacity of [0, 3, 6, -8]) assert.throws(() => makeRing(capacity), `${capacity}`);
});

test('two rings side by side in one buffer do not touch', () => {
  const lengthBytes = SpscRing.byteLength(4);
  assert.is(lengthBytes % 64, 0, 'a region is whole cache lines');
  const buffer = new SharedArrayBuffer(2 * lengthBytes);
  const first = new SpscRing(buffer, 0, 4);
  const second = new SpscRing(buffer, lengthBytes, 4);
  for (let value = 0; value < 4; value++) first.push(value);
  assert.equal(second.queued(), []);
  second.push(9);
  assert.equal(first.queued(), [0, 1, 2, 3]);
});

test('a consumer that does not sleep is not woken', () => {
  const { ring, words } = makeRing(4);
  ring.push(1);
  assert.is(ring.wakeConsumer(), false);
  words[CONSUMER_SLEEPS] = 1;
  assert.is(ring.wakeConsumer(), true);
  assert.is(ring.wakeConsumer(), false, 'once is enough');
});

test('a consumer does not sleep on a ring that is not empty, and not for longer than it said', () => {
  const { ring, words } = makeRing(4);
  ring.push(1);
  let since = performance.now();
  ring.sleep(2_000);
  assert.ok(performance.now() - since < 1_000);
  ring.pop();
  since = performance.now();
  ring.sleep(30);
  assert.ok(performance.now() - since >= 25);
  assert.is(words[CONSUMER_SLEEPS], 0, 'awake again');
});

/** Calls `interfere` right before the atomic operation number `at` of `body`; answers whether that was before `body` had slept. */
function interleave(at: number, interfere: () => void, body: () => void): boolean {
  const { load, store, wait } = Atomics;
  let count = 0;
  let hasSlept = false;
  let wasInTime = false;
  const before =
    <A extends unknown[], R>(operation: (...parameters: A) => R) =>
    (...parameters: A): R => {
      if (count++ === at) {
        wasInTime = !hasSlept;
        interfere();
      }
      hasSlept ||= (operation as unknown) === wait;
      return operation(...parameters);
    };
  Object.assign(Atomics, { load: before(load), store: before(store), wait: before(wait) });
  try {
    body();
  } finally {
    Object.assign(Atomics, { load, store, wait });
  }
  return wasInTime;
}

test('a push between any two steps of a consumer that goes to sleep is not slept over', () => {
  let inTimeCount = 0;
  for (let at = 0; at < 6; at++) {
    const { ring } = makeRing(4);
    const push = () => {
      ring.push(7);
      ring.wakeConsumer();
    };
    const since = performance.now();
    const wasInTime = interleave(at, push, () => ring.sleep(60));
    if (!wasInTime) continue;
    inTimeCount++;
    assert.ok(performance.now() - since < 40, `pushed before step ${at}`);
    assert.is(ring.pop(), 7);
  }
  assert.ok(inTimeCount >= 3, 'there were steps to come between');
});

/** Sends numbers through another thread and back, `depth` of them on the way at most. */
async function passThrough(itemCount: number, depth: number, spinCount: number): Promise<{ sleepCount: number; longSleepCount: number }> {
  const capacity = 64;
  const buffer = new SharedArrayBuffer(2 * SpscRing.byteLength(capacity));
  const inward = new SpscRing(buffer, 0, capacity);
  const outward = new SpscRing(buffer, SpscRing.byteLength(capacity), capacity);
  const workerData: RingPeerData = { buffer, capacity, itemCount, spinCount };
  const worker = new Worker(new URL('./spsc-ring-peer.js', import.meta.url), { workerData });
  const report = new Promise<{ sleepCount: number; longSleepCount: number }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  let misses = 0;
  for (let sent = 0, received = 0; received < itemCount; ) {
    while (sent < itemCount && sent - received < depth && inward.push(sent)) {
      sent++;
      inward.wakeConsumer();
    }
    const value = outward.pop();
    if (value === RING_EMPTY) {
      if (++misses > spinCount) outward.sleep(5_000);
      continue;
    }
    misses = 0;
    assert.is(value, received, 'each number once and in order');
    received++;
  }
  const result = await report;
  await worker.terminate();
  return result;
}

test('200,000 numbers pass between two threads in order, each side sleeping when it has nothing', async () => {
  const { longSleepCount } = await passThrough(200_000, 64, 200);
  assert.is(longSleepCount, 0, 'no wake-up was lost');
});

test('one number at a time between two threads that sleep at once: no wake-up is lost', async () => {
  const { sleepCount, longSleepCount } = await passThrough(5_000, 1, 0);
  assert.ok(sleepCount > 0, 'the peer did sleep');
  assert.is(longSleepCount, 0, 'no wake-up was lost');
});

test.run();
