import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { RingChannel } from '../../../engine/dispatch/ring-channel.js';
import { TargetError } from '../../../engine/errors.js';
import { RING_EMPTY, SpscRing } from '../../../engine/shm/spsc-ring.js';
import type { MicroCase, OpenCase } from '../model.js';
import type { RingEchoSetup } from '../ring-echo.js';

const CAPACITY = 256;
const BATCH = 64;
/** Long enough that the worker does not fall asleep between two operations, short enough that it leaves other cases alone. */
const SPIN_MICROS = 2000;
const ANSWER_MS_MAX = 5000;
const SLEEP_MS_MAX = 100;
/** Looking at the clock at every turn would be half of what is measured. */
const SPINS_PER_CLOCK = 1 << 16;

function openSameThread(depth: number): OpenCase {
  const ring = new SpscRing(new SharedArrayBuffer(SpscRing.byteLength(CAPACITY)), 0, CAPACITY);
  return {
    run(count) {
      let sum = 0;
      for (let done = 0; done < count; done += depth) {
        const group = Math.min(depth, count - done);
        for (let i = 0; i < group; i++) ring.push(i);
        for (let i = 0; i < group; i++) sum += ring.pop();
      }
      return sum;
    },
  };
}

/** Spins until the worker has answered. */
function spinForAnswer(ring: SpscRing): number {
  const until = performance.now() + ANSWER_MS_MAX;
  for (let spin = 1; ; spin++) {
    const value = ring.pop();
    if (value !== RING_EMPTY) return value;
    if (spin % SPINS_PER_CLOCK === 0 && performance.now() > until) throw new TargetError('BENCH_RUN', 'the echo worker does not answer');
  }
}

function sleepForAnswer(ring: SpscRing): number {
  const until = performance.now() + ANSWER_MS_MAX;
  for (;;) {
    const value = ring.pop();
    if (value !== RING_EMPTY) return value;
    ring.sleep(SLEEP_MS_MAX);
    if (performance.now() > until) throw new TargetError('BENCH_RUN', 'the echo worker does not answer');
  }
}

/** A worker that sends back what it gets, over the rings that the engine uses. */
async function openPingPong(workerPollMicros: number, mainSleeps: boolean): Promise<OpenCase> {
  const channel = RingChannel.allocate(CAPACITY);
  const setup: RingEchoSetup = { channel: channel.buffer, capacity: CAPACITY, pollMicros: workerPollMicros };
  const worker = new Worker(new URL('../ring-echo.js', import.meta.url), { workerData: setup, execArgv: [] });
  await once(worker, 'online');
  const answer = mainSleeps ? sleepForAnswer : spinForAnswer;
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        channel.submission.push(i & 0xffff);
        channel.submission.wakeConsumer();
        sum += answer(channel.completion);
      }
      return sum;
    },
    async close() {
      const exited = once(worker, 'exit');
      channel.requestStop();
      await exited;
    },
  };
}

export const ringCases: readonly MicroCase[] = [
  { name: 'ring/same-thread/1', title: 'push and pop, one at a time', open: () => openSameThread(1) },
  { name: 'ring/same-thread/64', title: 'push and pop, 64 at a time', open: () => openSameThread(BATCH) },
  { name: 'ring/ping-pong/both-spin', title: 'there and back over two threads, both spin', open: () => openPingPong(SPIN_MICROS, false) },
  { name: 'ring/ping-pong/worker-sleeps', title: 'there and back, the worker sleeps as soon as it finds nothing', open: () => openPingPong(0, false) },
  { name: 'ring/ping-pong/both-sleep', title: 'there and back, both sleep as soon as they find nothing', open: () => openPingPong(0, true) },
];
