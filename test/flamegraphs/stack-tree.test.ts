import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { areaOf } from '../../flamegraphs/graph/areas.js';
import { parseCpuProfile, selfMicrosOf } from '../../flamegraphs/graph/cpu-profile.js';
import { commandCountOf, lanesOf, withOrigin } from '../../flamegraphs/graph/profile-files.js';
import { buildLane, keyWithLine, keyWithoutLine, type StackNode, selfByFunction, shortPath } from '../../flamegraphs/graph/stack-tree.js';
import { syntheticProfile } from './synthetic-profile.js';

/** `a;b` to its node. */
function find(root: StackNode, stack: string): StackNode | undefined {
  return stack.split(';').reduce<StackNode | undefined>((node, name) => [...(node?.children.values() ?? [])].find(({ frame }) => frame.name === name), root);
}

const times = (root: StackNode, stack: string) => [find(root, stack)?.selfMicros, find(root, stack)?.totalMicros];

test('a sample lasts until the next one, the last until the end', () => {
  const profile = syntheticProfile([
    ['a;b', 100],
    ['a', 30],
    ['a;b', 5],
  ]);
  const { root } = buildLane('main', [profile]);
  assert.equal(times(root, 'a'), [30, 135]);
  assert.equal(times(root, 'a;b'), [105, 105]);
  assert.is(root.totalMicros, 135);
});

test('self times add up to the time of the profile, also when samples came out of order', () => {
  const base = syntheticProfile([
    ['a', 50],
    ['b', 50],
    ['a', 50],
    ['c', 50],
  ]);
  // The third sample was taken before the second one.
  const profile = { ...base, timeDeltas: [7, 80, -40, 60] };
  const sum = [...selfMicrosOf(profile).values()].reduce((total, micros) => total + micros, 0);
  assert.is(sum, profile.endTime - profile.startTime - 7);
  assert.ok([...selfMicrosOf(profile).values()].every((micros) => micros >= 0));
});

test('equal stacks of two profiles become one, others stand beside each other', () => {
  const first = syntheticProfile([
    ['a;b', 10],
    ['a;c', 20],
  ]);
  const second = syntheticProfile([
    ['d', 3],
    ['a;c', 40],
  ]);
  const lane = buildLane('worker-1', [first, second]);
  assert.equal(times(lane.root, 'a'), [0, 70]);
  assert.equal(times(lane.root, 'a;c'), [60, 60]);
  assert.equal(times(lane.root, 'd'), [3, 3]);
  assert.is(lane.sampleCount, 4);
});

test('functions of one name on two lines are two, for a comparison one', () => {
  const profile = syntheticProfile([
    ['f@file:///x/dist/engine/task/task.js:3', 10],
    ['f@file:///x/dist/engine/task/task.js:9', 20],
  ]);
  assert.is(buildLane('main', [profile], { keyOf: keyWithLine }).root.children.size, 2);
  const merged = buildLane('main', [profile], { keyOf: keyWithoutLine });
  assert.is(merged.root.children.size, 1);
  assert.is(merged.root.totalMicros, 30);
});

test('idle time is a figure, and frames only when asked for', () => {
  const profile = syntheticProfile([
    ['(idle)', 900],
    ['serveRing@file:///x/dist/workers/ring-loop.js:10;sleep@file:///x/dist/engine/shm/spsc-ring.js:70', 50],
    ['serveRing@file:///x/dist/workers/ring-loop.js:10', 50],
  ]);
  const lane = buildLane('worker-1', [profile]);
  assert.equal([lane.busyMicros, lane.idleMicros, lane.root.totalMicros], [50, 950, 50]);
  assert.equal(times(lane.root, 'serveRing'), [50, 50]);
  assert.is(find(lane.root, '(idle)'), undefined);
  const shown = buildLane('worker-1', [profile], { withIdle: true });
  assert.equal([shown.busyMicros, shown.idleMicros, shown.root.totalMicros], [50, 950, 1000]);
  assert.equal(times(shown.root, 'serveRing;sleep'), [50, 50]);
});

test('self time of a function is summed over its callers and not counted twice in recursion', () => {
  const { root } = buildLane('main', [
    syntheticProfile([
      ['a;f', 10],
      ['b;f;f', 20],
    ]),
  ]);
  const f = [...selfByFunction(root, keyWithLine).values()].find(({ frame }) => frame.name === 'f');
  assert.is(f?.selfMicros, 30);
});

test('files are named from the root of the package, wherever that is', () => {
  assert.is(shortPath('file:///srv/lunloom/dist/engine/task/task.js'), 'engine/task/task.js');
  assert.is(shortPath('file:///usr/lib/node_modules/lunloom/dist/workers/ring-loop.js'), 'workers/ring-loop.js');
  assert.is(shortPath('file:///x/node_modules/a/node_modules/piscina/dist/main.js'), 'node_modules/piscina/dist/main.js');
  assert.is(shortPath('node:net'), 'node:net');
});

for (const [name, file, area] of [
  ['onChunk', 'engine/net/receive-cursor.ts', 'net'],
  ['encode', 'engine/pdu/data.ts', 'pdu'],
  ['read', 'engine/scsi/sbc/read.ts', 'scsi'],
  ['pop', 'engine/shm/spsc-ring.ts', 'shm'],
  ['sleep', 'engine/shm/spsc-ring.ts', 'idle'],
  ['serveRing', 'workers/ring-loop.ts', 'dispatch'],
  ['nowMicros', 'engine/clock.ts', 'lunloom'],
  ['run', 'cli/main.ts', 'lunloom'],
  ['onread', 'node:net', 'node'],
  ['run', 'node_modules/piscina/dist/index.js', 'node'],
  ['writev', '', 'native'],
  ['(program)', '', 'native'],
  ['(garbage collector)', '', 'gc'],
  ['(idle)', '', 'idle'],
] as const) {
  test(`${name} of ${file || 'no file'} is ${area}`, () => assert.is(areaOf(name, file), area));
}

test('lanes: main first, then workers by number; profiles of one thread in one lane', () => {
  const named = (thread: string) => ({ thread, profile: syntheticProfile([['a', 1]]) });
  const lanes = lanesOf(['worker-10', 'worker-2', 'main', 'worker-2'].map(named));
  assert.equal(
    lanes.map(({ name, root }) => [name, root.totalMicros]),
    [
      ['main', 1],
      ['worker-2', 2],
      ['worker-10', 1],
    ],
  );
});

test('a file says where it comes from, and each of a set knows the commands of all', () => {
  const text = withOrigin(JSON.stringify(syntheticProfile([['a', 1]])), { thread: 'worker-2', commandCount: 500, workload: 'read-4k-32' });
  const profile = parseCpuProfile(text, 'x');
  assert.equal(profile.lunloom, { thread: 'worker-2', commandCount: 500, workload: 'read-4k-32' });
  const pair = ['main', 'worker-2'].map((thread) => ({ thread, profile }));
  assert.is(commandCountOf(pair), 500);
  assert.is(commandCountOf([{ thread: 'main', profile: syntheticProfile([['a', 1]]) }]), null);
});

for (const [what, text] of [
  ['no JSON', '{'],
  ['null', 'null'],
  ['another document', '{"nodes":[]}'],
  ['samples without times', '{"nodes":[],"samples":[1],"timeDeltas":[],"startTime":0,"endTime":1}'],
] as const) {
  test(`a file that holds ${what} is refused by name`, () =>
    assert.throws(
      () => parseCpuProfile(text, 'some.cpuprofile'),
      (error: { code?: string; message: string }) => error.code === 'PROFILE_INVALID' && error.message.includes('some.cpuprofile'),
    ));
}

test.run();
