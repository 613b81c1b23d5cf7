import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, type TestInitiator } from './test-initiator.js';

const { abortTask, abortTaskSet, logicalUnitReset } = TaskManagementFunction;
const { functionComplete, taskDoesNotExist, lunDoesNotExist, allegianceReassignmentNotSupported } = TaskManagementResponse;
const ORDERED = 2;
const KEYS = ['InitialR2T=No', 'MaxOutstandingR2T=1'];

function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

/** Ways to bring a command to a state in which it can be stopped; each answers its tag, and what ends all else. */
const states: Record<string, (scene: Scene, initiator: TestInitiator) => { tag: number; settle: () => void }> = {
  'that came before its turn': (_scene, initiator) => {
    const turn = initiator.cmdSN;
    const tag = initiator.write(0, 1, { cmdSN: turn + 1, data: new Uint8Array(BLOCK) });
    return {
      tag,
      settle: () => {
        initiator.nopOut({ cmdSN: turn });
        assert.is(initiator.connection.expCmdSN, turn + 2, 'its CmdSN counts as received');
      },
    };
  },
  'held back by an ORDERED one': (scene, initiator) => {
    initiator.write(0, 1, { lun: Lun.pool, attribute: ORDERED, data: new Uint8Array(BLOCK) });
    const tag = initiator.write(0, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) });
    initiator.read(5, 1, { lun: Lun.pool });
    return { tag, settle: () => scene.dispatcher.completeAll() };
  },
  'that is ORDERED and waits': (scene, initiator) => {
    initiator.read(0, 1, { lun: Lun.pool });
    const tag = initiator.read(0, 1, { lun: Lun.pool, attribute: ORDERED });
    initiator.read(0, 1, { lun: Lun.pool });
    return { tag, settle: () => scene.dispatcher.completeAll() };
  },
  'in an unsolicited sequence': (_scene, initiator) => {
    const tag = initiator.write(0, 4, { data: new Uint8Array(BLOCK), final: false });
    initiator.dataOut(tag, new Uint8Array(BLOCK), { bufferOffset: BLOCK, final: false });
    return { tag, settle: () => {} };
  },
  'with an R2T open': (_scene, initiator) => {
    const tag = initiator.write(0, 4);
    initiator.takeR2T();
    return { tag, settle: () => {} };
  },
  'that waits for a block range': (scene, initiator) => {
    initiator.write(0, 4, { lun: Lun.pool, data: new Uint8Array(4 * BLOCK) });
    const tag = initiator.write(2, 4, { lun: Lun.pool, data: new Uint8Array(4 * BLOCK) });
    initiator.read(5, 1, { lun: Lun.pool });
    return { tag, settle: () => scene.dispatcher.completeAll() };
  },
  'that waits for memory': (scene, initiator) => {
    // Its share is used up, while the arena is not short: a connection is not read then.
    const { connection } = initiator;
    const shareBytes = scene.arena.sizeBytes / 4;
    connection.arenaBytesHeld += shareBytes;
    const tag = initiator.read(0, 8, { lun: Lun.pool });
    assert.is(scene.runner.share.waitingCount, 1);
    return {
      tag,
      settle: () => {
        connection.arenaBytesHeld -= shareBytes;
      },
    };
  },
};

for (const [name, bring] of Object.entries(states)) {
  test(`ABORT TASK of a command ${name}`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, { keys: KEYS });
    const { tag, settle } = bring(scene, initiator);
    initiator.assertSilent();
    initiator.taskManagement(abortTask, { referencedTaskTag: tag });
    const [response, ...more] = initiator.take();
    assert.equal([response?.header.getUint8(0), response?.header.getUint8(2), more.length], [0x22, functionComplete, 0]);
    settle();
    const answered = initiator.take().map(({ header }) => header.getUint32(16));
    assert.not.ok(answered.includes(tag), 'a stopped command is not answered');
    finish(scene, initiator);
  });

  test(`a connection that ends takes along a command ${name}`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, { keys: KEYS });
    const other = loggedIn(scene);
    bring(scene, initiator);
    initiator.transport.destroy();
    scene.dispatcher.completeAll();
    initiator.take();
    other.read(0, 8, { lun: Lun.pool });
    scene.dispatcher.completeAll();
    other.takeDataIn();
    finish(scene, other);
  });
}

test('ABORT TASK of a command that a worker has: the response waits until it is back', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const tag = initiator.write(0, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK) });
  const behind = initiator.write(1, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK) });
  initiator.taskManagement(abortTask, { referencedTaskTag: tag });
  initiator.taskManagement(abortTask, { referencedTaskTag: tag });
  initiator.assertSilent();
  initiator.command('00', { initiatorTaskTag: tag });
  assert.is(initiator.takeReject().reason, 0x07, 'its tag is still in use');
  scene.dispatcher.completeHeld();
  assert.equal(
    initiator.take().map(({ header }) => [header.getUint8(0), header.getUint8(2)]),
    [
      [0x22, functionComplete],
      [0x22, functionComplete],
    ],
    'both are answered, the command is not',
  );
  assert.ok(initiator.transport.flushSoonCount > 0, 'and somebody sends it');
  scene.dispatcher.completeHeld();
  assert.is(initiator.takeResponse().initiatorTaskTag, behind, 'who waited for its range goes on');
  finish(scene, initiator);
});

test('task management functions that wait are bounded', () => {
  const scene = new Scene({ limits: { commandWindowCountMax: 3 } });
  const initiator = loggedIn(scene, { keys: KEYS });
  const tag = initiator.write(0, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK) });
  for (let count = 0; count < 3; count++) initiator.taskManagement(abortTask, { referencedTaskTag: tag });
  initiator.assertSilent();
  initiator.taskManagement(abortTask, { referencedTaskTag: tag });
  assert.is(initiator.takeReject().reason, 0x06, 'RFC 7143 §11.17.1: immediate command reject');
  scene.dispatcher.completeHeld();
  assert.is(initiator.take().length, 3);
  finish(scene, initiator);
});

test('a connection that ends while a worker has its command: slot and memory are not used again before it is back', () => {
  const scene = new Scene({ limits: { slotCount: 16 } });
  const initiator = loggedIn(scene, { keys: KEYS });
  const data = seededRandom(3).bytes(2 * BLOCK);
  initiator.write(0, 2, { lun: Lun.pool, data });
  const out = scene.dispatcher.held[0]?.slot.index;
  initiator.transport.destroy();
  assert.is(scene.runner.openTaskCount, 1);
  const other = loggedIn(scene, { keys: KEYS });
  for (let count = 0; count < 12; count++) other.write(10 + 2 * count, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK).fill(0xbb) });
  assert.is(scene.dispatcher.held.filter((job) => job.slot.index === out).length, 1);
  scene.dispatcher.completeAll();
  assertBytes((scene.stores[Lun.pool] as { bytes: Uint8Array }).bytes.subarray(0, 2 * BLOCK), data);
  other.take();
  finish(scene, other);
});

test('ABORT TASK of what was answered, or never was', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const tag = initiator.read(0, 1);
  initiator.takeDataIn();
  for (const referencedTaskTag of [tag, 0x9999]) {
    initiator.taskManagement(abortTask, { referencedTaskTag });
    assert.is(initiator.takeTaskManagementResponse().response, taskDoesNotExist);
  }
  assert.is(scene.runner.openTaskCount, 1, 'what was answered keeps its range until its bytes have left');
  finish(scene, initiator);
});

test('ABORT TASK SET stops the commands of its own nexus on its own logical unit', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  one.read(0, 1, { lun: Lun.pool });
  const elsewhere = one.write(0, 1);
  const { targetTransferTag } = one.takeR2T();
  const others = two.read(0, 1, { lun: Lun.pool });
  one.taskManagement(abortTaskSet, { lun: Lun.pool });
  one.assertSilent();
  scene.dispatcher.completeHeld();
  assert.is(one.takeTaskManagementResponse().response, functionComplete);
  scene.dispatcher.completeHeld();
  assert.is(two.takeDataIn().initiatorTaskTag, others);
  one.dataOut(elsewhere, new Uint8Array(BLOCK), { targetTransferTag });
  assert.is(one.takeResponse().initiatorTaskTag, elsewhere);
  finish(scene, one, two);
});

test('LOGICAL UNIT RESET stops the commands of every nexus, and each learns of it once', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  one.command('1b 00 00 00 04 00', { lun: Lun.pool });
  assert.is(one.takeResponse().status, 0, 'START STOP UNIT stops the unit');
  one.command('1b 00 00 00 01 00', { lun: Lun.pool });
  one.takeResponse();
  two.read(0, 1, { lun: Lun.pool });
  two.write(0, 4, { lun: Lun.pool });
  two.takeR2T();
  one.read(0, 1, { lun: Lun.pool, attribute: ORDERED });
  one.taskManagement(logicalUnitReset, { lun: Lun.pool });
  one.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(one.takeTaskManagementResponse().response, functionComplete);
  for (const initiator of [one, two]) {
    initiator.command('00', { lun: Lun.view });
    assert.is(initiator.takeResponse().status, 0, 'other units know nothing of it');
    initiator.command('00', { lun: Lun.pool });
    assert.is(initiator.takeResponse().sense, '06/29/03');
    initiator.command('00', { lun: Lun.pool });
    assert.is(initiator.takeResponse().status, 0);
  }
  finish(scene, one, two);
});

test('LOGICAL UNIT RESET starts a stopped unit', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.command('1b 00 00 00 04 00', { lun: Lun.pool });
  initiator.takeResponse();
  initiator.command('00', { lun: Lun.pool });
  assert.is(initiator.takeResponse().sense, '02/04/02');
  initiator.taskManagement(logicalUnitReset, { lun: Lun.pool });
  initiator.takeTaskManagementResponse();
  initiator.clearUnitAttentions([Lun.pool]);
  initiator.command('00', { lun: Lun.pool });
  assert.is(initiator.takeResponse().status, 0);
  finish(scene, initiator);
});

test('what still arrives for a stopped command does not land in memory that another has got', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene, { keys: KEYS }), loggedIn(scene, { keys: KEYS })];
  const stopped = one.write(0, 8, { lun: Lun.copy });
  const { targetTransferTag } = one.takeR2T();
  const data = seededRandom(8).bytes(8 * BLOCK);
  one.betweenChunks = () => {
    two.taskManagement(logicalUnitReset, { lun: Lun.copy });
    two.takeTaskManagementResponse();
    two.write(100, 8, { lun: Lun.pool, data });
  };
  one.dataOut(stopped, new Uint8Array(8 * BLOCK).fill(0xee), { targetTransferTag });
  one.betweenChunks = null;
  scene.dispatcher.completeAll();
  assert.is(two.takeResponse().status, 0);
  assertBytes((scene.stores[Lun.pool] as { bytes: Uint8Array }).bytes.subarray(100 * BLOCK, 108 * BLOCK), data);
  one.nopOut();
  assert.is(one.take().length, 1, 'the stream goes on behind it');
  finish(scene, one, two);
});

test('Data-Out that was on its way for a stopped command is dropped without a word, until the tag is used again', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const tag = initiator.write(0, 4);
  const { targetTransferTag } = initiator.takeR2T();
  initiator.taskManagement(abortTask, { referencedTaskTag: tag });
  initiator.takeTaskManagementResponse();
  initiator.dataOut(tag, new Uint8Array(BLOCK), { targetTransferTag, final: false });
  initiator.dataOut(tag, new Uint8Array(3 * BLOCK), { targetTransferTag, dataSN: 1, bufferOffset: BLOCK });
  initiator.assertSilent();
  initiator.read(0, 1, { initiatorTaskTag: tag });
  initiator.takeDataIn();
  initiator.dataOut(tag, new Uint8Array(BLOCK), { targetTransferTag });
  assert.is(initiator.takeReject().reason, 0x09);
  finish(scene, initiator);
});

test('functions for units that are not there, and functions that are not there', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.taskManagement(logicalUnitReset, { lun: 77 });
  assert.is(initiator.takeTaskManagementResponse().response, lunDoesNotExist);
  initiator.taskManagement(TaskManagementFunction.taskReassign);
  assert.is(initiator.takeTaskManagementResponse().response, allegianceReassignmentNotSupported);
  finish(scene, initiator);
});

test.run();
