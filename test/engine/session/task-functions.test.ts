import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeAsyncMessage, Opcode, readOpcode, TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const { abortTask, abortTaskSet, clearAca, clearTaskSet, logicalUnitReset, targetWarmReset, targetColdReset } = TaskManagementFunction;
const { queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent } = TaskManagementFunction;
const { functionComplete, taskDoesNotExist, lunDoesNotExist, functionNotSupported, functionSucceeded } = TaskManagementResponse;
const KEYS = ['InitialR2T=No', 'MaxOutstandingR2T=2', 'MaxBurstLength=2048'];
const LEVEL_2 = ['iSCSIProtocolLevel=2'];
const FAST_ABORT = ['TaskReporting=FastAbort'];
const UNITS = [Lun.view, Lun.pool, Lun.copy];

function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

/** What TEST UNIT READY says: the sense, or the empty string. */
function readiness(initiator: TestInitiator, lun: number): string {
  initiator.command('00', { lun });
  return initiator.takeResponse().sense;
}

/** A write with both of its R2Ts out; the PDUs that answer them. */
function openWrite(initiator: TestInitiator, lun: number): { tag: number; answers: (() => void)[] } {
  const tag = initiator.write(0, 8, { lun });
  const r2ts = initiator.take();
  assert.equal(
    r2ts.map(({ header }) => readOpcode(header, 0)),
    [Opcode.readyToTransfer, Opcode.readyToTransfer],
  );
  const answers = r2ts.map(({ header }) => () => {
    initiator.dataOut(tag, new Uint8Array(header.getUint32(44)), { targetTransferTag: header.getUint32(20), bufferOffset: header.getUint32(40) });
  });
  return { tag, answers };
}

test('ABORT TASK of a command that has not come: its CmdSN counts as received, and it is ignored when it comes (RFC 7143 §11.6.1)', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const turn = initiator.cmdSN;
  const lost = 0x7001;
  const behind = initiator.command('00', { cmdSN: turn + 1 });
  initiator.cmdSN = turn + 2;
  initiator.taskManagement(abortTask, { referencedTaskTag: lost, refCmdSN: turn });
  const [response, answer, ...more] = initiator.take();
  assert.equal([response?.header.getUint8(0), response?.header.getUint8(2)], [0x22, functionComplete]);
  assert.equal([answer?.header.getUint8(0), answer?.header.getUint32(16), more.length], [0x21, behind, 0], 'what stood behind it runs');
  const data = new Uint8Array(BLOCK).fill(0x77);
  initiator.write(0, 2, { cmdSN: turn, initiatorTaskTag: lost, data, final: false });
  initiator.dataOut(lost, data, { bufferOffset: BLOCK });
  initiator.assertSilent();
  assert.is((scene.stores[0] as { bytes: Uint8Array }).bytes[0], 0);
  finish(scene, initiator);
});

test('ABORT TASK of one that has not come behind others that have not: the order is kept', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.cmdSN = turn + 3;
  initiator.taskManagement(abortTask, { referencedTaskTag: 0x7001, refCmdSN: turn + 1 });
  assert.is(initiator.takeTaskManagementResponse().response, functionComplete);
  const last = initiator.command('00', { cmdSN: turn + 2 });
  initiator.command('00', { cmdSN: turn + 1, initiatorTaskTag: 0x7001 });
  initiator.assertSilent();
  const first = initiator.command('00', { cmdSN: turn });
  assert.equal(
    initiator.take().map(({ header }) => header.getUint32(16)),
    [first, last],
  );
  finish(scene, initiator);
});

test('ABORT TASK with a RefCmdSN that cannot be on its way', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  const { maxCmdSN } = initiator.connection;
  for (const refCmdSN of [turn - 1, turn, maxCmdSN + 1]) {
    initiator.taskManagement(abortTask, { referencedTaskTag: 0x7001, refCmdSN });
    assert.is(initiator.takeTaskManagementResponse().response, taskDoesNotExist, `RefCmdSN ${refCmdSN - turn} from ExpCmdSN`);
  }
  assert.is(initiator.connection.expCmdSN, turn);
  finish(scene, initiator);
});

test('ABORT TASK looks at the logical unit too', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const tag = initiator.read(0, 1, { lun: Lun.pool });
  initiator.taskManagement(abortTask, { referencedTaskTag: tag, lun: Lun.copy });
  assert.is(initiator.takeTaskManagementResponse().response, taskDoesNotExist);
  initiator.taskManagement(abortTask, { referencedTaskTag: tag, lun: 99 });
  assert.is(initiator.takeTaskManagementResponse().response, lunDoesNotExist);
  scene.dispatcher.completeAll();
  assert.is(initiator.takeDataIn().initiatorTaskTag, tag);
  finish(scene, initiator);
});

test('a function that is not immediate waits for its turn, and concerns what stands before it only', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.read(0, 1, { lun: Lun.pool, cmdSN: turn + 2, initiatorTaskTag: 0xc });
  initiator.taskManagement(abortTaskSet, { lun: Lun.pool, cmdSN: turn + 1 });
  initiator.assertSilent();
  initiator.read(0, 1, { lun: Lun.pool, cmdSN: turn, initiatorTaskTag: 0xa });
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  assert.equal(
    initiator
      .take()
      .map(({ header }) => [header.getUint8(0), header.getUint32(16)])
      .at(-1),
    [0x25, 0xc],
    'the younger one is answered',
  );
  finish(scene, initiator);
});

test('an immediate function on a task set waits for commands that were sent before it (RFC 7143 §4.2.3.3)', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.cmdSN = turn + 2;
  initiator.taskManagement(clearTaskSet, { lun: Lun.pool });
  initiator.read(0, 1, { lun: Lun.pool, cmdSN: turn + 2, initiatorTaskTag: 0xc });
  initiator.read(0, 1, { lun: Lun.pool, cmdSN: turn + 1, initiatorTaskTag: 0xb });
  initiator.assertSilent();
  assert.ok(initiator.connection.owesPdus, 'who lets it wait for ever is dropped');
  initiator.read(0, 1, { lun: Lun.pool, cmdSN: turn, initiatorTaskTag: 0xa });
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  assert.equal(
    initiator.take().map(({ header }) => [header.getUint8(0), header.getUint32(16)]),
    [
      [0x22, initiator.lastTag],
      [0x25, 0xc],
    ],
    'the two before it are stopped, the one behind it is not',
  );
  finish(scene, initiator);
});

test('commands that were sent behind a function, but came before it by another connection, go on', () => {
  const scene = new Scene();
  const keys = ['MaxConnections=2'];
  const initiatorName = 'iqn.2024-01.test:two-connections';
  const first = loggedIn(scene, { initiatorName, keys });
  const second = new TestInitiator(scene);
  assert.is(second.join(first, { initiatorName, keys, tsih: first.connection.session.tsih, cid: 1 }).status, 0);
  const older = first.read(0, 1, { lun: Lun.pool });
  const turn = first.cmdSN;
  const younger = first.read(0, 1, { lun: Lun.pool });
  second.cmdSN = turn;
  second.taskManagement(abortTaskSet, { lun: Lun.pool });
  scene.dispatcher.completeAll();
  assert.is(second.takeTaskManagementResponse().response, functionComplete);
  assert.is(first.takeDataIn().initiatorTaskTag, younger, `and not ${older}`);
  second.cmdSN = turn + 1;
  second.taskManagement(abortTask, { lun: Lun.pool, referencedTaskTag: first.read(0, 1, { lun: Lun.pool }) });
  scene.dispatcher.completeAll();
  assert.is(second.takeTaskManagementResponse().response, functionComplete, 'a task may be named on any connection');
  finish(scene, first, second);
});

test('an immediate reset of the target waits for nothing: what has not come counts as received', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.cmdSN = turn + 2;
  initiator.read(0, 1, { lun: Lun.pool, cmdSN: turn + 1 });
  initiator.taskManagement(targetWarmReset);
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(initiator.takeTaskManagementResponse().response, functionComplete);
  assert.is(initiator.connection.expCmdSN, turn + 2);
  initiator.command('00', { cmdSN: turn });
  initiator.assertSilent();
  finish(scene, initiator);
});

test('CLEAR TASK SET stops the commands of every nexus, and those others learn of it by a unit attention', () => {
  const scene = new Scene();
  const [one, two, idle] = [loggedIn(scene), loggedIn(scene), loggedIn(scene)];
  one.read(0, 1, { lun: Lun.pool });
  two.read(0, 1, { lun: Lun.pool });
  two.write(0, 4, { lun: Lun.pool });
  two.takeR2T();
  const elsewhere = two.read(0, 1, { lun: Lun.copy });
  assert.is(two.takeDataIn().initiatorTaskTag, elsewhere);
  one.taskManagement(clearTaskSet, { lun: Lun.pool });
  one.assertSilent();
  scene.dispatcher.completeHeld();
  one.assertSilent();
  scene.dispatcher.completeHeld();
  assert.is(one.takeTaskManagementResponse().response, functionComplete, 'once the last worker is back');
  assert.equal(
    [one, two, idle].map((initiator) => readiness(initiator, Lun.pool)),
    ['', '06/2f/00', ''],
  );
  assert.equal(
    [one, two, idle].map((initiator) => readiness(initiator, Lun.pool)),
    ['', '', ''],
    'told once',
  );
  assert.is(readiness(two, Lun.copy), '');
  finish(scene, one, two, idle);
});

test('CLEAR ACA: where there is no ACA condition it is complete at once, where there is no unit it is refused', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.taskManagement(clearAca, { lun: Lun.pool });
  assert.is(initiator.takeTaskManagementResponse().response, functionComplete);
  initiator.taskManagement(clearAca, { lun: 99 });
  assert.is(initiator.takeTaskManagementResponse().response, lunDoesNotExist);
  finish(scene, initiator);
});

test('TARGET WARM RESET stops everything on all logical units, and every nexus learns of it on each', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene), loggedIn(scene)];
  one.read(0, 1, { lun: Lun.pool });
  two.write(0, 4, { lun: Lun.copy });
  two.takeR2T();
  one.taskManagement(targetWarmReset, { lun: 77 });
  one.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(one.takeTaskManagementResponse().response, functionComplete, 'the LUN field says nothing');
  for (const initiator of [one, two]) {
    assert.equal(
      UNITS.map((lun) => readiness(initiator, lun)),
      ['06/29/03', '06/29/03', '06/29/03'],
    );
    assert.ok(initiator.connection.isOpen);
  }
  finish(scene, one, two);
});

test('TARGET COLD RESET is a power cycle: it is answered, all sessions are told and end, and who comes back hears of power on', () => {
  const scene = new Scene();
  const names = ['iqn.2024-01.test:cold-one', 'iqn.2024-01.test:cold-two'];
  const [one, two] = names.map((initiatorName) => loggedIn(scene, { initiatorName })) as [TestInitiator, TestInitiator];
  one.read(0, 1, { lun: Lun.pool });
  two.read(0, 1, { lun: Lun.pool });
  one.taskManagement(targetColdReset);
  one.assertSilent();
  assert.ok(two.connection.isOpen, 'not before the tasks have stopped');
  scene.dispatcher.completeAll();
  const [response, message] = one.take();
  assert.equal([response?.header.getUint8(0), response?.header.getUint8(2)], [0x22, functionComplete]);
  const drop = decodeAsyncMessage(message?.header as DataView, 0);
  assert.equal([drop.asyncEvent, drop.parameter1, drop.parameter2, drop.parameter3], [3, 0, 2, 0]);
  assert.is(decodeAsyncMessage(two.takeOne(Opcode.asyncMessage).header, 0).asyncEvent, 3);
  assert.ok(one.transport.isClosed && two.transport.isClosed);
  assert.is(scene.directory.sessions.length, 0);
  const again = new TestInitiator(scene);
  again.login({ initiatorName: names[1] as string });
  assert.is(readiness(again, Lun.pool), '06/29/00', 'not the loss of a nexus');
  finish(scene, one, two, again);
});

test('below iSCSIProtocolLevel 2 there are no functions of RFC 7144', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  for (const code of [queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent]) {
    initiator.taskManagement(code, { lun: Lun.pool });
    assert.is(initiator.takeTaskManagementResponse().response, functionNotSupported);
  }
  finish(scene, initiator);
});

test('QUERY TASK and QUERY TASK SET tell what is there, and change nothing', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene, { keys: LEVEL_2 }), loggedIn(scene, { keys: LEVEL_2 })];
  const tag = one.read(0, 1, { lun: Lun.pool });
  const ask = (initiator: TestInitiator, code: number, lun: number, referencedTaskTag?: number) => {
    initiator.taskManagement(code, referencedTaskTag === undefined ? { lun } : { lun, referencedTaskTag });
    return initiator.takeTaskManagementResponse().response;
  };
  assert.equal(
    [Lun.pool, Lun.copy, 99].map((lun) => ask(one, queryTask, lun, tag)),
    [functionSucceeded, functionComplete, lunDoesNotExist],
  );
  assert.is(ask(one, queryTask, Lun.pool, tag + 1), functionComplete);
  assert.is(ask(two, queryTask, Lun.pool, tag), functionComplete, 'the tag of another nexus');
  assert.equal(
    [Lun.pool, Lun.copy, 99].map((lun) => ask(one, queryTaskSet, lun)),
    [functionSucceeded, functionComplete, lunDoesNotExist],
  );
  assert.is(ask(two, queryTaskSet, Lun.pool), functionComplete, 'only its own');
  scene.dispatcher.completeAll();
  one.takeDataIn();
  assert.equal([ask(one, queryTask, Lun.pool, tag), ask(one, queryTaskSet, Lun.pool)], [functionComplete, functionComplete]);
  finish(scene, one, two);
});

test('QUERY ASYNCHRONOUS EVENT tells the unit attention that comes next, and leaves it pending', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: LEVEL_2 });
  const ask = () => {
    initiator.taskManagement(queryAsynchronousEvent, { lun: Lun.pool });
    const { response, additionalResponseInformation } = initiator.takeTaskManagementResponse();
    return [response, additionalResponseInformation];
  };
  assert.equal(ask(), [functionComplete, 0]);
  const { unit } = scene.taskSets[Lun.pool] as (typeof scene.taskSets)[number];
  const nexusId = initiator.connection.nexus.id;
  unit.establishUnitAttention(nexusId, 0x2903);
  assert.equal(ask(), [functionSucceeded, 0x162903], 'UADE DEPTH 01b: one');
  unit.establishUnitAttention(nexusId, 0x2f00);
  assert.equal(ask(), [functionSucceeded, 0x262903], 'UADE DEPTH 10b: more than one');
  assert.equal([readiness(initiator, Lun.pool), readiness(initiator, Lun.pool), readiness(initiator, Lun.pool)], ['06/29/03', '06/2f/00', '']);
  finish(scene, initiator);
});

test('I_T NEXUS RESET leaves pending what tells of a wider event: the nexus still has to learn of the reset of the unit', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene, { keys: LEVEL_2 }), loggedIn(scene)];
  two.taskManagement(logicalUnitReset, { lun: Lun.pool });
  assert.is(two.takeTaskManagementResponse().response, functionComplete);
  one.taskManagement(itNexusReset);
  assert.is(one.takeTaskManagementResponse().response, functionComplete);
  assert.equal([readiness(one, Lun.pool), readiness(one, Lun.pool), readiness(one, Lun.copy)], ['06/29/03', '', '06/29/07']);
  readiness(two, Lun.pool);
  finish(scene, one, two);
});

test('I_T NEXUS RESET stops what one nexus has anywhere; it alone learns of it, and its session stays', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene, { keys: LEVEL_2 }), loggedIn(scene)];
  one.read(0, 1, { lun: Lun.pool });
  one.write(0, 4, { lun: Lun.copy });
  const { targetTransferTag } = one.takeR2T();
  const others = two.read(0, 1, { lun: Lun.pool });
  const tag = one.lastTag;
  one.taskManagement(itNexusReset);
  scene.dispatcher.completeHeld();
  one.assertSilent();
  one.dataOut(tag, new Uint8Array(4 * BLOCK), { targetTransferTag });
  assert.is(one.takeTaskManagementResponse().response, functionComplete);
  scene.dispatcher.completeAll();
  assert.is(two.takeDataIn().initiatorTaskTag, others);
  assert.equal(
    UNITS.map((lun) => readiness(one, lun)),
    ['06/29/07', '06/29/07', '06/29/07'],
  );
  assert.equal(
    UNITS.map((lun) => readiness(two, lun)),
    ['', '', ''],
  );
  finish(scene, one, two);
});

for (const code of [abortTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset]) {
  test(`function ${code} waits for what its initiator still sends for R2Ts, but not for that of others (RFC 7143 §4.2.3.3)`, () => {
    const scene = new Scene();
    const [one, two] = [loggedIn(scene, { keys: KEYS }), loggedIn(scene, { keys: KEYS })];
    const { tag, answers } = openWrite(one, Lun.pool);
    openWrite(two, Lun.pool);
    one.taskManagement(code, { lun: Lun.pool });
    one.assertSilent();
    answers[1]?.();
    one.assertSilent();
    one.dataOut(tag, new Uint8Array(512), { targetTransferTag: 0x7777 });
    one.assertSilent();
    answers[0]?.();
    assert.is(one.takeTaskManagementResponse().response, functionComplete);
    two.assertSilent();
    two.transport.destroy();
    finish(scene, one);
  });
}

test('an initiator that sends nothing more for its R2Ts gets its response after a while', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  openWrite(initiator, Lun.pool);
  initiator.taskManagement(logicalUnitReset, { lun: Lun.pool });
  scene.clock.advance(scene.limits.abortedTransferMsMax);
  initiator.connection.keepalive.onTick(scene.clock.nowMicros());
  initiator.assertSilent();
  scene.clock.advance(1);
  initiator.connection.keepalive.onTick(scene.clock.nowMicros());
  assert.is(initiator.takeTaskManagementResponse().response, functionComplete);
  finish(scene, initiator);
});

test('FastAbort waits for no Data-Out, and other FastAbort sessions are told of each logical unit (RFC 7143 §4.2.3.4)', () => {
  const scene = new Scene();
  const [one, two, slow, idle] = [FAST_ABORT, FAST_ABORT, [], FAST_ABORT].map((keys) => loggedIn(scene, { keys: [...KEYS, ...keys] }));
  assert.ok(one !== undefined && two !== undefined && slow !== undefined && idle !== undefined);
  const own = openWrite(one, Lun.pool);
  for (const other of [two, slow]) for (const lun of [Lun.pool, Lun.copy]) openWrite(other, lun);
  one.taskManagement(targetWarmReset);
  assert.is(one.takeTaskManagementResponse().response, functionComplete, 'at once');
  const messages = two.take().map(({ header }) => decodeAsyncMessage(header, 0));
  assert.equal(
    messages.map(({ asyncEvent, lunHigh }) => [asyncEvent, lunHigh >>> 16]),
    [
      [5, Lun.pool],
      [5, Lun.copy],
    ],
  );
  for (const other of [slow, idle]) other.assertSilent();
  assert.ok(two.transport.flushSoonCount > 0, 'and somebody sends it');
  two.nopOut({ initiatorTaskTag: 0xffffffff, immediate: true });
  own.answers[0]?.();
  for (const initiator of [one, two, slow, idle]) initiator.assertSilent();
  for (const initiator of [one, two, slow, idle]) assert.is(readiness(initiator, Lun.pool), '06/29/03');
  finish(scene, one, two, slow, idle);
});

test('a connection that ends while its function waits takes it along', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  openWrite(initiator, Lun.pool);
  initiator.read(100, 1, { lun: Lun.pool });
  initiator.taskManagement(logicalUnitReset, { lun: Lun.pool });
  initiator.transport.destroy();
  scene.dispatcher.completeAll();
  finish(scene, initiator);
});

test.run();
