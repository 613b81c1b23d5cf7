import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import { TaskAttribute } from '../../../engine/pdu/index.js';
import type { DeviceType } from '../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import type { ITNexus } from '../../../engine/scsi/it-nexus.js';
import type { Task } from '../../../engine/task/task.js';
import { TaskSet } from '../../../engine/task/task-set.js';
import { seededRandom } from '../../support/random.js';
import { makeUnit, nexus } from '../scsi/scsi-fixture.js';

const attributes = { S: TaskAttribute.simple, O: TaskAttribute.ordered, H: TaskAttribute.headOfQueue, U: TaskAttribute.untagged } as const;
type Letter = keyof typeof attributes;

/** What the task set uses of a task. */
interface Entrant {
  readonly name: string;
  readonly letter: Letter;
  attribute: number;
  /** Of what it asks the queue looks at its opcode. */
  readonly slot: { readonly cdb: Uint8Array };
  readonly owner: { readonly nexus: ITNexus };
  entered: boolean;
  enabled: boolean;
  left: boolean;
}

class World {
  readonly entrants: Entrant[] = [];
  readonly log: string[] = [];
  onStart: (entrant: Entrant) => void = () => {};
  readonly #deviceType: DeviceType;
  readonly set: TaskSet;

  constructor(deviceType: DeviceType = deviceTypes.disk) {
    this.#deviceType = deviceType;
    this.set = this.#makeSet();
  }

  readonly #makeSet = () =>
    new TaskSet(makeUnit({ deviceType: this.#deviceType }), 'inline', new UnitMetrics(), (task) => {
      const entrant = task as unknown as Entrant;
      assert.not.ok(entrant.enabled, 'a task is started once');
      this.#enable(entrant);
      this.onStart(entrant);
    });

  /** Enters a task named like `O2`; its first letter is its attribute. */
  enter(name: string, opcode = 0): Entrant {
    const letter = name[0] as Letter;
    const entrant: Entrant = {
      name,
      letter,
      attribute: attributes[letter],
      slot: { cdb: Uint8Array.of(opcode) },
      owner: { nexus },
      entered: false,
      enabled: false,
      left: false,
    };
    this.entrants.push(entrant);
    if (this.set.enter(entrant as unknown as Task)) this.#enable(entrant);
    return entrant;
  }

  leave(entrant: Entrant): void {
    entrant.left = true;
    this.set.leave(entrant as unknown as Task);
    assert.not.ok(entrant.entered);
  }

  get present(): Entrant[] {
    return this.entrants.filter((entrant) => !entrant.left);
  }

  get enabledNames(): string {
    return this.present
      .filter((entrant) => entrant.enabled)
      .map((entrant) => entrant.name)
      .join(' ');
  }

  #enable(entrant: Entrant): void {
    entrant.enabled = true;
    this.log.push(entrant.name);
  }
}

test('SIMPLE and untagged tasks run beside each other', () => {
  const world = new World();
  for (const name of ['S1', 'U2', 'S3']) world.enter(name);
  assert.is(world.enabledNames, 'S1 U2 S3');
});

test('SIMPLE tasks of what keeps a position run one after the other, and what tells of the unit passes them', () => {
  const world = new World({ ...deviceTypes.disk, isSequential: true });
  const [write] = [world.enter('S1', 0x0a), world.enter('S2', 0x0a), world.enter('S3', 0x12), world.enter('U4', 0x03), world.enter('S5', 0xa0)];
  assert.is(world.enabledNames, 'S1 S3 U4 S5');
  world.leave(write as Entrant);
  for (const entrant of world.present.filter(({ enabled, name }) => enabled && name !== 'S2')) world.leave(entrant);
  assert.is(world.enabledNames, 'S2');
});

test('an ORDERED task waits for all older ones, and all younger ones wait for it', () => {
  const world = new World();
  const [s1, s2, o3] = ['S1', 'S2', 'O3', 'S4', 'O5', 'S6'].map((name) => world.enter(name)) as [Entrant, Entrant, Entrant];
  assert.is(world.enabledNames, 'S1 S2');
  world.leave(s2);
  assert.is(world.enabledNames, 'S1');
  world.leave(s1);
  assert.is(world.enabledNames, 'O3');
  world.leave(o3);
  assert.is(world.enabledNames, 'S4', 'the second ORDERED task waits for the SIMPLE one between');
});

test('a HEAD OF QUEUE task runs at once, whatever waits, and nobody else is enabled before it has ended', () => {
  const world = new World();
  const o1 = world.enter('O1');
  world.enter('S2');
  const h3 = world.enter('H3');
  assert.is(world.enabledNames, 'O1 H3');
  world.leave(o1);
  assert.is(world.enabledNames, 'H3');
  const h4 = world.enter('H4');
  world.enter('O5');
  world.leave(h3);
  assert.is(world.enabledNames, 'H4');
  world.leave(h4);
  assert.is(world.enabledNames, 'S2');
});

test('a HEAD OF QUEUE task lets those go on that were enabled before it', () => {
  const world = new World();
  world.enter('S1');
  const h2 = world.enter('H2');
  world.enter('S3');
  assert.is(world.enabledNames, 'S1 H2');
  world.leave(h2);
  assert.is(world.enabledNames, 'S1 S3');
});

test('a dormant task that is aborted holds nobody back', () => {
  const world = new World();
  const s1 = world.enter('S1');
  const o2 = world.enter('O2');
  world.enter('S3');
  world.leave(o2);
  assert.is(world.enabledNames, 'S1 S3');
  const o4 = world.enter('O4');
  const s5 = world.enter('S5');
  world.leave(s5);
  assert.is(world.enabledNames, 'S1 S3');
  world.leave(s1);
  world.leave(world.present.find((entrant) => entrant.name === 'S3') as Entrant);
  assert.is(world.enabledNames, 'O4');
  world.leave(o4);
  assert.is(world.set.tasks.length, 0);
});

/**
 * SAM-5 §8.6: HEAD OF QUEUE tasks are enabled always; ORDERED ones are enabled beside no older one; nobody is enabled while an older ORDERED one is there or
 * while anybody has HEAD OF QUEUE, unless he was before that came.
 */
function checkOrder(world: World): void {
  const { present } = world;
  const hasHead = present.some(({ letter }) => letter === 'H');
  present.forEach((entrant, at) => {
    const older = present.slice(0, at);
    if (entrant.letter === 'H') assert.ok(entrant.enabled, `${entrant.name} is HEAD OF QUEUE`);
    else if (entrant.letter === 'O') {
      if (entrant.enabled) assert.equal(older, [], `${entrant.name} runs beside an older task`);
      else assert.ok(older.length > 0 || hasHead, `${entrant.name} waits for nobody`);
    } else {
      const isBehindOrdered = older.some(({ letter }) => letter === 'O');
      if (entrant.enabled) assert.not.ok(isBehindOrdered, `${entrant.name} runs before an older ORDERED task`);
      else assert.ok(isBehindOrdered || hasHead, `${entrant.name} waits for nobody`);
    }
  });
}

test('any order of entering and leaving keeps the rules of SAM-5 §8.6', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const world = new World();
    for (let step = 0; step < 120; step++) {
      const { present } = world;
      if (present.length === 0 || random.below(5) < 3) world.enter(`${'SSSUOOH'[random.below(7)]}${step}`);
      else world.leave(present[random.below(present.length)] as Entrant);
      checkOrder(world);
      assert.is(world.set.tasks.length, world.present.length);
    }
    while (world.present.length > 0) {
      const enabled = world.present.filter((entrant) => entrant.enabled);
      assert.ok(enabled.length > 0, `seed ${seed}: somebody always runs`);
      world.leave(enabled[random.below(enabled.length)] as Entrant);
      checkOrder(world);
    }
  }
});

test('tasks that end within their start keep their order', () => {
  const world = new World();
  world.onStart = (entrant) => world.leave(entrant);
  const first = world.enter('O0');
  const names = ['S1', 'S2', 'O3', 'S4', 'O5', 'O6', 'S7'];
  for (const name of names) world.enter(name);
  world.leave(first);
  assert.equal(world.log, ['O0', ...names]);
  assert.is(world.set.tasks.length, 0);
});

test('ten thousand dormant tasks that each end within their start need no deeper stack than one', () => {
  const world = new World();
  world.onStart = (entrant) => world.leave(entrant);
  const first = world.enter('O0');
  for (let count = 0; count < 10_000; count++) world.enter('S');
  world.leave(first);
  assert.is(world.set.tasks.length, 0);
});

test.run();
