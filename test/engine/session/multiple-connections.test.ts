import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LoginStatus, LogoutReason, LogoutResponse, Opcode, RejectReason, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { finishRecovery, joined, keysOf, PORT, patterned, RETAIN_MS, recovering, shortly } from './recovery-scene.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { type LoginChoices, TestInitiator } from './test-initiator.js';

/** The status that a login to join the session of `first` ends with. */
function joinStatus(scene: Scene, first: TestInitiator, choices: LoginChoices): number {
  return new TestInitiator(scene).login({ ...PORT, tsih: first.connection.session.tsih, ...choices }).status;
}

test('commands of two connections run in the order of their CmdSN, each answered where it came in, RFC 7143 §4.2.2.1', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const before = patterned(scene, Lun.view)(0, 1);
  const turn = one.cmdSN;
  two.write(0, 1, { cmdSN: turn + 1, data: new Uint8Array(BLOCK).fill(1) });
  two.nopOut({ cmdSN: turn + 2 });
  two.assertSilent();
  one.read(0, 1, { cmdSN: turn });
  assert.equal(one.takeDataIn().data, before, 'the older command came first');
  one.transport.output.flush();
  assert.equal(shortly(two.take()), ['nopIn', 'status 0']);
  assert.is(one.connection.session.window.expCmdSN, turn + 3);
  one.cmdSN = turn + 3;
  one.read(0, 1);
  assert.is(one.takeDataIn().data[0], 1);
  finishRecovery(scene, one, two);
});

test('each connection has its own StatSN and its own segment length, all have one window and the parameters of the session', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1, { expStatSN: 5000, keys: ['MaxRecvDataSegmentLength=512'] });
  two.read(0, 4);
  assert.equal(shortly(two.take()), ['data 0 @0 +512', 'data 1 @512 +512', 'data 2 @1024 +512', 'data 3 @1536 +512 F S']);
  assert.equal([two.connection.statSN, two.connection.parameters.maxBurstLength], [5002, 2048]);
  one.read(0, 2);
  assert.is(one.takeDataIn().data.length, 1024);
  assert.is(two.connection.expCmdSN, one.connection.expCmdSN);
  finishRecovery(scene, one, two);
});

test('who may join: the port of the session, with its target, as long as MaxConnections allows, RFC 7143 §6.3.1', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  assert.is(joinStatus(scene, one, { cid: 1, tsih: 4711 }), LoginStatus.sessionDoesNotExist);
  assert.is(joinStatus(scene, one, { cid: 1, isid: '80000000000b' }), LoginStatus.sessionDoesNotExist);
  assert.is(joinStatus(scene, one, { cid: 1, initiatorName: 'iqn.2024-01.test:thief' }), LoginStatus.sessionDoesNotExist);
  const others = [1, 2, 3].map((cid) => joined(scene, one, cid));
  assert.is(joinStatus(scene, one, { cid: 4 }), LoginStatus.tooManyConnections);
  assert.is(scene.directory.sessions.length, 1);
  others[0]?.transport.destroy();
  joined(scene, one, 4);
  assert.ok(one.connection.isOpen);
});

test('a thousand connections: as many as MaxConnections get in, and the session lives', () => {
  const scene = new Scene();
  const one = recovering(scene, 2);
  let admitted = 0;
  for (let cid = 1; cid <= 1000; cid++) if (joinStatus(scene, one, { cid }) === LoginStatus.success) admitted++;
  assert.equal([admitted, one.connection.session.connections.size], [3, 4]);
  for (const other of [...one.connection.session.connections.values()].slice(1)) other.transport.destroy();
  for (let cid = 1; cid <= 1000; cid++) joined(scene, one, cid).transport.destroy();
  assert.ok(one.connection.session.lost.count <= scene.limits.connectionPerSessionCountMax);
  one.nopOut();
  one.takeOne(Opcode.nopIn);
  scene.clock.advance(RETAIN_MS);
  assert.is(one.connection.session.lost.count, 0);
  finishRecovery(scene, one);
});

test('a task tag is one of the whole session', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const tag = one.read(0, 1, { lun: Lun.pool });
  two.command('00', { initiatorTaskTag: tag });
  assert.is(two.takeReject().reason, RejectReason.taskInProgress);
  scene.dispatcher.completeAll();
  one.takeDataIn();
  two.command('00', { initiatorTaskTag: tag });
  assert.is(two.takeResponse().status, 0);
  finishRecovery(scene, one, two);
});

test('one connection is lost: its commands end without a word, its early PDUs count as received, the others go on', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  two.write(0, 4);
  two.takeR2T();
  const turn = one.cmdSN;
  two.write(8, 1, { cmdSN: turn + 1, data: new Uint8Array(BLOCK).fill(9) });
  two.nopOut({ cmdSN: turn + 2 });
  two.transport.destroy();
  assert.is(scene.runner.openTaskCount, 0);
  const before = patterned(scene, Lun.view)(8, 1);
  one.command('00', { cmdSN: turn });
  assert.is(one.takeResponse().sense, '06/47/7f', 'the session learns that commands were cleared');
  assert.is(one.connection.session.window.expCmdSN, turn + 3);
  assert.is(scene.directory.sessions.length, 1);
  two.assertSilent();
  one.cmdSN = turn + 3;
  one.read(8, 1);
  assert.equal(one.takeDataIn().data, before, 'what a lost connection brought early does not run');
  finishRecovery(scene, one);
});

test('a logout that closes one connection ends its tasks alone; by another connection too', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const three = joined(scene, one, 2);
  one.read(0, 1, { lun: Lun.pool });
  two.write(0, 4);
  two.takeR2T();
  two.logout({ reason: LogoutReason.closeConnection, cid: 1 });
  assert.is(two.takeOne(Opcode.logoutResponse).header.getUint8(2), LogoutResponse.closed);
  assert.ok(two.transport.isClosed && !two.connection.isOpen);
  one.logout({ reason: LogoutReason.closeConnection, cid: 2 });
  assert.is(one.takeOne(Opcode.logoutResponse).header.getUint8(2), LogoutResponse.closed);
  assert.not.ok(three.connection.isOpen);
  one.logout({ reason: LogoutReason.closeConnection, cid: 2 });
  assert.is(one.takeOne(Opcode.logoutResponse).header.getUint8(2), LogoutResponse.cidNotFound);
  scene.dispatcher.completeAll();
  one.takeDataIn();
  finishRecovery(scene, one);
});

test('a logout that closes the session closes all its connections and ends all their tasks', () => {
  const scene = new Scene();
  const one = recovering(scene, 2);
  const two = joined(scene, one, 1);
  one.write(0, 4);
  one.takeR2T();
  two.logout({ reason: LogoutReason.closeSession });
  two.takeOne(Opcode.logoutResponse);
  assert.not.ok(one.connection.isOpen || two.connection.isOpen);
  assert.equal([scene.directory.sessions.length, scene.directory.failedSessionCount, scene.admission.sessionCount], [0, 0, 0]);
  finishRecovery(scene);
});

test('the same CID again takes the place of its connection, whose tasks end at ErrorRecoveryLevel 0, RFC 7143 §6.3.4', () => {
  const scene = new Scene();
  const old = recovering(scene, 0);
  const { session } = old.connection;
  old.write(0, 4);
  old.takeR2T();
  const next = joined(scene, old, 0);
  assert.ok(old.transport.isDestroyed && !old.connection.isOpen);
  assert.is(next.connection.session, session, 'the session goes on');
  assert.equal([scene.runner.openTaskCount, session.connections.size, scene.admission.sessionCount], [0, 1, 1]);
  assert.equal(sensesOf(next, Lun.view, 2), ['06/47/7f', ''], 'the nexus was not lost');
  finishRecovery(scene, next);
});

/** What TEST UNIT READY says, several times. */
function sensesOf(initiator: TestInitiator, lun: number, count: number): string[] {
  return Array.from({ length: count }, () => {
    initiator.command('00', { lun });
    return initiator.takeResponse().sense;
  });
}

test('tasks that end with their connection: each logical unit that had one tells the nexus, RFC 7143 §7.6', () => {
  for (const errorRecoveryLevel of [0, 1, 2]) {
    const scene = new Scene();
    const one = recovering(scene, errorRecoveryLevel);
    const two = joined(scene, one, 1);
    const stranger = recovering(scene, 0, { isid: '80000000000c' });
    two.write(0, 4, { lun: Lun.pool });
    two.takeR2T();
    one.read(0, 1);
    one.takeDataIn();
    if (errorRecoveryLevel === 0) {
      two.logout({ reason: LogoutReason.closeConnection, cid: 1 });
      two.takeOne(Opcode.logoutResponse);
    } else two.transport.destroy();
    if (errorRecoveryLevel === 2) {
      assert.equal(sensesOf(one, Lun.pool, 1), [''], 'the task may still be reassigned');
      scene.clock.advance(RETAIN_MS);
    }
    assert.equal(sensesOf(one, Lun.view, 1), [''], 'the unit had no task of the connection that is gone');
    assert.equal(sensesOf(one, Lun.pool, 2), ['06/47/7f', '']);
    assert.equal(sensesOf(stranger, Lun.pool, 1), [''], 'other nexuses had no task there');
    finishRecovery(scene, one, stranger);
  }
});

test('tasks of a session that ends have nobody to tell', () => {
  const scene = new Scene();
  const old = recovering(scene, 0);
  old.write(0, 4);
  old.takeR2T();
  const next = recovering(scene, 0);
  assert.equal(sensesOf(next, Lun.view, 1), [''], 'it was told of the nexus loss, and of nothing else');
  for (const { unit } of scene.taskSets) assert.ok(unit.hasNoUnitAttention(next.connection.nexus), 'nothing waits for the old nexus');
  finishRecovery(scene, next);
});

test('a session outlives its last connection by DefaultTime2Wait + DefaultTime2Retain, and is continued with its TSIH, RFC 7143 §13.16', () => {
  const scene = new Scene();
  const old = recovering(scene, 0);
  old.transport.destroy();
  assert.equal([scene.directory.sessions.length, scene.directory.failedSessionCount, scene.admission.sessionCount], [0, 1, 0]);
  scene.clock.advance(RETAIN_MS - 1);
  const next = joined(scene, old, 7);
  assert.equal([scene.directory.sessions.length, scene.directory.failedSessionCount, scene.admission.sessionCount], [1, 0, 1]);
  scene.clock.advance(RETAIN_MS);
  next.command('00');
  assert.is(next.takeResponse().sense, '', 'the nexus was not lost');
  next.transport.destroy();
  scene.clock.advance(RETAIN_MS);
  assert.is(scene.directory.failedSessionCount, 0);
  assert.is(joinStatus(scene, old, { cid: 0 }), LoginStatus.sessionDoesNotExist);
  finishRecovery(scene);
});

test('DefaultTime2Retain=0: the session goes with its last connection', () => {
  const scene = new Scene();
  const initiator = recovering(scene, 2, {}, 'DefaultTime2Retain=0');
  initiator.write(0, 4);
  initiator.takeR2T();
  initiator.transport.destroy();
  assert.is(scene.directory.failedSessionCount, 0);
  finishRecovery(scene);
});

test('a new session of the same port ends all connections of the old one, and what waited for it', () => {
  const scene = new Scene();
  const one = recovering(scene, 2);
  const two = joined(scene, one, 1);
  const three = joined(scene, one, 2);
  two.write(0, 4);
  three.write(8, 4);
  three.transport.destroy();
  assert.is(scene.runner.openTaskCount, 2);
  const next = new TestInitiator(scene);
  assert.is(next.login({ ...PORT, keys: keysOf(2) }).status, 0);
  assert.ok(one.transport.isDestroyed && two.transport.isDestroyed);
  assert.equal([scene.runner.openTaskCount, scene.directory.sessions.length, scene.directory.failedSessionCount], [0, 1, 0]);
  next.command('00');
  assert.is(next.takeResponse().sense, '06/29/07', 'the nexus was lost');
  next.clearUnitAttentions([1, 2, 3]);
  finishRecovery(scene, next);
});

test('sessions that wait for their initiators make room for those that are there', () => {
  const scene = new Scene({ limits: { sessionPerTargetCountMax: 3 } });
  for (let at = 0; at < 20; at++) {
    const initiator = new TestInitiator(scene);
    assert.is(initiator.login({ ...PORT, isid: `8000000000${(16 + at).toString(16)}` }).status, 0);
    initiator.transport.destroy();
  }
  assert.is(scene.directory.failedSessionCount, 3);
  scene.clock.advance(RETAIN_MS);
  assert.is(scene.directory.failedSessionCount, 0);
});

test('a gap in the CmdSNs is nobody’s stall as long as gaps close', () => {
  const scene = new Scene({ limits: { sendStallMsMax: 8000, nopInIntervalMs: 3_600_000 } });
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const idle = joined(scene, one, 2);
  const tick = () => {
    scene.clock.advance(5000);
    for (const each of [one, two, idle]) each.connection.keepalive.onTick(scene.clock.nowMicros());
  };
  for (let round = 0; round < 10; round++) {
    const turn = one.cmdSN;
    two.nopOut({ cmdSN: turn + 1 });
    tick();
    one.nopOut({ cmdSN: turn });
    one.cmdSN = turn + 2;
  }
  assert.ok(idle.connection.isOpen);
  two.nopOut({ cmdSN: one.cmdSN + 1 });
  tick();
  tick();
  assert.not.ok(idle.connection.isOpen, 'one that stays is');
});

test('what came early wakes the connection that its turn may come by, though memory is short', () => {
  const scene = new Scene({ limits: { slotCount: 16, commandWindowCountMax: 16, commandWindowStartCount: 16 } });
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const turn = one.cmdSN;
  for (let count = 0; count < 15; count++) one.read(count, 1, { lun: Lun.pool, immediate: count > 7 });
  assert.ok(one.transport.isReceivePaused, 'it holds commands, owes nothing, and slots are short');
  const next = one.cmdSN;
  assert.ok(next > turn);
  two.nopOut({ cmdSN: next + 1 });
  assert.not.ok(one.transport.isReceivePaused);
  one.nopOut({ cmdSN: next });
  one.cmdSN = next + 2;
  assert.equal(shortly(two.take()), ['nopIn']);
  scene.dispatcher.completeAll();
  one.take();
  finishRecovery(scene, one, two);
});

test('a PDU that is half here keeps its header while another connection brings the turn of one that was held', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const turn = one.cmdSN;
  two.nopOut({ cmdSN: turn + 1, initiatorTaskTag: 0xaa, data: new Uint8Array(8).fill(1) });
  two.betweenChunks = () => one.nopOut({ cmdSN: turn, initiatorTaskTag: 0x11 });
  two.nopOut({ cmdSN: turn + 2, initiatorTaskTag: 0xbb, data: new Uint8Array(8).fill(2) });
  two.betweenChunks = null;
  assert.is(one.takeOne(Opcode.nopIn).header.getUint32(16), 0x11);
  assert.equal(
    two.take().map(({ header, data }) => [header.getUint32(16), data[0]]),
    [
      [0xaa, 1],
      [0xbb, 2],
    ],
  );
  one.cmdSN = turn + 3;
  finishRecovery(scene, one, two);
});

test('a command whose turn comes by another connection while its data arrives runs at once, RFC 7143 §4.2.2.1', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const turn = one.cmdSN;
  two.betweenChunks = () => one.nopOut({ cmdSN: turn });
  two.write(0, 1, { cmdSN: turn + 1, data: new Uint8Array(BLOCK).fill(7) });
  two.betweenChunks = null;
  assert.equal([shortly(one.take()), shortly(two.take())], [['nopIn'], ['status 0']]);
  assert.is(one.connection.session.window.expCmdSN, turn + 2);
  one.cmdSN = turn + 2;
  finishRecovery(scene, one, two);
});

test('a command that a target reset lets count as received while its data arrives is dropped with its data, and takes no CmdSN but its own', () => {
  const scene = new Scene();
  const one = recovering(scene, 0);
  const two = joined(scene, one, 1);
  const turn = one.cmdSN;
  one.cmdSN = turn + 1;
  two.betweenChunks = () => void one.taskManagement(TaskManagementFunction.targetWarmReset);
  two.write(0, 1, { cmdSN: turn, data: new Uint8Array(BLOCK).fill(7) });
  two.betweenChunks = null;
  const late = two.write(0, 2, { cmdSN: turn, final: false });
  two.dataOut(late, new Uint8Array(2 * BLOCK));
  two.assertSilent();
  assert.is(one.takeTaskManagementResponse().response, 0);
  assert.is(one.connection.session.window.expCmdSN, turn + 1);
  finishRecovery(scene, one, two);
});

test.run();
