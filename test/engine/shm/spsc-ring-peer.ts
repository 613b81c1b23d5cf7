import { parentPort, workerData } from 'node:worker_threads';
import { RING_EMPTY, SpscRing } from '../../../engine/shm/spsc-ring.js';

/** The other end of `spsc-ring.test.ts`: takes numbers off one ring and puts each on another. */
export interface RingPeerData {
  readonly buffer: SharedArrayBuffer;
  readonly capacity: number;
  readonly itemCount: number;
  /** How many look-ups find nothing before it sleeps; 0 sleeps at once. */
  readonly spinCount: number;
}

const SLEEP_MS_MAX = 5_000;

const { buffer, capacity, itemCount, spinCount } = workerData as RingPeerData;
const inward = new SpscRing(buffer, 0, capacity);
const outward = new SpscRing(buffer, SpscRing.byteLength(capacity), capacity);
let sleepCount = 0;
let longSleepCount = 0;
for (let taken = 0, misses = 0; taken < itemCount; ) {
  const value = inward.pop();
  if (value !== RING_EMPTY) {
    while (!outward.push(value));
    outward.wakeConsumer();
    taken++;
    misses = 0;
  } else if (++misses > spinCount) {
    const since = performance.now();
    inward.sleep(SLEEP_MS_MAX);
    sleepCount++;
    if (performance.now() - since > SLEEP_MS_MAX / 2) longSleepCount++;
    misses = 0;
  }
}
parentPort?.postMessage({ sleepCount, longSleepCount });
