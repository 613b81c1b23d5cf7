import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RangeClaim, RangeLocks } from '../../../engine/task/range-locks.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';

type ClaimState = 'new' | 'waiting' | 'held' | 'done';

/** A claim that keeps the order in which it was made and checks, whenever it is granted, that nobody stands in its way. */
class Claim implements RangeClaim {
  readonly claimStart: number;
  readonly claimEnd: number;
  readonly claimExclusive: boolean;
  readonly order: number;
  claimIndex = -1;
  state: ClaimState = 'new';
  onGranted: () => void = () => {};
  readonly #world: World;

  constructor(world: World, order: number, start: number, end: number, exclusive: boolean) {
    this.#world = world;
    this.order = order;
    this.claimStart = start;
    this.claimEnd = end;
    this.claimExclusive = exclusive;
  }

  conflictsWith(other: Claim): boolean {
    return (this.claimExclusive || other.claimExclusive) && this.claimStart < other.claimEnd && other.claimStart < this.claimEnd;
  }

  onRangeGranted(): void {
    assert.is(this.state, 'waiting', 'only what waits is granted, and once');
    this.#world.hold(this);
    this.onGranted();
  }

  get text(): string {
    return `#${this.order} ${this.claimExclusive ? 'x' : 's'}[${this.claimStart},${this.claimEnd})`;
  }
}

/** The locks, and beside them what the rules allow. */
class World {
  readonly locks = new RangeLocks();
  readonly claims: Claim[] = [];

  make(start: number, end: number, exclusive: boolean): Claim {
    const claim = new Claim(this, this.claims.length, start, end, exclusive);
    this.claims.push(claim);
    return claim;
  }

  in(state: ClaimState): Claim[] {
    return this.claims.filter((claim) => claim.state === state);
  }

  acquire(claim: Claim): boolean {
    const free = !this.#inTheWay(claim);
    assert.is(this.locks.acquire(claim), free, `${claim.text}: granted at once exactly when nobody stands in the way`);
    if (free) this.hold(claim);
    else claim.state = 'waiting';
    return free;
  }

  hold(claim: Claim): void {
    for (const holder of this.in('held')) assert.not.ok(holder.conflictsWith(claim), `${claim.text} is held beside ${holder.text}`);
    for (const waiter of this.in('waiting')) {
      assert.not.ok(waiter.order < claim.order && waiter.conflictsWith(claim), `${claim.text} overtook ${waiter.text}`);
    }
    claim.state = 'held';
    assert.ok(claim.claimIndex >= 0);
  }

  release(claim: Claim): void {
    claim.state = 'done';
    this.locks.release(claim);
    assert.is(claim.claimIndex, -1);
  }

  withdraw(claim: Claim): void {
    claim.state = 'done';
    assert.ok(this.locks.withdraw(claim));
  }

  /** Whoever still waits has somebody before it to wait for. */
  check(): void {
    assert.is(this.locks.heldCount, this.in('held').length);
    assert.is(this.locks.waitingCount, this.in('waiting').length);
    for (const waiter of this.in('waiting')) assert.ok(this.#inTheWay(waiter), `${waiter.text} waits for nobody`);
  }

  #inTheWay(claim: Claim): boolean {
    if (this.in('held').some((holder) => holder.conflictsWith(claim))) return true;
    return this.in('waiting').some((waiter) => (claim.state === 'new' || waiter.order < claim.order) && waiter.conflictsWith(claim));
  }
}

function randomClaim(world: World, random: SeededRandom): Claim {
  const start = random.below(40);
  return world.make(start, start + 1 + random.below(8), random.below(3) === 0);
}

function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[random.below(items.length)] as T;
}

test('readers share, writers are alone, ranges that only touch do not overlap', () => {
  const world = new World();
  assert.ok(world.acquire(world.make(0, 8, false)));
  assert.ok(world.acquire(world.make(4, 12, false)));
  assert.ok(world.acquire(world.make(12, 16, true)));
  assert.not.ok(world.acquire(world.make(11, 13, false)));
  world.check();
});

test('a reader does not overtake a writer that waits for earlier readers', () => {
  const world = new World();
  const first = world.make(0, 8, false);
  const writer = world.make(4, 5, true);
  const second = world.make(4, 5, false);
  world.acquire(first);
  assert.not.ok(world.acquire(writer));
  assert.not.ok(world.acquire(second), 'or a stream of readers would starve the writer');
  world.release(first);
  assert.equal([writer.state, second.state], ['held', 'waiting']);
  world.release(writer);
  assert.is(second.state, 'held');
});

test('a claim that withdraws lets those behind it go', () => {
  const world = new World();
  const reader = world.make(0, 8, false);
  const writer = world.make(0, 8, true);
  const behind = world.make(0, 8, false);
  for (const claim of [reader, writer, behind]) world.acquire(claim);
  world.withdraw(writer);
  assert.is(behind.state, 'held');
  assert.not.ok(world.locks.withdraw(reader), 'who holds does not wait');
  world.check();
});

test('any order of acquiring, releasing and withdrawing keeps the rules, and in the end everyone was served', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const world = new World();
    try {
      for (let step = 0; step < 150; step++) {
        const held = world.in('held');
        const waiting = world.in('waiting');
        const action = random.below(10);
        if (action < 5 || held.length === 0) world.acquire(randomClaim(world, random));
        else if (action < 9 || waiting.length === 0) world.release(pick(random, held));
        else world.withdraw(pick(random, waiting));
        world.check();
      }
      for (let held = world.in('held'); held.length > 0; held = world.in('held')) world.release(pick(random, held));
      assert.is(world.in('waiting').length, 0, 'everyone was granted');
      world.check();
    } catch (error) {
      process.stdout.write(`\nseed ${seed}\n`);
      throw error;
    }
  }
});

test('who is granted may acquire, release and withdraw at once', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const world = new World();
    const react = (claim: Claim) => () => {
      const action = random.below(4);
      const waiting = world.in('waiting');
      if (action === 0) world.release(claim);
      else if (action === 1 && world.claims.length < 300) acquire();
      else if (action === 2 && waiting.length > 0) world.withdraw(pick(random, waiting));
    };
    const acquire = () => {
      const claim = randomClaim(world, random);
      claim.onGranted = react(claim);
      world.acquire(claim);
    };
    for (let step = 0; step < 120; step++) {
      const held = world.in('held');
      if (held.length === 0 || random.below(5) < 3) acquire();
      else world.release(pick(random, held));
      world.check();
    }
    for (let held = world.in('held'); held.length > 0; held = world.in('held')) world.release(pick(random, held));
    world.check();
    assert.is(world.in('waiting').length, 0, `seed ${seed}`);
  }
});

test('a claim that was given up while another was being granted is not granted', () => {
  const world = new World();
  const holder = world.make(0, 10, true);
  const first = world.make(0, 5, true);
  const second = world.make(5, 10, true);
  for (const claim of [holder, first, second]) world.acquire(claim);
  first.onGranted = () => {
    // An abort that the first one's answer brings about: whichever the second is by then.
    if (second.state === 'waiting') world.withdraw(second);
    else world.release(second);
  };
  world.release(holder);
  assert.equal([first.state, second.state], ['held', 'done']);
  world.check();
});

test('ten thousand waiters that each finish at once need no deeper stack than one', () => {
  const world = { locks: new RangeLocks(), served: 0 };
  const make = (): RangeClaim => {
    const claim = {
      claimStart: 0,
      claimEnd: 1,
      claimExclusive: true,
      claimIndex: -1,
      onRangeGranted: () => {
        world.served++;
        world.locks.release(claim);
      },
    };
    return claim;
  };
  const holder = make();
  world.locks.acquire(holder);
  for (let count = 0; count < 10_000; count++) world.locks.acquire(make());
  world.locks.release(holder);
  assert.is(world.served, 10_000);
  assert.equal([world.locks.heldCount, world.locks.waitingCount], [0, 0]);
});

test.run();
