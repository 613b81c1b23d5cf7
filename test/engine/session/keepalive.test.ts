import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeNopIn, Opcode, RESERVED_TAG } from '../../../engine/pdu/index.js';
import { BLOCK, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const LIMITS = { nopInIntervalMs: 10_000, nopInAnswerMsMax: 5_000, sendStallMsMax: 8_000 };
const TICK_MS = 1000;

/** Lets time pass as the engine does: one tick a second. */
function wait(scene: Scene, initiator: TestInitiator, ms: number): void {
  for (let passed = 0; passed < ms; passed += TICK_MS) {
    scene.clock.advance(TICK_MS);
    initiator.connection.keepalive.onTick(scene.clock.nowMicros());
  }
}

function takePing(initiator: TestInitiator) {
  const ping = decodeNopIn(initiator.takeOne(Opcode.nopIn).header, 0);
  assert.is(ping.initiatorTaskTag, RESERVED_TAG);
  assert.is.not(ping.targetTransferTag, RESERVED_TAG);
  return ping;
}

test('a silent initiator is asked whether it lives, and stays when it answers', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  const { statSN } = initiator.connection;
  wait(scene, initiator, 10_000);
  initiator.assertSilent();
  wait(scene, initiator, 1_000);
  const ping = takePing(initiator);
  assert.equal([ping.statSN, initiator.connection.statSN], [statSN, statSN], 'a ping uses up no StatSN');
  assert.is(initiator.transport.flushSoonCount, 1);
  wait(scene, initiator, 4_000);
  initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, targetTransferTag: ping.targetTransferTag, immediate: true });
  initiator.assertSilent();
  wait(scene, initiator, 10_000);
  assert.ok(initiator.connection.isOpen);
  initiator.assertSilent();
  wait(scene, initiator, 1_000);
  assert.is.not(takePing(initiator).targetTransferTag, ping.targetTransferTag, 'each ping has a tag of its own');
});

test('one that does not answer is dropped', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  wait(scene, initiator, 11_000);
  takePing(initiator);
  wait(scene, initiator, 5_000);
  assert.not.ok(initiator.transport.isDestroyed);
  wait(scene, initiator, 1_000);
  assert.ok(initiator.transport.isDestroyed);
  assert.is(scene.directory.sessions.length, 0);
  initiator.assertSilent();
});

test('anything that it sends shows that it lives', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  for (let count = 0; count < 5; count++) {
    wait(scene, initiator, 8_000);
    initiator.command('00');
    initiator.takeResponse();
  }
  wait(scene, initiator, 11_000);
  takePing(initiator);
  wait(scene, initiator, 3_000);
  initiator.command('00');
  initiator.takeResponse();
  wait(scene, initiator, 9_000);
  assert.ok(initiator.connection.isOpen);
  initiator.assertSilent();
});

test('one that is not read is neither asked nor dropped: nobody could hear it', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  initiator.transport.pauseReceive();
  wait(scene, initiator, 60_000);
  initiator.assertSilent();
  assert.ok(initiator.connection.isOpen);
  initiator.transport.resumeReceive();
  wait(scene, initiator, 11_000);
  takePing(initiator);
});

test('an answer to another ping does not count as one, but shows life', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  wait(scene, initiator, 11_000);
  takePing(initiator);
  wait(scene, initiator, 1_000);
  initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, targetTransferTag: 0x7777, immediate: true });
  initiator.assertSilent();
  wait(scene, initiator, 8_000);
  assert.ok(initiator.connection.isOpen);
});

test('one that owes data for too long is dropped, whatever else it sends', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  initiator.write(0, 4);
  const { targetTransferTag } = initiator.takeR2T();
  for (let count = 0; count < 7; count++) {
    wait(scene, initiator, 1_000);
    initiator.nopOut();
    initiator.takeOne(Opcode.nopIn);
  }
  initiator.dataOut(initiator.lastTag - 7, new Uint8Array(BLOCK), { targetTransferTag, final: false });
  wait(scene, initiator, 8_000);
  assert.ok(initiator.connection.isOpen, 'a piece of it is progress');
  wait(scene, initiator, 1_000);
  assert.ok(initiator.transport.isDestroyed);
  scene.assertIdle();
});

test('a first command that owes data is not taken for one that has owed it for ever', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = new TestInitiator(scene);
  initiator.login();
  initiator.clearUnitAttentions();
  initiator.write(0, 1);
  initiator.takeR2T();
  wait(scene, initiator, 1_000);
  assert.ok(initiator.connection.isOpen);
});

test('a NOP-Out without a tag of its own gets no answer, with data or without, in its turn by CmdSN or immediate', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true });
  initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, immediate: true, data: new Uint8Array(100) });
  assert.is(initiator.connection.expCmdSN, turn);
  initiator.nopOut({ initiatorTaskTag: RESERVED_TAG });
  assert.is(initiator.connection.expCmdSN, turn + 1, 'one that is not immediate uses up its CmdSN');
  initiator.assertSilent();
});

test('one NOP-Out may answer our ping and be a ping itself', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = loggedIn(scene);
  wait(scene, initiator, 11_000);
  const { targetTransferTag } = takePing(initiator);
  const tag = initiator.nopOut({ targetTransferTag, data: Buffer.from('abc') });
  const pong = initiator.takeOne(Opcode.nopIn);
  assert.equal([pong.header.getUint32(16), pong.header.getUint32(20), pong.data.toString()], [tag, RESERVED_TAG, 'abc']);
  wait(scene, initiator, 9_000);
  assert.ok(initiator.connection.isOpen);
  initiator.assertSilent();
});

test('a ping of ours is answered in a discovery session as in any other', () => {
  const scene = new Scene({ limits: LIMITS });
  const initiator = new TestInitiator(scene);
  initiator.login({ discovery: true });
  wait(scene, initiator, 11_000);
  const { targetTransferTag } = takePing(initiator);
  initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, targetTransferTag, immediate: true });
  wait(scene, initiator, 9_000);
  initiator.assertSilent();
  assert.ok(initiator.connection.isOpen);
});

test('a connection in login is nobody to ask, and one that is gone neither', () => {
  const scene = new Scene({ limits: LIMITS });
  const fresh = new TestInitiator(scene);
  wait(scene, fresh, 60_000);
  fresh.assertSilent();
  const initiator = loggedIn(scene);
  initiator.logout();
  initiator.takeOne(Opcode.logoutResponse);
  wait(scene, initiator, 60_000);
  initiator.assertSilent();
});

test('answers that are not acknowledged: a silent initiator is asked soon, so that the StatSN shows what it lacks, RFC 7143 §11.19', () => {
  const scene = new Scene({ limits: { ...LIMITS, statusAckMs: 1000 } });
  const initiator = loggedIn(scene, { keys: ['ErrorRecoveryLevel=1'] });
  const pong = (targetTransferTag: number) => initiator.nopOut({ initiatorTaskTag: RESERVED_TAG, targetTransferTag, immediate: true });
  wait(scene, initiator, 2_000);
  const first = takePing(initiator);
  assert.is(first.statSN, initiator.connection.statSN);
  pong(first.targetTransferTag);
  wait(scene, initiator, 2_000);
  const second = takePing(initiator);
  initiator.expStatSN = second.statSN;
  pong(second.targetTransferTag);
  assert.ok(initiator.connection.retransmission?.isEmpty);
  wait(scene, initiator, 9_000);
  initiator.assertSilent();
});

test.run();
