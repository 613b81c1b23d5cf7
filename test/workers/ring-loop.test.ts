import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nowMicros } from '../../engine/clock.js';
import { Doorbell, RingChannel, type RingWorkerSetup } from '../../engine/dispatch/ring-channel.js';
import { SLOT_LAYOUT_VERSION } from '../../engine/shm/layout.js';
import { RING_EMPTY } from '../../engine/shm/spsc-ring.js';
import { BLOCK, DEFECT, GOOD, JobKit, type TestJob, until } from '../engine/dispatch/job-kit.js';

interface Scene {
  readonly kit: JobKit;
  readonly channel: RingChannel;
  readonly doorbell: Doorbell;
  readonly port: MessagePort;
  readonly worker: Worker;
  /** What the thread said last. */
  readonly ended: Promise<string>;
  /** Sends a job and waits for its slot on the completion ring. */
  run(job: TestJob): Promise<void>;
}

async function withThread(overrides: Partial<RingWorkerSetup>, body: (scene: Scene) => Promise<void>): Promise<void> {
  const kit = new JobKit();
  const channel = RingChannel.allocate(64);
  const doorbell = new Doorbell();
  const { port1, port2 } = new MessageChannel();
  const setup: RingWorkerSetup = {
    slotLayoutVersion: SLOT_LAYOUT_VERSION,
    slots: kit.slots.memory.buffer,
    arena: kit.arena.memory,
    channel: channel.buffer,
    channelCapacity: 64,
    doorbell: doorbell.buffer,
    pollMicrosMax: 10,
    attachments: port2,
    ...overrides,
  };
  const worker = new Worker(new URL('./ring-loop-thread.js', import.meta.url), { workerData: setup, transferList: [port2] });
  const ended = new Promise<string>((resolve) => worker.once('message', resolve));
  const run = async (job: TestJob) => {
    channel.submission.push(job.slot.index);
    channel.submission.wakeConsumer();
    let completed = RING_EMPTY;
    await until(
      () => completed !== RING_EMPTY,
      'the completion',
      5_000,
      () => {
        completed = channel.completion.pop();
      },
    );
    assert.is(completed, job.slot.index);
    job.onExecuted();
  };
  try {
    await body({ kit, channel, doorbell, port: port1, worker, ended, run });
  } finally {
    channel.requestStop();
    await ended;
    port1.close();
    await worker.terminate();
  }
}

test('a command is executed between its stamps, and its outcome is in the slot', () =>
  withThread({}, async ({ kit, port, run, channel }) => {
    port.postMessage(kit.attachment);
    const job = kit.write(3);
    const before = nowMicros();
    await run(job);
    const after = nowMicros();
    assert.is(job.outcome, GOOD);
    kit.assertWritten(job.slot.index, 3);
    const { startedAt, executedAt } = job.slot;
    // Threads read the same clock, to the microsecond or so.
    const SLACK = 50;
    assert.ok(before - SLACK <= startedAt && startedAt <= executedAt && executedAt <= after + SLACK, `${[before, startedAt, executedAt, after]}`);
    assert.ok(channel.isServed);
  }));

test('a read that the store can show is marked as such and copies nothing', () =>
  withThread({}, async ({ kit, port, run }) => {
    port.postMessage(kit.attachment);
    const job = kit.read(2);
    await run(job);
    assert.is(job.outcome, GOOD);
    assert.is(job.slot.dataInFromStore, true);
    assert.is(job.slot.dataInLength, BLOCK);
  }));

test('units attached later are found at their first command; an unknown one fails, and the loop goes on', () =>
  withThread({}, async ({ kit, port, run }) => {
    const early = kit.write(1);
    await run(early);
    assert.is(early.outcome, DEFECT);
    port.postMessage({ ...kit.attachment, handle: 77 });
    port.postMessage(kit.attachment);
    const late = kit.write(1);
    await run(late);
    assert.is(late.outcome, GOOD);
    const other = kit.write(1);
    other.slot.logicalUnitHandle = 77;
    await run(other);
    assert.is(other.outcome, GOOD);
  }));

test('a medium that is detached is dropped, by a thread that idles and by one that is busy', () =>
  withThread({}, async ({ kit, port, run, channel }) => {
    port.postMessage(kit.attachment);
    await run(kit.write(1));
    port.postMessage({ detachedHandle: kit.attachment.handle });
    channel.announceNotice();
    let outcome = GOOD;
    for (let count = 0; outcome === GOOD && count < 600; count++) {
      const job = kit.write(1);
      await run(job);
      outcome = job.outcome;
      kit.slots.release(job.slot);
    }
    assert.is(outcome, DEFECT, 'forgotten within so many commands at the latest');
    port.postMessage(kit.attachment);
    const again = kit.write(1);
    await run(again);
    assert.is(again.outcome, GOOD);
  }));

test('a device type that the worker does not know fails the command', () =>
  withThread({}, async ({ kit, port, run }) => {
    port.postMessage({ ...kit.attachment, deviceTypeName: 'toaster' });
    const job = kit.write(1);
    await run(job);
    assert.is(job.outcome, DEFECT);
  }));

test('the doorbell is rung when main sleeps, and only then', () =>
  withThread({}, async ({ kit, port, run, doorbell }) => {
    port.postMessage(kit.attachment);
    const bell = new Int32Array(doorbell.buffer);
    const job = kit.read(1);
    await run(job);
    await run(job);
    assert.is(bell[0], 0, 'main was awake');
    doorbell.announceSleep();
    await run(job);
    await until(() => bell[0] === 1, 'the bell');
    await run(job);
    assert.is(bell[0], 1, 'once a sleep');
  }));

test('a loop that sleeps wakes for a command and for the end', async () => {
  const since = performance.now();
  let stoppedAt = 0;
  await withThread({ pollMicrosMax: 0 }, async ({ kit, port, run, channel, ended }) => {
    port.postMessage(kit.attachment);
    for (let count = 0; count < 5; count++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const job = kit.write(count);
      await run(job);
      assert.is(job.outcome, GOOD);
      kit.recycle(job);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    stoppedAt = performance.now();
    channel.requestStop();
    assert.is(await ended, 'stopped');
  });
  assert.ok(performance.now() - stoppedAt < 500, 'it did not sleep on');
  assert.ok(performance.now() - since < 3_000);
});

test('a thread of another layout version refuses to serve', () =>
  withThread({ slotLayoutVersion: SLOT_LAYOUT_VERSION + 1 }, async ({ ended, channel }) => {
    assert.match(await ended, /disagree on the slot layout/);
    assert.not.ok(channel.isServed);
  }));

test.run();
