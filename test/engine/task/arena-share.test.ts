import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ARENA_FULL, BufferArena } from '../../../engine/shm/buffer-arena.js';
import { ArenaShare } from '../../../engine/task/arena-share.js';
import type { Task, TaskOwner } from '../../../engine/task/task.js';
import { seededRandom } from '../../support/random.js';

const KIB = 1024;
const PIECE_MAX = 64 * KIB;
/** Sixteen of the largest pieces: a share is four of them. */
const ARENA_BYTES = 16 * PIECE_MAX;
const SHARE_BYTES = ARENA_BYTES / 4;

interface Owner {
  arenaBytesHeld: number;
  commandBytes: number;
}

interface Piece {
  readonly owner: Owner;
  readonly offset: number;
  readonly lengthBytes: number;
}

class World {
  readonly share: ArenaShare;
  readonly pieces: Piece[] = [];
  readonly granted: string[] = [];

  constructor(onStarved?: (task: Task) => void) {
    this.share = new ArenaShare(new BufferArena(ARENA_BYTES, PIECE_MAX), onStarved);
  }

  owner(): Owner {
    return { arenaBytesHeld: 0, commandBytes: 0 };
  }

  /** Takes a piece at once; answers it, or null. */
  take(owner: Owner, lengthBytes: number): Piece | null {
    const offset = this.share.tryAllocate(owner as TaskOwner, lengthBytes);
    if (offset === ARENA_FULL) return null;
    const piece = { owner, offset, lengthBytes };
    this.pieces.push(piece);
    return piece;
  }

  /** Waits for a piece as a task of this name; answers the task, for `withdraw`. */
  wait(owner: Owner, lengthBytes: number, name: string, onGranted: (piece: Piece) => void = () => {}): Task {
    const task = { owner } as unknown as Task;
    this.share.waitFor(task, lengthBytes, (offset) => {
      const piece = { owner, offset, lengthBytes };
      this.pieces.push(piece);
      this.granted.push(name);
      onGranted(piece);
    });
    return task;
  }

  free(piece: Piece): void {
    this.pieces.splice(this.pieces.indexOf(piece), 1);
    this.share.free(piece.owner as TaskOwner, piece.offset, piece.lengthBytes);
  }

  fill(): Piece[] {
    const taken: Piece[] = [];
    while (this.share.arena.freeBytes > 0) taken.push(this.take(this.owner(), PIECE_MAX) as Piece);
    return taken;
  }

  assertEmpty(): void {
    assert.is(this.share.waitingCount, 0);
    assert.is(this.share.arena.freeBytes, this.share.arena.sizeBytes);
  }
}

test('one connection holds a quarter of the arena at most, and at least one piece of any size', () => {
  const world = new World();
  const owner = world.owner();
  for (let count = 0; count < 4; count++) assert.ok(world.take(owner, PIECE_MAX));
  assert.is(owner.arenaBytesHeld, SHARE_BYTES);
  assert.is(world.take(owner, 1), null);
  assert.ok(world.take(world.owner(), PIECE_MAX), 'others still get theirs');
});

test('pieces that come back serve the waiting in order', () => {
  const world = new World();
  const taken = world.fill();
  for (const name of ['a', 'b', 'c']) world.wait(world.owner(), PIECE_MAX, name);
  assert.is(world.share.waitingCount, 3);
  assert.is(world.take(world.owner(), 4 * KIB), null);
  world.free(taken[3] as Piece);
  world.free(taken[7] as Piece);
  assert.equal(world.granted, ['a', 'b']);
  world.free(taken[1] as Piece);
  assert.equal(world.granted, ['a', 'b', 'c']);
});

test('a small want does not overtake a large one, though there is room for the small one', () => {
  const world = new World();
  const taken = world.fill();
  world.wait(world.owner(), PIECE_MAX, 'large');
  world.wait(world.owner(), 4 * KIB, 'small');
  world.free(taken[0] as Piece);
  assert.equal(world.granted, ['large']);
  world.free(taken[1] as Piece);
  assert.equal(world.granted, ['large', 'small']);
});

test('fragments do not let small wants starve a large one', () => {
  const world = new World();
  const small: Piece[] = [];
  for (let owners = 0; owners < 4; owners++) {
    const owner = world.owner();
    for (let count = 0; count < SHARE_BYTES / (4 * KIB); count++) small.push(world.take(owner, 4 * KIB) as Piece);
  }
  world.wait(world.owner(), PIECE_MAX, 'large');
  world.wait(world.owner(), 4 * KIB, 'small');
  // Every other piece comes back: half of the arena is free, and nothing larger than 4 KiB.
  const half = small.filter((_, at) => at % 2 === 0);
  for (const piece of half) world.free(piece);
  assert.equal(world.granted, [], 'nobody takes what the large one needs');
  for (const piece of small.filter((_, at) => at % 2 === 1)) world.free(piece);
  assert.equal(world.granted, ['large', 'small']);
});

test('a connection that has used up its share keeps nobody else waiting', () => {
  const world = new World();
  const greedy = world.owner();
  const pieces = Array.from({ length: 4 }, () => world.take(greedy, PIECE_MAX) as Piece);
  world.wait(greedy, PIECE_MAX, 'greedy');
  assert.not.ok(world.share.isShort, 'the arena is not what is short');
  assert.ok(world.take(world.owner(), PIECE_MAX), 'there is room, and others get it at once');
  assert.is(world.take(greedy, 4 * KIB), null);
  world.free(pieces[0] as Piece);
  assert.equal(world.granted, ['greedy']);
});

test('who waits over its share is passed by those that wait behind it', () => {
  const world = new World();
  const greedy = world.owner();
  const pieces = Array.from({ length: 4 }, () => world.take(greedy, PIECE_MAX) as Piece);
  const others = world.fill();
  world.wait(greedy, PIECE_MAX, 'greedy');
  world.wait(world.owner(), PIECE_MAX, 'other');
  assert.ok(world.share.isShort);
  world.free(others[0] as Piece);
  assert.equal(world.granted, ['other']);
  world.free(pieces[0] as Piece);
  assert.equal(world.granted, ['other', 'greedy']);
});

test('what one connection waits for comes in order, though the later want is within its share', () => {
  const world = new World();
  const owner = world.owner();
  const small = Array.from({ length: 16 }, () => world.take(owner, 4 * KIB) as Piece);
  for (let count = 0; count < 3; count++) world.take(owner, PIECE_MAX);
  world.wait(owner, PIECE_MAX, 'large');
  world.wait(owner, 4 * KIB, 'small');
  assert.is(world.take(owner, 4 * KIB), null);
  for (const piece of small.slice(0, 15)) world.free(piece);
  assert.equal(world.granted, [], 'the large one is still over its share');
  world.free(small[15] as Piece);
  assert.equal(world.granted, ['large']);
});

test('a large want that is withdrawn lets the smaller ones behind it go', () => {
  const world = new World();
  const half = world.take(world.owner(), PIECE_MAX / 2) as Piece;
  for (let count = 0; count < 15; count++) world.take(world.owner(), PIECE_MAX);
  const large = world.wait(world.owner(), PIECE_MAX, 'large');
  world.wait(world.owner(), PIECE_MAX / 2, 'small');
  assert.ok(world.share.withdraw(large));
  assert.not.ok(world.share.withdraw(large));
  assert.equal(world.granted, ['small']);
  world.free(half);
});

test('who is granted may free, wait and withdraw at once', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed);
    const world = new World();
    const owners = Array.from({ length: 5 }, () => world.owner());
    const waiting = new Map<string, Task>();
    let count = 0;
    const anyOwner = () => owners[random.below(owners.length)] as Owner;
    const anyLength = () => 1 + random.below(PIECE_MAX);
    const freeAny = () => world.free(world.pieces[random.below(world.pieces.length)] as Piece);
    const withdrawAny = () => {
      const name = [...waiting.keys()][random.below(waiting.size)] as string;
      const task = waiting.get(name) as Task;
      waiting.delete(name);
      assert.ok(world.share.withdraw(task), `seed ${seed}: ${name} was still waiting`);
    };
    const want = () => {
      const owner = anyOwner();
      const lengthBytes = anyLength();
      if (world.take(owner, lengthBytes) !== null) return;
      const name = `${++count}`;
      const task = world.wait(owner, lengthBytes, name, (piece) => {
        assert.ok(waiting.delete(name), `seed ${seed}: ${name} is granted once, and only while it waits`);
        const action = random.below(4);
        if (action === 0) world.free(piece);
        else if (action === 1 && waiting.size > 0) withdrawAny();
        else if (action === 2 && count < 400) want();
      });
      waiting.set(name, task);
    };
    for (let step = 0; step < 300; step++) {
      const action = random.below(8);
      if (action < 5 || world.pieces.length === 0) want();
      else if (action < 7 || waiting.size === 0) freeAny();
      else withdrawAny();
      assert.is(world.share.waitingCount, waiting.size);
      const heldBytes = owners.reduce((sum, owner) => sum + owner.arenaBytesHeld, 0);
      assert.is(
        heldBytes,
        world.pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0),
      );
      for (const owner of owners) assert.ok(owner.arenaBytesHeld <= SHARE_BYTES);
    }
    while (world.pieces.length > 0) freeAny();
    world.assertEmpty();
  }
});

test('ten thousand waiters that each give their piece back at once need no deeper stack than one', () => {
  const world = new World();
  const taken = world.fill();
  for (let count = 0; count < 10_000; count++) world.wait(world.owner(), PIECE_MAX, `${count}`, (piece) => world.free(piece));
  world.free(taken[0] as Piece);
  assert.is(world.granted.length, 10_000);
});

test('what is fair follows how many hold some, also when memory goes over to another connection', () => {
  const world = new World();
  const [one, two, three] = [world.owner(), world.owner(), world.owner()];
  assert.is(world.share.fairBytes, SHARE_BYTES, 'no more than a share, though nobody else holds any');
  const pieces = [one, one, two].map((owner) => world.take(owner, PIECE_MAX) as Piece);
  const others = Array.from({ length: 6 }, () => world.take(world.owner(), 4096) as Piece);
  assert.is(world.share.fairBytes, ARENA_BYTES / 8);
  world.share.handOver(one as TaskOwner, three as TaskOwner, PIECE_MAX);
  assert.is(world.share.fairBytes, ARENA_BYTES / 9);
  world.share.handOver(two as TaskOwner, three as TaskOwner, PIECE_MAX);
  assert.is(world.share.fairBytes, ARENA_BYTES / 8);
  const [first, ...moved] = pieces as [Piece, ...Piece[]];
  world.free(first);
  for (const piece of moved) {
    world.share.free(three as TaskOwner, piece.offset, piece.lengthBytes);
    world.pieces.splice(world.pieces.indexOf(piece), 1);
  }
  for (const piece of others) world.free(piece);
  assert.is(world.share.fairBytes, SHARE_BYTES);
  assert.equal(
    [one, two, three].map(({ arenaBytesHeld, commandBytes }) => [arenaBytesHeld, commandBytes]),
    [
      [0, PIECE_MAX],
      [0, PIECE_MAX],
      [0, 0],
    ],
    'and each has learnt what its own commands needed',
  );
  world.assertEmpty();
});

test('who starves is told, and what is freed then is given out at once', () => {
  const freed: Piece[] = [];
  const starved: Task[] = [];
  const world = new World((task) => {
    starved.push(task);
    const piece = freed.pop();
    if (piece !== undefined) world.free(piece);
  });
  const taken = world.fill();
  const task = world.wait(world.owner(), PIECE_MAX, 'starving');
  freed.push(taken[1] as Piece);
  const small = world.wait(world.owner(), 4096, 'behind');
  assert.ok(world.share.withdraw(small));
  assert.equal(world.granted, ['starving']);
  assert.ok(starved.length > 0 && starved.every((each) => each === task));
  for (const piece of Array.from(world.pieces)) world.free(piece);
  world.assertEmpty();
});

test.run();
