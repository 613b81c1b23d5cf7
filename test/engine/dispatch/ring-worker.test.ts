import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Doorbell } from '../../../engine/dispatch/ring-channel.js';
import { RingWorker } from '../../../engine/dispatch/ring-worker.js';
import { ABORTED, DEFECT, GOOD, JobKit, RING_LOOP_URL, type TestJob, UNRELIABLE_URL, until } from './job-kit.js';
import { Conduct } from './unreliable-worker.js';

const KILL_COUNT = 6;

interface Scene {
  readonly kit: JobKit;
  readonly worker: RingWorker;
  lossCount: number;
  /** Takes completions until `condition` holds. */
  until(condition: () => boolean, what: string): Promise<void>;
}

async function withWorker(options: { conduct?: number; url?: URL; attach?: boolean }, body: (scene: Scene) => Promise<void>): Promise<void> {
  const kit = new JobKit();
  kit.conduct[0] = options.conduct ?? Conduct.serve;
  const worker = new RingWorker({
    slots: kit.slots.memory.buffer,
    arena: kit.arena.memory,
    doorbell: new Doorbell().buffer,
    pollMicrosMax: 20,
    ringCapacity: 64,
    slotCount: 64,
    workerUrl: options.url ?? (options.conduct === undefined ? RING_LOOP_URL : UNRELIABLE_URL),
    afterLosses: () => scene.lossCount++,
  });
  const scene: Scene = { kit, worker, lossCount: 0, until: (condition, what) => until(condition, what, 20_000, () => worker.drain()) };
  if (options.attach !== false) worker.attach(kit.attachment);
  try {
    await body(scene);
  } finally {
    await worker.stop();
  }
  assert.is(worker.inFlightCount, 0, 'nothing is out after stop');
}

const all = (jobs: readonly TestJob[]) => jobs.every((job) => job.executedCount > 0);
const once = (jobs: readonly TestJob[]) =>
  assert.ok(
    jobs.every((job) => job.executedCount === 1),
    'each job ended once',
  );

test('commands are executed on the thread, and each comes back once', () =>
  withWorker({}, async ({ kit, worker, until: wait }) => {
    const jobs = Array.from({ length: 40 }, (_, value) => kit.write(value + 1));
    for (const job of jobs) worker.submit(job);
    assert.is(worker.inFlightCount, 40);
    await wait(() => all(jobs), 'forty writes');
    once(jobs);
    for (const [at, job] of jobs.entries()) {
      assert.is(job.outcome, GOOD);
      kit.assertWritten(job.slot.index, at + 1);
    }
    assert.is(worker.inFlightCount, 0);
  }));

test('a unit that is attached after the thread began to serve is found', () =>
  withWorker({ attach: false }, async ({ kit, worker, until: wait }) => {
    const early = kit.write(1);
    worker.submit(early);
    await wait(() => all([early]), 'a command for a unit that is not there');
    assert.is(early.outcome, DEFECT);
    worker.attach(kit.attachment);
    const job = kit.write(2);
    worker.submit(job);
    await wait(() => all([job]), 'the write');
    assert.is(job.outcome, GOOD);
  }));

test('a handler that throws ends its command with HARDWARE ERROR, and the thread goes on', () =>
  withWorker({}, async ({ kit, worker, until: wait }) => {
    const broken = kit.write(1);
    broken.slot.logicalUnitHandle = 999;
    const other = kit.write(2);
    worker.submit(broken);
    worker.submit(other);
    const { thread } = worker;
    await wait(() => all([broken, other]), 'both');
    assert.equal([broken.outcome, other.outcome], [DEFECT, GOOD]);
    assert.is(worker.thread, thread);
  }));

test('a thread killed under load, again and again: every command ends once, at most one a death is lost', () =>
  withWorker({}, async ({ kit, worker, until: wait }) => {
    const target = 1000;
    const outcomes = new Map<string, number>();
    let submitted = 0;
    let ended = 0;
    let kills = 0;
    let killAt = 100;
    const submitNext = () => {
      if (submitted >= target) return;
      submitted++;
      const job = kit.write(submitted & 0xff, () => {
        ended++;
        assert.is(job.executedCount, 1);
        outcomes.set(job.outcome, (outcomes.get(job.outcome) ?? 0) + 1);
        if (job.outcome === GOOD) kit.assertWritten(job.slot.index, job.slot.dataOut[job.slot.dataOutStart] as number);
        kit.recycle(job);
        submitNext();
        if (ended >= killAt && kills < KILL_COUNT) {
          killAt += 140;
          kills++;
          void worker.thread?.terminate();
        }
      });
      worker.submit(job);
    };
    for (let count = 0; count < 32; count++) submitNext();
    await wait(() => ended === target, `${target} commands`);
    assert.is(ended, target);
    assert.equal(
      [...outcomes.keys()].filter((outcome) => outcome !== GOOD && outcome !== ABORTED),
      [],
    );
    assert.ok(kills === KILL_COUNT && (outcomes.get(ABORTED) ?? 0) <= kills, `${outcomes.get(ABORTED)} of ${kills} deaths lost a command`);
    assert.is(worker.inFlightCount, 0);
    assert.is(kit.slots.freeCount, 64);
    assert.ok(worker.isUp);
  }));

test('an idle thread that is killed is replaced and does not count against the worker', () =>
  withWorker({}, async ({ kit, worker, until: wait }) => {
    for (let count = 0; count < 6; count++) {
      const job = kit.write(count);
      worker.submit(job);
      await wait(() => all([job]), `command ${count}`);
      assert.is(job.outcome, GOOD);
      kit.recycle(job);
      const { thread } = worker;
      await thread?.terminate();
      await wait(() => worker.thread !== undefined && worker.thread !== thread, 'another thread');
      assert.ok(worker.isUp);
    }
  }));

test('the command that a dead thread held ends with ABORTED COMMAND, those still queued are executed by the next', () =>
  withWorker({ conduct: Conduct.hangWithCommand }, async (scene) => {
    const { kit, worker } = scene;
    const jobs = Array.from({ length: 5 }, (_, value) => kit.write(value + 1));
    for (const job of jobs) worker.submit(job);
    await scene.until(() => kit.conduct[0] === Conduct.serve, 'the thread has taken one');
    await worker.thread?.terminate();
    await scene.until(() => all(jobs), 'all five');
    once(jobs);
    assert.equal(
      jobs.map((job) => job.outcome),
      [ABORTED, GOOD, GOOD, GOOD, GOOD],
    );
    assert.is(scene.lossCount, 1, 'told, so that the answer is flushed');
  }));

test('a command submitted while a lost one ends is executed, not lost with it', () =>
  withWorker({ conduct: Conduct.hangWithCommand }, async ({ kit, worker, until: wait }) => {
    const next: TestJob[] = [];
    const lost = kit.write(1, () => {
      for (let count = 0; count < 3; count++) {
        const job = kit.write(2);
        next.push(job);
        worker.submit(job);
      }
    });
    worker.submit(lost);
    await wait(() => kit.conduct[0] === Conduct.serve, 'the thread has taken it');
    await worker.thread?.terminate();
    await wait(() => next.length === 3 && all(next), 'what the lost one let through');
    once([lost, ...next]);
    assert.equal(
      [lost, ...next].map((job) => job.outcome),
      [ABORTED, GOOD, GOOD, GOOD],
    );
  }));

for (const [name, conduct] of Object.entries({ 'that die': Conduct.dieAtOnce, 'whose entry point throws': Conduct.throwAtOnce })) {
  test(`threads ${name} before they serve, over and over: what waits fails, and the worker comes back once one serves`, () =>
    withWorker({ conduct }, async ({ kit, worker, until: wait }) => {
      const jobs = Array.from({ length: 3 }, () => kit.write(1));
      for (const job of jobs) worker.submit(job);
      await wait(() => all(jobs), 'failing instead of hanging');
      once(jobs);
      assert.ok(jobs.every((job) => job.outcome === DEFECT));
      assert.not.ok(worker.isUp);
      kit.conduct[0] = Conduct.serve;
      await wait(() => worker.isUp, 'a thread that serves');
      const job = kit.write(9);
      worker.submit(job);
      await wait(() => all([job]), 'a command after that');
      assert.is(job.outcome, GOOD);
    }));
}

test('stopping with commands queued ends each of them once', async () => {
  const jobs: TestJob[] = [];
  await withWorker({}, async ({ kit, worker }) => {
    for (let count = 0; count < 60; count++) {
      const job = kit.write(count);
      jobs.push(job);
      worker.submit(job);
    }
  });
  once(jobs);
  assert.ok(jobs.every((job) => job.outcome === GOOD || job.outcome === DEFECT));
});

test('stopping between two threads ends what waits for the next one', async () => {
  const jobs: TestJob[] = [];
  await withWorker({ conduct: Conduct.dieAtOnce }, async (scene) => {
    const { kit, worker } = scene;
    // Two deaths: the third thread is started only after a while.
    await scene.until(() => scene.lossCount >= 2, 'two deaths');
    const job = kit.write(1);
    jobs.push(job);
    worker.submit(job);
  });
  once(jobs);
});

test.run();
