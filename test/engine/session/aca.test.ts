import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode, TaskAttribute, TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { CONTROL_UNUSED } from '../../../engine/scsi/cdb.js';
import { CommandTable, type DeviceType, type UnitCommandRow } from '../../../engine/scsi/command-table.js';
import { testUnitReadyRow } from '../../../engine/scsi/spc/test-unit-ready.js';
import { assertBytes } from '../../support/assert-bytes.js';
import type { SentPdu } from '../task/recording-output.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { answersOf, clear, fault, finish, poll, readNaca, Status, setMode } from './task-set-kit.js';
import { cdb10, loggedIn, type TestInitiator } from './test-initiator.js';

const { abortTask, clearTaskSet, logicalUnitReset, itNexusReset } = TaskManagementFunction;
const ACA = TaskAttribute.aca;
const ORDERED = TaskAttribute.ordered;
const HEAD_OF_QUEUE = TaskAttribute.headOfQueue;
const LEVEL_2 = ['iSCSIProtocolLevel=2'];
const KEYS = ['InitialR2T=No', 'MaxOutstandingR2T=1'];

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

test('a dormant command is not enabled by the fault of the ORDERED one before it', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const faulting = initiator.command(cdb10(0x2a, 0, 1).replace(/00$/, '04'), { write: BLOCK, lun: Lun.pool, attribute: ORDERED });
  const { targetTransferTag } = initiator.takeR2T();
  const behind = initiator.write(0, 1, { lun: Lun.pool });
  initiator.dataOut(faulting, new Uint8Array(BLOCK), { targetTransferTag, dataSN: 5 });
  assert.is(initiator.takeResponse().sense, '0b/4b/00');
  initiator.assertSilent();
  clear(initiator);
  assert.equal(
    initiator.take().map(({ header }) => [readOpcode(header, 0), header.getUint32(16)]),
    [
      [Opcode.readyToTransfer, behind],
      [Opcode.taskManagementResponse, initiator.lastTag],
    ],
  );
  initiator.taskManagement(abortTask, { referencedTaskTag: behind });
  initiator.takeTaskManagementResponse();
  finish(scene, initiator);
});

/** A device with one command, C0h, that takes four bytes; it counts how often that is executed. */
function countingDevice(): { type: DeviceType; executed: () => number } {
  let count = 0;
  const row: UnitCommandRow = {
    runsOn: 'main',
    reservation: 'always',
    opcode: 0xc0,
    name: 'COUNT',
    clause: 'none',
    cdbLength: 6,
    cdbUsage: [0xc0, 0, 0, 0, 0, CONTROL_UNUSED],
    passesUnitAttention: true,
    plan: (command) => {
      command.plannedDataOutLength = 4;
    },
    execute: () => {
      count++;
    },
  };
  const commands = new CommandTable([row, testUnitReadyRow]);
  return { type: { name: 'counting', peripheralDeviceType: 0, normalAca: true, commands }, executed: () => count };
}

test('a command of the main thread whose Data-Out comes under an ACA condition is executed when that is over', () => {
  const { type, executed } = countingDevice();
  const scene = new Scene({ deviceType: type });
  const initiator = loggedIn(scene, { keys: KEYS });
  const blocked = initiator.command('c0 00 00 00 00 00', { write: 4, lun: Lun.special });
  const { targetTransferTag } = initiator.takeR2T();
  initiator.command('01 00 00 00 00 04', { lun: Lun.special });
  assert.is(initiator.takeResponse().sense, '05/20/00');
  initiator.dataOut(blocked, new Uint8Array(4), { targetTransferTag });
  initiator.assertSilent();
  assert.is(executed(), 0);
  clear(initiator, Lun.special);
  assert.equal(answersOf(initiator), [
    [blocked, Status.good],
    [initiator.lastTag, 'tmf'],
  ]);
  assert.is(executed(), 1);
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
