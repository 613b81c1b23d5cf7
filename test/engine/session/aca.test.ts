import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readOpcode, TaskAttribute, TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { ControlMode, type ControlModeValues, controlModeDefaults } from '../../../engine/scsi/spc/control-mode.js';
import { assertBytes } from '../../support/assert-bytes.js';
import type { SentPdu } from '../task/recording-output.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { type CommandChoices, cdb10, loggedIn, type TestInitiator } from './test-initiator.js';

const { clearAca, abortTask, clearTaskSet, logicalUnitReset, itNexusReset } = TaskManagementFunction;
const ACA = TaskAttribute.aca;
const ORDERED = TaskAttribute.ordered;
const HEAD_OF_QUEUE = TaskAttribute.headOfQueue;
const Status = { good: 0x00, checkCondition: 0x02, busy: 0x08, acaActive: 0x30, taskAborted: 0x40 } as const;
const LEVEL_2 = ['iSCSIProtocolLevel=2'];
const KEYS = ['InitialR2T=No', 'MaxOutstandingR2T=1'];

function setMode(scene: Scene, values: Partial<ControlModeValues>, lun: number = Lun.pool): void {
  scene.taskSets[lun]?.unit.part(ControlMode).set({ ...controlModeDefaults, ...values });
}

function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

/** READ (10) with NACA; `lba` beyond the end faults. */
function readNaca(initiator: TestInitiator, lba: number, choices: CommandChoices = {}): number {
  return initiator.command(cdb10(0x28, lba, 1).replace(/00$/, '04'), { read: BLOCK, lun: Lun.pool, ...choices });
}

/** A command with NACA that is beyond the end of the medium: it establishes an ACA condition. */
function fault(initiator: TestInitiator, choices: CommandChoices = {}): void {
  const tag = readNaca(initiator, 0xffffff, choices);
  const { initiatorTaskTag, sense } = initiator.takeResponse();
  assert.equal([initiatorTaskTag, sense], [tag, '05/21/00']);
}

/** What TEST UNIT READY ends with. */
function poll(initiator: TestInitiator, choices: CommandChoices & { readonly naca?: boolean } = {}): number {
  initiator.command(choices.naca === true ? '00 00 00 00 00 04' : '00', { lun: Lun.pool, ...choices });
  return initiator.takeResponse().status;
}

function clear(initiator: TestInitiator, lun: number = Lun.pool): void {
  initiator.taskManagement(clearAca, { lun });
}

/** Tag and status of every answer, in their order; task management responses have the status `tmf`. */
function answersOf(initiator: TestInitiator): [tag: number, status: number | 'tmf'][] {
  return initiator.take().map(({ header }: SentPdu) => [header.getUint32(16), readOpcode(header, 0) === 0x22 ? 'tmf' : header.getUint8(3)]);
}

test('a CHECK CONDITION without NACA establishes no ACA condition', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.read(0xffffff, 1, { lun: Lun.pool });
  assert.is(initiator.takeResponse().sense, '05/21/00');
  assert.is(poll(initiator), Status.good);
  finish(scene, initiator);
});

test('NACA and GOOD status establish no ACA condition', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  assert.is(poll(initiator, { naca: true }), Status.good);
  assert.is(poll(initiator), Status.good);
  finish(scene, initiator);
});

test('under an ACA condition the faulted nexus has one command with the ACA attribute at a time; all others end with ACA ACTIVE', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  fault(initiator);
  for (const attribute of [0, 1, ORDERED, HEAD_OF_QUEUE]) assert.is(poll(initiator, { attribute }), Status.acaActive);
  const first = initiator.read(0, 1, { lun: Lun.pool, attribute: ACA });
  assert.is(poll(initiator, { attribute: ACA }), Status.acaActive, 'the second one');
  scene.dispatcher.completeAll();
  assert.is(initiator.takeDataIn().initiatorTaskTag, first);
  assert.is(poll(initiator, { attribute: ACA }), Status.good, 'when the first has ended');
  assert.is(poll(initiator, { lun: Lun.copy }), Status.good, 'other units know nothing of it');
  clear(initiator);
  assert.is(initiator.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  assert.is(poll(initiator), Status.good);
  finish(scene, initiator);
});

test('the ACA attribute without an ACA condition is INVALID MESSAGE ERROR, and with NACA that establishes one', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.command('00', { lun: Lun.pool, attribute: ACA });
  assert.is(initiator.takeResponse().sense, '05/49/00');
  assert.is(poll(initiator), Status.good);
  initiator.command('00 00 00 00 00 04', { lun: Lun.pool, attribute: ACA });
  assert.is(initiator.takeResponse().sense, '05/49/00');
  assert.is(poll(initiator), Status.acaActive);
  clear(initiator);
  initiator.takeTaskManagementResponse();
  finish(scene, initiator);
});

test('another nexus of the task set is told BUSY, or ACA ACTIVE when it shows that it knows ACA, and cannot clear the condition', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  fault(one);
  assert.equal([poll(two), poll(two, { naca: true }), poll(two, { attribute: ACA })], [Status.busy, Status.acaActive, Status.acaActive]);
  clear(two);
  assert.is(two.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  assert.equal([poll(one), poll(two)], [Status.acaActive, Status.busy]);
  clear(one);
  one.takeTaskManagementResponse();
  assert.equal([poll(one), poll(two)], [Status.good, Status.good]);
  finish(scene, one, two);
});

test('PREEMPT AND ABORT of another nexus enters in spite of an ACA condition', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  fault(one);
  two.command('5f 05 00 00 00 00 00 00 18 00', { lun: Lun.pool, write: 24 });
  const [answer] = two.take();
  assert.ok(answer !== undefined && (readOpcode(answer.header, 0) !== 0x21 || answer.header.getUint8(3) !== Status.busy), 'not BUSY');
  one.transport.destroy();
  two.transport.destroy();
  scene.assertIdle();
});

test('CLEAR ACA lets go on what was blocked, in its order', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  const executing = one.read(0, 1, { lun: Lun.pool });
  const blocked = one.write(8, 1, { lun: Lun.pool });
  const { targetTransferTag } = one.takeR2T();
  const others = two.write(0, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) });
  fault(one);
  one.dataOut(blocked, new Uint8Array(BLOCK), { targetTransferTag });
  assert.is(scene.dispatcher.held.length, 1, 'data comes, but nothing begins');
  scene.dispatcher.completeAll();
  one.assertSilent();
  two.assertSilent();
  clear(one);
  scene.dispatcher.completeAll();
  assert.equal(
    answersOf(one).map(([tag]) => tag),
    [executing, one.lastTag, blocked],
  );
  assert.is(two.takeResponse().initiatorTaskTag, others);
  finish(scene, one, two);
});

test('a dormant command stays dormant until the ACA condition is over', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.read(0, 1, { lun: Lun.pool });
  const ordered = initiator.read(1, 1, { lun: Lun.pool, attribute: ORDERED });
  const head = readNaca(initiator, 0xffffff, { attribute: HEAD_OF_QUEUE });
  assert.is(initiator.takeResponse().initiatorTaskTag, head);
  scene.dispatcher.completeAll();
  initiator.assertSilent();
  clear(initiator);
  scene.dispatcher.completeAll();
  assert.is(answersOf(initiator).at(-1)?.[0], ordered);
  finish(scene, initiator);
});

test('a command that waits for a range does not begin under an ACA condition, nor does it keep the range from the ACA command', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const data = new Uint8Array(4 * BLOCK);
  const holder = initiator.write(0, 4, { lun: Lun.pool, data });
  const waiter = initiator.write(2, 4, { lun: Lun.pool, data });
  fault(initiator);
  scene.dispatcher.completeAll();
  const aca = initiator.write(2, 4, { lun: Lun.pool, data, attribute: ACA });
  scene.dispatcher.completeAll();
  assert.equal(answersOf(initiator), [[aca, Status.good]]);
  clear(initiator);
  scene.dispatcher.completeAll();
  assert.equal(
    answersOf(initiator).map(([tag]) => tag),
    [holder, initiator.lastTag, waiter],
  );
  finish(scene, initiator);
});

test('a command with the ACA attribute that faults ends the ACA condition; with NACA the condition stays', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  fault(initiator);
  fault(initiator, { attribute: ACA });
  assert.is(poll(initiator), Status.acaActive);
  const blocked = initiator.connection.tasks.size;
  assert.is(blocked, 0);
  initiator.read(0xffffff, 1, { lun: Lun.pool, attribute: ACA });
  assert.is(initiator.takeResponse().sense, '05/21/00');
  assert.is(poll(initiator), Status.good);
  finish(scene, initiator);
});

test('CLEAR ACA stops the command with the ACA attribute as ABORT TASK does', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  fault(initiator);
  initiator.read(0, 1, { lun: Lun.pool, attribute: ACA });
  clear(initiator);
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(initiator.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  assert.is(poll(initiator), Status.good);
  finish(scene, initiator);
});

test('TST = 001b: an ACA condition is one of its nexus, and blocks nobody else', () => {
  const scene = new Scene();
  setMode(scene, { taskSetType: 1 });
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  fault(one);
  assert.is(poll(two), Status.good);
  two.command('00', { lun: Lun.pool, attribute: ACA });
  assert.is(two.takeResponse().sense, '05/49/00', 'it has none of its own');
  fault(two);
  clear(one);
  one.takeTaskManagementResponse();
  assert.equal([poll(one), poll(two)], [Status.good, Status.acaActive], 'two conditions at a time');
  clear(two);
  two.takeTaskManagementResponse();
  finish(scene, one, two);
});

test('TST = 001b: ORDERED and HEAD OF QUEUE order the commands of their own nexus only, CLEAR TASK SET stops those only', () => {
  const scene = new Scene();
  setMode(scene, { taskSetType: 1 });
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  one.read(0, 1, { lun: Lun.pool });
  const ordered = two.read(1, 1, { lun: Lun.pool, attribute: ORDERED });
  assert.is(scene.dispatcher.held.length, 2, 'an older command of another nexus is none of its task set');
  one.read(2, 1, { lun: Lun.pool });
  assert.is(scene.dispatcher.held.length, 3);
  two.read(3, 1, { lun: Lun.pool });
  assert.is(scene.dispatcher.held.length, 3, 'but it holds back its own');
  one.taskManagement(clearTaskSet, { lun: Lun.pool });
  scene.dispatcher.completeAll();
  assert.equal(answersOf(one), [[one.lastTag, 'tmf']]);
  assert.is(answersOf(two)[0]?.[0], ordered);
  assert.equal([poll(one), poll(two)], [Status.good, Status.good], 'nobody lost anything');
  finish(scene, one, two);
});

for (const [name, stop] of Object.entries<(one: TestInitiator, lun: number) => void>({
  'LOGICAL UNIT RESET': (one, lun) => one.taskManagement(logicalUnitReset, { lun }),
  'I_T NEXUS RESET of the faulted nexus': (one) => one.taskManagement(itNexusReset),
})) {
  test(`${name} ends the ACA condition, and what was blocked of its nexus is never executed`, () => {
    const scene = new Scene();
    const [one, two] = [loggedIn(scene, { keys: LEVEL_2 }), loggedIn(scene)];
    const blocked = one.write(0, 1, { lun: Lun.pool });
    const { targetTransferTag } = one.takeR2T();
    fault(one);
    one.dataOut(blocked, new Uint8Array(BLOCK).fill(7), { targetTransferTag });
    stop(one, Lun.pool);
    scene.dispatcher.completeAll();
    one.takeTaskManagementResponse();
    assert.is.not((scene.stores[Lun.pool] as { bytes: Uint8Array }).bytes[0], 7);
    assert.is(poll(one), Status.checkCondition, 'its unit attention');
    poll(two);
    assert.equal([poll(one), poll(two)], [Status.good, Status.good]);
    finish(scene, one, two);
  });
}

test('the end of the faulted session ends its ACA condition', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene, { keys: ['DefaultTime2Retain=0'] }), loggedIn(scene)];
  const others = two.write(0, 1, { lun: Lun.pool });
  const { targetTransferTag } = two.takeR2T();
  fault(one);
  two.dataOut(others, new Uint8Array(BLOCK), { targetTransferTag });
  scene.dispatcher.completeAll();
  two.assertSilent();
  one.transport.destroy();
  scene.dispatcher.completeAll();
  assert.is(two.takeResponse().initiatorTaskTag, others);
  finish(scene, two);
});

test('a blocked command can be aborted, and its connection may end', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene, { keys: KEYS })];
  const blocked = one.write(0, 1, { lun: Lun.pool });
  const { targetTransferTag } = one.takeR2T();
  const others = two.write(8, 2, { lun: Lun.pool, data: new Uint8Array(BLOCK), final: false });
  fault(one);
  one.dataOut(blocked, new Uint8Array(BLOCK), { targetTransferTag });
  two.dataOut(others, new Uint8Array(BLOCK), { bufferOffset: BLOCK });
  one.taskManagement(abortTask, { referencedTaskTag: blocked });
  assert.is(one.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  two.transport.destroy();
  clear(one);
  one.takeTaskManagementResponse();
  assert.is(scene.dispatcher.held.length, 0);
  finish(scene, one);
});

test('a read straight out of the store that an ACA condition blocks gives its range to the ACA command, and returns what it found', () => {
  const scene = new Scene();
  // The fault has to come while the read is with a worker.
  (scene.taskSets[Lun.view] as { execution: string }).execution = 'pool';
  const initiator = loggedIn(scene);
  const read = initiator.read(0, 2, { lun: Lun.view });
  fault(initiator, { lun: Lun.view });
  scene.dispatcher.completeAll();
  const { bytes } = scene.stores[Lun.view] as { bytes: Uint8Array };
  const before = Buffer.from(bytes.subarray(0, 2 * BLOCK));
  const aca = initiator.write(0, 2, { lun: Lun.view, data: new Uint8Array(2 * BLOCK).fill(0x5a), attribute: ACA });
  scene.dispatcher.completeAll();
  assert.equal(answersOf(initiator), [[aca, Status.good]]);
  assert.is(bytes[0], 0x5a);
  clear(initiator, Lun.view);
  const [answer] = initiator.take();
  assert.is(answer?.header.getUint32(16), read);
  assertBytes((answer as SentPdu).data, before);
  finish(scene, initiator);
});

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

test('at a LUN without a logical unit NACA establishes nothing', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  for (let count = 0; count < 2; count++) {
    initiator.command('00 00 00 00 00 04', { lun: 77 });
    assert.is(initiator.takeResponse().sense, '05/25/00');
  }
  finish(scene, initiator);
});

test.run();
