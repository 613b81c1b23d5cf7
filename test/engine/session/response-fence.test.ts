import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeNopIn, Opcode, readOpcode, TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { Lun, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const { logicalUnitReset, abortTaskSet } = TaskManagementFunction;
const RESERVED_TAG = 0xffffffff;

/** Two connections of one session. */
function pair(scene: Scene, initiatorName: string, taskReporting: string): [TestInitiator, TestInitiator] {
  const keys = ['MaxConnections=2', `TaskReporting=${taskReporting}`];
  const first = loggedIn(scene, { initiatorName, keys });
  const second = new TestInitiator(scene);
  assert.is(second.join(first, { initiatorName, keys, tsih: first.connection.session.tsih, cid: 1 }).status, 0);
  return [first, second];
}

/** Takes the ping that asks for acknowledgement; answers a function that gives it. */
function takePing(initiator: TestInitiator): () => void {
  const { targetTransferTag, statSN } = decodeNopIn(initiator.takeOne(Opcode.nopIn).header, 0);
  return () => {
    initiator.expStatSN = statSN;
    initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, targetTransferTag, immediate: true });
  };
}

function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

test('the response of a reset waits for answers on other connections to arrive, and answers behind it wait for it', () => {
  const scene = new Scene();
  const [first, second] = pair(scene, 'iqn.2024-01.test:fenced', 'ResponseFence');
  const before = second.read(0, 1, { lun: Lun.view });
  assert.is(second.takeDataIn().initiatorTaskTag, before);
  first.taskManagement(logicalUnitReset, { lun: Lun.pool });
  first.assertSilent();
  const acknowledge = takePing(second);
  second.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true });
  first.assertSilent();
  const elsewhere = second.read(0, 1, { lun: Lun.copy });
  assert.is(second.takeDataIn().initiatorTaskTag, elsewhere, 'other units are not held up');
  acknowledge();
  const [response, ping, ...more] = first.take();
  assert.equal([response?.header.getUint8(0), response?.header.getUint8(2), more.length], [0x22, TaskManagementResponse.functionComplete, 0]);
  assert.is(readOpcode(ping?.header as DataView, 0), Opcode.nopIn);
  const behind = second.command('00', { lun: Lun.pool });
  second.assertSilent();
  assert.ok(scene.runner.openTaskCount > 0);
  first.expStatSN = ((response?.header.getUint32(24) as number) + 1) >>> 0;
  first.nopOut({ initiatorTaskTag: RESERVED_TAG, targetTransferTag: ping?.header.getUint32(20) as number, immediate: true });
  const answer = second.takeResponse();
  assert.equal([answer.initiatorTaskTag, answer.sense], [behind, '06/29/03']);
  assert.ok(second.transport.flushSoonCount > 0, 'and somebody sends it');
  second.command('00', { lun: Lun.pool });
  assert.is(second.takeResponse().status, 0, 'the fence is gone');
  finish(scene, first, second);
});

test('functions that wait for each other keep their order', () => {
  const scene = new Scene();
  const [first, second] = pair(scene, 'iqn.2024-01.test:two-fences', 'FastAbort');
  first.taskManagement(abortTaskSet, { lun: Lun.pool });
  second.taskManagement(abortTaskSet, { lun: Lun.pool });
  first.assertSilent();
  takePing(second)();
  assert.equal(
    first.take().map(({ header }) => readOpcode(header, 0)),
    [Opcode.taskManagementResponse, Opcode.nopIn],
  );
  second.assertSilent();
  first.expStatSN = first.connection.statSN;
  first.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true });
  const acknowledge = takePing(first);
  second.assertSilent();
  acknowledge();
  assert.is(second.take().length, 2);
  second.expStatSN = second.connection.statSN;
  second.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true });
  assert.not.ok(first.connection.session.isFenced);
  finish(scene, first, second);
});

test('a session whose tasks another has stopped hears of it when what it was answered before has arrived', () => {
  const scene = new Scene();
  const [first, second] = pair(scene, 'iqn.2024-01.test:third-party', 'ResponseFence');
  const other = loggedIn(scene);
  const answered = second.read(0, 1, { lun: Lun.copy });
  assert.is(second.takeDataIn().initiatorTaskTag, answered);
  first.read(0, 1, { lun: Lun.pool });
  other.taskManagement(logicalUnitReset, { lun: Lun.pool });
  scene.dispatcher.completeAll();
  assert.is(other.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete, 'who asked does not wait for it');
  const acknowledge = takePing(second);
  first.command('00', { lun: Lun.pool });
  first.assertSilent();
  acknowledge();
  takePing(first)();
  assert.is(first.takeResponse().sense, '06/29/03');
  assert.not.ok(first.connection.session.isFenced);
  finish(scene, first, second, other);
});

test('a connection that is lost holds up no fence, and takes along what waits for it', () => {
  const scene = new Scene();
  const [first, second] = pair(scene, 'iqn.2024-01.test:lost', 'ResponseFence');
  first.taskManagement(logicalUnitReset, { lun: Lun.pool });
  const held = second.command('00', { lun: Lun.pool });
  takePing(second);
  second.assertSilent();
  second.transport.destroy();
  assert.is(first.take()[0]?.header.getUint8(0), 0x22);
  const other = first.command('00', { lun: Lun.pool });
  first.expStatSN = first.connection.statSN;
  first.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true });
  assert.is(first.takeResponse().initiatorTaskTag, other);
  assert.ok(held > 0);
  finish(scene, first);
});

test('a task that is aborted while its answer waits is not answered', () => {
  const scene = new Scene();
  const [first, second] = pair(scene, 'iqn.2024-01.test:held-abort', 'ResponseFence');
  first.taskManagement(logicalUnitReset, { lun: Lun.pool });
  const acknowledge = takePing(second);
  const tag = second.command('00', { lun: Lun.pool });
  second.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
  assert.is(second.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  acknowledge();
  assert.ok(first.connection.session.isFenced, 'the second half of the fence stands');
  first.take();
  // What ExpStatSN was before the response of ABORT TASK does not matter to the fence.
  first.expStatSN = first.connection.statSN;
  first.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true });
  assert.not.ok(first.connection.session.isFenced);
  finish(scene, first, second);
});

test('one connection, or TaskReporting=RFC3720, has no fence', () => {
  const scene = new Scene();
  const single = loggedIn(scene, { keys: ['TaskReporting=ResponseFence'] });
  single.taskManagement(logicalUnitReset, { lun: Lun.pool });
  assert.is(single.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  const [first, second] = pair(scene, 'iqn.2024-01.test:unfenced', 'RFC3720');
  first.taskManagement(logicalUnitReset, { lun: Lun.pool });
  assert.is(first.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  finish(scene, single, first, second);
});

test.run();
