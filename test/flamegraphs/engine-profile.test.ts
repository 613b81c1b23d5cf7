// test-alone
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { coreInitiator, probeMedium } from '../../bench/compare/core-initiator.js';
import type { Measurement } from '../../bench/compare/model.js';
import type { EngineProfile } from '../../engine/admin/engine-profiler.js';
import { Engine } from '../../engine/engine.js';
import { parseCpuProfile } from '../../flamegraphs/graph/cpu-profile.js';
import { buildLane, type Lane, selfByFunction } from '../../flamegraphs/graph/stack-tree.js';

const TARGET = 'iqn.2026-11.io.lunloom:profile';
const LUN_BYTES = 16 * 1024 * 1024;
const WORKLOAD = { name: 'write', title: 'writes', initiator: 'core', operation: 'write', lengthBytes: 65536, depth: 16, runs: 'always' } as const;

interface Scene {
  readonly engine: Engine;
  /** Random writes by another process: reads of memory are sent from where they lie, and a worker does nothing for them. */
  load(seconds: number): Promise<Measurement>;
}

async function withEngine(workerCount: number, body: (scene: Scene) => Promise<void>): Promise<void> {
  const execution = workerCount > 0 ? 'pool' : 'inline';
  const engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: TARGET, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: LUN_BYTES }, blockLengthBytes: 512, readOnly: false }] }],
    execution,
    workerCount,
    insecure: false,
    limits: {},
  });
  const url = `iscsi://127.0.0.1:${engine.portals[0]?.port}/${TARGET}/0`;
  const load = async (seconds: number): Promise<Measurement> => {
    const medium = await probeMedium(url);
    return coreInitiator.run({ url, medium, workload: WORKLOAD, seconds, seed: 1, targetPid: null });
  };
  try {
    await body({ engine, load });
  } finally {
    await engine.stop({ immediately: true });
  }
}

function laneOf({ threads }: EngineProfile, thread: string): Lane {
  const text = threads.find((profile) => profile.thread === thread)?.cpuProfile;
  assert.ok(text, `there is a profile of ${thread}`);
  return buildLane(thread, [parseCpuProfile(text, thread)]);
}

/** Files of the repository in which a lane has functions that were running. */
function ownFiles(lane: Lane): Set<string> {
  const keyOf = ({ file }: { file: string }) => file.replace(/\.js$/, '');
  return new Set(selfByFunction(lane.root, keyOf).keys());
}

const codeIs = (code: string) => (error: { code?: string }) => error.code === code;

test('main and every worker under load: each lane has our functions, at work and asleep', () =>
  withEngine(2, async ({ engine, load }) => {
    const loading = load(2);
    await sleep(900);
    const profile = await engine.profiler.take({ durationMs: 800, intervalMicros: 500 });
    await loading;
    assert.equal(
      profile.threads.map(({ thread }) => thread),
      ['main', 'worker-1', 'worker-2'],
    );
    assert.ok(profile.commandCount > 100, `${profile.commandCount} commands`);
    const main = ownFiles(laneOf(profile, 'main'));
    for (const file of ['engine/net/tcp-transport', 'engine/dispatch/dispatcher']) assert.ok(main.has(file), `${file} is in ${[...main].join(' ')}`);
    const workers = [laneOf(profile, 'worker-1'), laneOf(profile, 'worker-2')];
    const inWorkers = new Set(workers.flatMap((lane) => [...ownFiles(lane)]));
    for (const file of ['workers/ring-loop', 'engine/store/ram-store']) assert.ok(inWorkers.has(file), `${file} is in ${[...inWorkers].join(' ')}`);
    for (const lane of workers) assert.ok(lane.busyMicros + lane.idleMicros > 400_000, `${lane.name} was seen for ${lane.busyMicros + lane.idleMicros} µs`);
  }));

test('workers that sleep hear of it, and are seen asleep', () =>
  withEngine(1, async ({ engine }) => {
    // Until the thread is up.
    await sleep(700);
    const profile = await engine.profiler.take({ durationMs: 400, intervalMicros: 500 });
    const { busyMicros, idleMicros } = laneOf(profile, 'worker-1');
    assert.ok(idleMicros > 200_000, `idle ${idleMicros} µs`);
    assert.ok(busyMicros < idleMicros, `busy ${busyMicros} µs`);
  }));

test('a worker that dies meanwhile: the others and its successor are profiled, and commands go on', () =>
  withEngine(2, async ({ engine, load }) => {
    await sleep(700);
    const taking = engine.profiler.take({ durationMs: 1500, intervalMicros: 1000 });
    await sleep(200);
    await engine.workerThreads[0]?.terminate();
    const { operationCount } = await load(1);
    const profile = await taking;
    assert.ok(operationCount > 0);
    assert.ok(laneOf(profile, 'worker-2').sampleCount > 0);
    assert.ok(laneOf(profile, 'worker-1').sampleCount > 0, 'the successor began to profile itself when it was up');
    assert.is(profile.threads.length, 3);
  }));

test('one at a time, and the next one works', () =>
  withEngine(0, async ({ engine }) => {
    const first = engine.profiler.take({ durationMs: 100, intervalMicros: 1000 });
    let refusal: unknown;
    await engine.profiler.take({ durationMs: 100, intervalMicros: 1000 }).catch((error: unknown) => {
      refusal = error;
    });
    assert.ok(codeIs('PROFILE_BUSY')(refusal as { code?: string }), String(refusal));
    assert.is((await first).threads.length, 1);
    assert.ok((await engine.profiler.take({ durationMs: 50, intervalMicros: 1000 })).threads[0]?.cpuProfile);
  }));

for (const [what, options] of Object.entries({
  'no time': { durationMs: 0, intervalMicros: 1000 },
  'more samples than profileSampleCountMax': { durationMs: 600_001, intervalMicros: 1000 },
  'an interval that is too short': { durationMs: 100, intervalMicros: 10 },
  'an interval that is no number': { durationMs: 100, intervalMicros: Number.NaN },
})) {
  test(`${what} is refused`, () =>
    withEngine(0, async ({ engine }) => {
      let refusal: unknown;
      await engine.profiler.take(options).catch((error: unknown) => {
        refusal = error;
      });
      assert.ok(codeIs('PROFILE_OPTIONS')(refusal as { code?: string }), String(refusal));
    }));
}

test('an engine that stops, and a client that leaves, end the profile early with what there is', () =>
  withEngine(1, async ({ engine }) => {
    await sleep(500);
    const gone = new AbortController();
    const left = engine.profiler.take({ durationMs: 60_000, intervalMicros: 1000 }, gone.signal);
    setTimeout(() => gone.abort(), 100);
    assert.ok((await left).durationMs < 5000);
    const stopped = engine.profiler.take({ durationMs: 60_000, intervalMicros: 1000 });
    await sleep(100);
    await engine.stop({ immediately: true });
    const profile = await stopped;
    assert.ok(profile.durationMs < 5000);
    assert.ok(profile.threads[0]?.cpuProfile);
  }));

test.run();
