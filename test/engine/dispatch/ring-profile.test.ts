import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Doorbell } from '../../../engine/dispatch/ring-channel.js';
import { RingWorker } from '../../../engine/dispatch/ring-worker.js';
import { GOOD, JobKit, RING_LOOP_URL, UNRELIABLE_URL, until } from './job-kit.js';
import { Conduct } from './unreliable-worker.js';

interface Scene {
  readonly kit: JobKit;
  readonly worker: RingWorker;
  until(condition: () => boolean, what: string): Promise<void>;
  /** Executes a command, so that the thread is known to serve. */
  execute(): Promise<void>;
}

async function withWorker(conduct: number, body: (scene: Scene) => Promise<void>): Promise<void> {
  const kit = new JobKit();
  kit.conduct[0] = conduct;
  const worker = new RingWorker({
    slots: kit.slots.memory.buffer,
    arena: kit.arena.memory,
    doorbell: new Doorbell().buffer,
    pollMicrosMax: 20,
    ringCapacity: 64,
    slotCount: 64,
    workerUrl: conduct === Conduct.serve ? RING_LOOP_URL : UNRELIABLE_URL,
    afterLosses: () => {},
  });
  worker.attach(kit.attachment);
  const wait = (condition: () => boolean, what: string) => until(condition, what, 20_000, () => worker.drain());
  const execute = async (): Promise<void> => {
    const job = kit.write(1);
    worker.submit(job);
    await wait(() => job.executedCount > 0, 'a command');
    assert.is(job.outcome, GOOD);
    kit.recycle(job);
  };
  try {
    await body({ kit, worker, until: wait, execute });
  } finally {
    await worker.stop();
  }
}

const nodeCount = (cpuProfile: string | null) => (JSON.parse(cpuProfile ?? '{"nodes":[]}') as { nodes: unknown[] }).nodes.length;

test('a thread profiles itself while it serves, and again when asked again', () =>
  withWorker(Conduct.serve, async ({ worker, execute }) => {
    await execute();
    for (let round = 0; round < 2; round++) {
      worker.startProfile(500);
      for (let count = 0; count < 20; count++) await execute();
      await sleep(20);
      assert.ok(nodeCount(await worker.stopProfile()) > 1, `round ${round}`);
    }
    await execute();
  }));

test('a thread profiles itself while commands come without a pause', () =>
  withWorker(Conduct.serve, async ({ kit, worker, until: wait, execute }) => {
    await execute();
    let isOver = false;
    let count = 0;
    const submitNext = (): void => {
      const job = kit.write(1, () => {
        count++;
        kit.recycle(job);
        if (!isOver) submitNext();
      });
      worker.submit(job);
    };
    for (let depth = 0; depth < 32; depth++) submitNext();
    await wait(() => count > 500, 'work');
    worker.startProfile(500);
    const from = count;
    await wait(() => count > from + 3000, 'more work');
    const stopping = worker.stopProfile();
    let cpuProfile: string | null | undefined;
    void stopping.then((text) => {
      cpuProfile = text;
    });
    await wait(() => cpuProfile !== undefined, 'the profile');
    isOver = true;
    await wait(() => worker.inFlightCount === 0, 'the end');
    assert.ok(nodeCount(cpuProfile ?? null) > 1);
  }));

test('a thread that is killed while its profile is awaited: null, at once', () =>
  withWorker(Conduct.hangWithCommand, async ({ kit, worker, until: wait }) => {
    const job = kit.write(1);
    worker.submit(job);
    await wait(() => kit.conduct[0] === Conduct.serve, 'the thread has taken it');
    worker.startProfile(500);
    const stopping = worker.stopProfile();
    const since = performance.now();
    await worker.thread?.terminate();
    assert.is(await stopping, null);
    assert.ok(performance.now() - since < 4000);
    await wait(() => job.executedCount > 0, 'the end of the lost command');
  }));

test('the successor of a killed thread takes up the profile', () =>
  withWorker(Conduct.serve, async ({ worker, until: wait, execute }) => {
    await execute();
    worker.startProfile(500);
    const { thread } = worker;
    await thread?.terminate();
    await wait(() => worker.thread !== undefined && worker.thread !== thread, 'another thread');
    for (let count = 0; count < 5; count++) await execute();
    await sleep(50);
    assert.ok(nodeCount(await worker.stopProfile()) > 1);
  }));

test('no thread, no waiting', () =>
  withWorker(Conduct.throwAtOnce, async ({ worker }) => {
    worker.startProfile(500);
    assert.is(await worker.stopProfile(), null);
  }));

test.run();
