import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveLimits } from '../../../engine/limits.js';
import { Admission } from '../../../engine/session/admission.js';
import type { TaskRunner } from '../../../engine/task/task-runner.js';

const ARENA_BYTES = 8000;
const SLOT_COUNT = 64;

/** What admission looks at, set by hand. */
class World {
  readonly state = { arena: { sizeBytes: ARENA_BYTES, freeBytes: ARENA_BYTES }, slots: { freeCount: SLOT_COUNT }, share: { isShort: false } };
  readonly admission: Admission;
  readonly log: string[] = [];

  constructor(commandWindowCountMax = 32) {
    const limits = resolveLimits({ slotCount: SLOT_COUNT, commandWindowCountMax });
    this.admission = new Admission(this.state as unknown as TaskRunner, limits);
  }

  connection(name: string, onResume: () => void = () => {}) {
    return {
      resumeAfterShortage: () => {
        this.log.push(name);
        onResume();
      },
    };
  }
}

test('an eighth of the slots or of the memory left, or somebody waiting for memory, is low', () => {
  const { admission, state } = new World();
  assert.not.ok(admission.isLow);
  state.arena.freeBytes = 1000;
  assert.not.ok(admission.isLow);
  state.arena.freeBytes = 999;
  assert.ok(admission.isLow);
  state.arena.freeBytes = ARENA_BYTES;
  state.slots.freeCount = 7;
  assert.ok(admission.isLow);
  state.slots.freeCount = 8;
  assert.not.ok(admission.isLow);
  state.share.isShort = true;
  assert.ok(admission.isLow);
});

test('the window is the limit, or the share of a session, and an eighth of it in a shortage', () => {
  const { admission, state } = new World();
  assert.is(admission.windowCount, 32, 'no session yet');
  admission.sessionCount = 1;
  assert.is(admission.windowCount, 32);
  admission.sessionCount = 4;
  assert.is(admission.windowCount, 16);
  state.slots.freeCount = 0;
  assert.is(admission.windowCount, 2);
  admission.sessionCount = 500;
  assert.is(admission.windowCount, 1, 'one command always');
});

test('paused connections go on in the order they paused, until there is a shortage again', () => {
  const world = new World();
  const { admission, state } = world;
  const second = world.connection('second', () => {
    state.slots.freeCount = 0;
    admission.pause(second);
  });
  admission.pause(world.connection('first'));
  admission.pause(second);
  admission.pause(world.connection('third'));
  state.slots.freeCount = 0;
  admission.onResourcesFreed();
  assert.equal(world.log, [], 'still low');
  state.slots.freeCount = 40;
  admission.onResourcesFreed();
  assert.equal(world.log, ['first', 'second']);
  state.slots.freeCount = 40;
  admission.onResourcesFreed();
  assert.equal(world.log, ['first', 'second', 'third', 'second'], 'who paused again stands at the end');
  state.slots.freeCount = 40;
  admission.onResourcesFreed();
  assert.is(world.log.length, 5);
});

test('a connection that holds nothing any more goes on, shortage or not', () => {
  const world = new World();
  const { admission, state } = world;
  const [empty, full] = [world.connection('empty'), world.connection('full')];
  for (const connection of [empty, full]) admission.pause(connection);
  state.slots.freeCount = 0;
  admission.onEmptied(empty);
  admission.onEmptied(world.connection('never paused'));
  admission.onResourcesFreed();
  assert.equal(world.log, ['empty']);
});

test('a connection that is gone is not resumed', () => {
  const world = new World();
  const { admission } = world;
  const gone = world.connection('gone');
  admission.pause(gone);
  admission.onEmptied(gone);
  admission.forget(gone);
  admission.onResourcesFreed();
  assert.equal(world.log, []);
});

test('resources freed while a connection resumes reach the others', () => {
  const world = new World();
  const { admission } = world;
  admission.pause(world.connection('first', () => admission.onResourcesFreed()));
  admission.pause(world.connection('second'));
  admission.onResourcesFreed();
  assert.equal(world.log, ['first', 'second'], 'each once');
});

test.run();
