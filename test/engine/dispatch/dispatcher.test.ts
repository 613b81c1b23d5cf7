import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../engine/clock.js';
import { Dispatcher } from '../../../engine/dispatch/dispatcher.js';
import { resolveLimits } from '../../../engine/limits.js';
import { ABORTED, DEFECT, GOOD, JobKit, RING_LOOP_URL, type TestJob, until } from './job-kit.js';

interface Scene {
  readonly kit: JobKit;
  readonly dispatcher: Dispatcher;
  readonly defects: unknown[];
  flushCount: number;
}

async function withDispatcher(
  options: { workerCount: number; pollMicrosMax?: number; blockingWorkerCountMax?: number },
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const kit = new JobKit();
  const defects: unknown[] = [];
  const dispatcher = new Dispatcher({
    slots: kit.slots.memory,
    arena: kit.arena,
    workerCount: options.workerCount,
    limits: resolveLimits({ pollMicrosMax: options.pollMicrosMax ?? 30, blockingWorkerCountMax: options.blockingWorkerCountMax ?? 16 }),
    clock: systemClock,
    workerUrl: RING_LOOP_URL,
    afterCompletions: () => scene.flushCount++,
    onDefect: (error) => defects.push(error),
  });
  const scene: Scene = { kit, dispatcher, defects, flushCount: 0 };
  dispatcher.attach(kit.attachment);
  try {
    await body(scene);
  } finally {
    await dispatcher.stop();
  }
  assert.is(dispatcher.inFlightCount, 0);
}

const all = (jobs: readonly TestJob[]) => jobs.every((job) => job.executedCount > 0);

test('a command run inline has its outcome before the call returns', () =>
  withDispatcher({ workerCount: 0 }, async ({ kit, dispatcher }) => {
    const job = kit.write(7);
    dispatcher.executeInline(job);
    assert.is(job.outcome, GOOD);
    kit.assertWritten(job.slot.index, 7);
    assert.not.ok(dispatcher.hasWorkers);
    const submitted = kit.write(8);
    dispatcher.submit(submitted);
    assert.is(submitted.outcome, GOOD, 'without a worker, what is submitted runs inline');
  }));

test('a handler that throws inline is reported, and its command ends with HARDWARE ERROR', () =>
  withDispatcher({ workerCount: 0 }, async ({ kit, dispatcher, defects }) => {
    const job = kit.write(7);
    job.slot.cdb[0] = 0xff;
    dispatcher.executeInline(job);
    assert.is(job.outcome, DEFECT);
    assert.is(job.executedCount, 1);
    assert.is(defects.length, 1);
  }));

test('commands spread over the workers and come back by themselves, each batch with a flush', () =>
  withDispatcher({ workerCount: 2 }, async (scene) => {
    const { kit, dispatcher } = scene;
    const jobs = Array.from({ length: 60 }, (_, value) => kit.write(value));
    for (const job of jobs) dispatcher.submit(job);
    assert.is(dispatcher.inFlightCount, 60);
    await until(() => all(jobs), 'all sixty');
    assert.ok(jobs.every((job) => job.executedCount === 1 && job.outcome === GOOD));
    assert.ok(scene.flushCount >= 1 && scene.flushCount <= 60);
    for (const [value, job] of jobs.entries()) kit.assertWritten(job.slot.index, value);
  }));

for (const pollMicrosMax of [0, 30]) {
  test(`5,000 commands one at a time while main sleeps, polling for ${pollMicrosMax} µs: no wake-up is lost`, () =>
    withDispatcher({ workerCount: 1, pollMicrosMax }, async ({ kit, dispatcher }) => {
      let slowCount = 0;
      const job = kit.read(3);
      for (let count = 0; count < 5_000; count++) {
        const since = performance.now();
        await new Promise<void>((resolve) => {
          job.whenExecuted = resolve;
          dispatcher.submit(job);
        });
        // A lost wake-up shows as a wait until the time-out of the sleep.
        if (count > 0 && performance.now() - since > 200) slowCount++;
      }
      assert.is(job.executedCount, 5_000);
      assert.is(slowCount, 0);
    }));
}

test('workers killed under load: every command ends once, and the others go on', () =>
  withDispatcher({ workerCount: 2 }, async (scene) => {
    const { kit, dispatcher } = scene;
    const target = 1600;
    const outcomes = new Map<string, number>();
    let submitted = 0;
    let ended = 0;
    let kills = 0;
    const submitNext = () => {
      if (submitted >= target) return;
      submitted++;
      const job = kit.write(submitted & 0xff, () => {
        ended++;
        assert.is(job.executedCount, 1);
        outcomes.set(job.outcome, (outcomes.get(job.outcome) ?? 0) + 1);
        kit.recycle(job);
        submitNext();
      });
      dispatcher.submit(job);
    };
    for (let count = 0; count < 48; count++) submitNext();
    while (ended < target) {
      const before = ended;
      await until(() => ended >= Math.min(target, before + 200), 'the commands go on', 20_000);
      const threads = dispatcher.threads;
      if (kills < 6 && ended < target) void threads[kills++ % threads.length]?.terminate();
    }
    assert.equal(
      [...outcomes.keys()].filter((outcome) => outcome !== GOOD && outcome !== ABORTED),
      [],
    );
    assert.ok((outcomes.get(ABORTED) ?? 0) <= kills);
    assert.is(kit.slots.freeCount, 64);
    await until(() => dispatcher.threads.length === 2 && dispatcher.hasWorkers, 'both workers are back');
  }));

/** Keeps 32 commands out until `isOver`; answers how many were executed, each once and right. */
async function keepBusy({ kit, dispatcher }: Scene, isOver: () => boolean): Promise<number> {
  let ended = 0;
  let out = 0;
  const submitNext = () => {
    if (isOver()) return;
    out++;
    const job = kit.write(ended & 0xff, () => {
      assert.equal([job.outcome, job.executedCount], [GOOD, 1]);
      ended++;
      out--;
      kit.recycle(job);
      submitNext();
    });
    dispatcher.submit(job);
  };
  for (let count = 0; count < 32; count++) submitNext();
  await until(() => isOver() && out === 0, 'all commands end', 20_000);
  return ended;
}

test('while commands wait for a device more threads are started, up to the limit, and all of them serve', () =>
  withDispatcher({ workerCount: 1, blockingWorkerCountMax: 3 }, async (scene) => {
    const { kit, dispatcher } = scene;
    Object.assign(kit.store, { blocking: true });
    const served = new Set<number>();
    const ended = await keepBusy(scene, () => {
      for (const [index, count] of dispatcher.inFlightCounts.entries()) if (count > 0) served.add(index);
      assert.ok(dispatcher.threads.length <= 4);
      return served.size === 4;
    });
    assert.ok(ended > 0);
    assert.is(dispatcher.threads.length, 4);
  }));

test('commands that do not wait never start a thread', () =>
  withDispatcher({ workerCount: 1 }, async (scene) => {
    let submitted = 0;
    await keepBusy(scene, () => submitted++ >= 3000);
    assert.is(scene.dispatcher.threads.length, 1, 'of memory');
    Object.assign(scene.kit.store, { blocking: true });
    for (let count = 0; count < 100; count++) scene.kit.medium.pace.observe(4);
    submitted = 0;
    await keepBusy(scene, () => submitted++ >= 3000);
    assert.is(scene.dispatcher.threads.length, 1, 'of a file that lives in the page cache');
  }));

test('stopping while commands are out ends each of them once', async () => {
  const jobs: TestJob[] = [];
  await withDispatcher({ workerCount: 2 }, async ({ kit, dispatcher }) => {
    for (let count = 0; count < 60; count++) {
      const job = kit.write(count);
      jobs.push(job);
      dispatcher.submit(job);
    }
  });
  assert.ok(jobs.every((job) => job.executedCount === 1));
  assert.ok(jobs.every((job) => job.outcome === GOOD || job.outcome === DEFECT));
});

test.run();
