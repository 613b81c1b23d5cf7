import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TaskAttribute, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { abortTasksOf } from '../../../engine/task/contingent-allegiance.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { answersOf, clear, fault, finish, poll, Status, setMode } from './task-set-kit.js';
import { loggedIn, type TestInitiator } from './test-initiator.js';

const { clearTaskSet, logicalUnitReset } = TaskManagementFunction;
const ORDERED = TaskAttribute.ordered;
const KEYS = ['InitialR2T=No', 'MaxOutstandingR2T=1'];

/** One command of each of two nexuses on workers, one dormant, and one that waits for its Data-Out; then a fault of the first nexus. */
function faultAmong(scene: Scene, one: TestInitiator, two: TestInitiator, naca: boolean): { own: number; others: number } {
  const own = one.read(0, 1, { lun: Lun.pool });
  const others = two.read(1, 1, { lun: Lun.pool });
  if (naca) fault(one);
  else {
    one.read(0xffffff, 1, { lun: Lun.pool });
    assert.is(one.takeResponse().sense, '05/21/00');
  }
  scene.dispatcher.completeAll();
  return { own, others };
}

for (const naca of [false, true]) {
  const title = naca ? 'with NACA' : 'without NACA';
  test(`QERR = 01b: a fault ${title} aborts the commands of all nexuses, and others learn of it by a unit attention`, () => {
    const scene = new Scene();
    setMode(scene, { queueErrorManagement: 1 });
    const [one, two] = [loggedIn(scene), loggedIn(scene)];
    faultAmong(scene, one, two, naca);
    if (naca) {
      clear(one);
      one.takeTaskManagementResponse();
    }
    for (const initiator of [one, two]) initiator.assertSilent();
    assert.is(poll(one), Status.good);
    two.command('00', { lun: Lun.pool });
    assert.is(two.takeResponse().sense, '06/2f/00');
    finish(scene, one, two);
  });

  test(`QERR = 01b and TAS: a fault ${title} ends the commands of others with TASK ABORTED`, () => {
    const scene = new Scene();
    setMode(scene, { queueErrorManagement: 1, taskAbortedStatus: true });
    const [one, two] = [loggedIn(scene), loggedIn(scene)];
    const { others } = faultAmong(scene, one, two, naca);
    assert.equal(answersOf(two), [[others, Status.taskAborted]]);
    one.assertSilent();
    if (naca) {
      clear(one);
      one.takeTaskManagementResponse();
    }
    assert.equal([poll(one), poll(two)], [Status.good, Status.good], 'and no unit attention');
    finish(scene, one, two);
  });

  test(`QERR = 11b: a fault ${title} aborts the commands of its own nexus only`, () => {
    const scene = new Scene();
    setMode(scene, { queueErrorManagement: 3 });
    const [one, two] = [loggedIn(scene), loggedIn(scene)];
    const { others } = faultAmong(scene, one, two, naca);
    if (naca) {
      two.assertSilent();
      clear(one);
      one.takeTaskManagementResponse();
    }
    one.assertSilent();
    assert.is(two.takeDataIn().initiatorTaskTag, others);
    assert.equal([poll(one), poll(two)], [Status.good, Status.good]);
    finish(scene, one, two);
  });
}

test('QERR = 01b with TST = 001b: a fault aborts the commands of its own nexus only', () => {
  const scene = new Scene();
  setMode(scene, { queueErrorManagement: 1, taskSetType: 1 });
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  const { others } = faultAmong(scene, one, two, false);
  one.assertSilent();
  assert.is(two.takeDataIn().initiatorTaskTag, others);
  finish(scene, one, two);
});

/** Brings a command of the second nexus to a state in which another aborts it; answers its tag and what it still sends. */
const othersStates: Record<string, (scene: Scene, two: TestInitiator) => { tag: number; rest: () => void }> = {
  'with a worker': (_scene, two) => ({ tag: two.read(0, 1, { lun: Lun.pool }), rest: () => {} }),
  dormant: (_scene, two) => {
    const older = two.read(0, 1, { lun: Lun.pool });
    const tag = two.read(1, 1, { lun: Lun.pool, attribute: ORDERED });
    assert.ok(older < tag);
    return { tag, rest: () => {} };
  },
  'that waits for a range': (_scene, two) => {
    two.write(0, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) });
    return { tag: two.write(0, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) }), rest: () => {} };
  },
  'with an R2T open': (_scene, two) => {
    const tag = two.write(0, 4, { lun: Lun.pool });
    const { targetTransferTag } = two.takeR2T();
    return { tag, rest: () => two.dataOut(tag, new Uint8Array(4 * BLOCK), { targetTransferTag }) };
  },
  'in an unsolicited sequence': (_scene, two) => {
    const tag = two.write(0, 4, { lun: Lun.pool, data: new Uint8Array(BLOCK), final: false });
    return { tag, rest: () => two.dataOut(tag, new Uint8Array(3 * BLOCK), { bufferOffset: BLOCK }) };
  },
};

for (const [name, bring] of Object.entries(othersStates)) {
  test(`CLEAR TASK SET with TAS: a command of another nexus ${name} ends with TASK ABORTED when its Data-Out has come`, () => {
    const scene = new Scene();
    setMode(scene, { taskAbortedStatus: true });
    const [one, two] = [loggedIn(scene, { keys: KEYS }), loggedIn(scene, { keys: KEYS })];
    one.read(100, 1, { lun: Lun.pool });
    const { tag, rest } = bring(scene, two);
    one.taskManagement(clearTaskSet, { lun: Lun.pool });
    scene.dispatcher.completeAll();
    assert.equal(answersOf(one), [[one.lastTag, 'tmf']], 'its own are not answered; it waits for nobody’s Data-Out');
    rest();
    const answers = answersOf(two);
    assert.equal(
      answers.filter(([each]) => each === tag),
      [[tag, Status.taskAborted]],
    );
    for (const [, status] of answers) assert.is(status, Status.taskAborted);
    assert.equal([poll(one), poll(two)], [Status.good, Status.good], 'and no unit attention');
    finish(scene, one, two);
  });
}

for (const taskAbortedStatus of [false, true]) {
  test(`what PREEMPT AND ABORT asks of the task set, TAS = ${Number(taskAbortedStatus)}: tasks of the preempted nexus stop and its ACA condition ends`, () => {
    const scene = new Scene();
    setMode(scene, { taskSetType: 1, taskAbortedStatus });
    const [one, two] = [loggedIn(scene), loggedIn(scene)];
    const preempting = one.read(0, 1, { lun: Lun.pool });
    const preempted = two.read(8, 1, { lun: Lun.pool });
    fault(two);
    const taskSet = scene.taskSets[Lun.pool];
    assert.ok(taskSet !== undefined);
    const slot = taskSet.tasks.find((task) => task.initiatorTaskTag === preempting && task.owner.nexus === one.connection.nexus)?.slot ?? null;
    let isDone = false;
    abortTasksOf(
      taskSet,
      scene.runner,
      (nexus) => nexus === two.connection.nexus,
      slot,
      () => {
        isDone = true;
      },
    );
    assert.not.ok(isDone || taskSet.hasAca);
    scene.dispatcher.completeAll();
    assert.ok(isDone);
    assert.is(one.takeDataIn().initiatorTaskTag, preempting);
    assert.equal(answersOf(two), taskAbortedStatus ? [[preempted, Status.taskAborted]] : []);
    assert.is(poll(two), Status.good);
    finish(scene, one, two);
  });
}

test('a reset with TAS ends no command with TASK ABORTED: its unit attention tells of it', () => {
  const scene = new Scene();
  setMode(scene, { taskAbortedStatus: true });
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  two.read(0, 1, { lun: Lun.pool });
  one.taskManagement(logicalUnitReset, { lun: Lun.pool });
  scene.dispatcher.completeAll();
  one.takeTaskManagementResponse();
  two.assertSilent();
  two.command('00', { lun: Lun.pool });
  assert.is(two.takeResponse().sense, '06/29/03');
  finish(scene, one, two);
});

test.run();
