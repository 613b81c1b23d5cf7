import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeAsyncMessage, Opcode } from '../../../engine/pdu/index.js';
import { Asc } from '../../../engine/scsi/sense.js';
import { requestLogout, requestRenegotiation } from '../../../engine/session/async-messages.js';
import { ConnectionState } from '../../../engine/session/connection-state.js';
import { SessionOperations } from '../../../engine/session/session-operations.js';
import { BLOCK, Lun, Scene, TARGET_NAME } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const KEYS = ['DefaultTime2Wait=3', 'DefaultTime2Retain=7'];
const RESERVED_TAG = 0xffffffff;

/** The one Asynchronous Message that was sent; RFC 7143 §11.9: it has no task and uses up a StatSN. */
function takeMessage(initiator: TestInitiator) {
  const statSN = (initiator.connection.statSN - 1) >>> 0;
  const { header, data } = initiator.takeOne(Opcode.asyncMessage);
  assert.is(header.getUint32(16), RESERVED_TAG);
  const message = decodeAsyncMessage(header, 0);
  assert.is(message.statSN, statSN, 'it uses up a StatSN');
  const { asyncEvent, asyncVCode, parameter1, parameter2, parameter3 } = message;
  return { fields: [asyncEvent, asyncVCode, parameter1, parameter2, parameter3], lun: message.lunHigh >>> 16, data };
}

/** Lets time pass as the engine does. */
function wait(scene: Scene, initiator: TestInitiator, seconds: number): void {
  for (let passed = 0; passed < seconds; passed++) {
    scene.clock.advance(1000);
    initiator.connection.keepalive.onTick(scene.clock.nowMicros());
  }
}

function nameOf(initiator: TestInitiator): { tsih: number; cid: number } {
  return { tsih: initiator.connection.session.tsih, cid: initiator.connection.cid };
}

test('event 1 asks for logout; one that does not follow is told that it is dropped (event 2), and dropped', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  new SessionOperations(scene.directory).requestLogout(nameOf(initiator), 10);
  assert.equal(takeMessage(initiator).fields, [1, 0, 0, 0, 10]);
  assert.is(initiator.connection.state, ConnectionState.logoutRequested);
  initiator.command('00');
  assert.is(initiator.takeResponse().status, 0, 'commands go on until then');
  wait(scene, initiator, 10);
  initiator.assertSilent();
  wait(scene, initiator, 1);
  assert.equal(takeMessage(initiator).fields, [2, 0, initiator.connection.cid, 3, 0]);
  assert.ok(initiator.transport.isClosed);
  scene.assertIdle();
});

test('who logs out in time is not dropped for it', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  requestLogout(initiator.connection, 10);
  takeMessage(initiator);
  initiator.logout();
  initiator.takeOne(Opcode.logoutResponse);
  wait(scene, initiator, 12);
  initiator.assertSilent();
  assert.is(scene.directory.sessions.length, 0);
});

test('event 2: a connection is dropped with the times to come back, and its tasks stop', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  initiator.write(0, 4);
  initiator.takeR2T();
  new SessionOperations(scene.directory).dropConnection(nameOf(initiator));
  assert.equal(takeMessage(initiator).fields, [2, 0, initiator.connection.cid, 3, 0], 'nothing is retained below ErrorRecoveryLevel 2');
  assert.ok(initiator.transport.isClosed);
  scene.assertIdle();
});

test('event 3: a session is dropped', () => {
  const scene = new Scene();
  const [one, two] = [loggedIn(scene, { keys: KEYS }), loggedIn(scene)];
  one.read(0, 1, { lun: Lun.pool });
  new SessionOperations(scene.directory).dropSession(one.connection.session.tsih);
  assert.equal(takeMessage(one).fields, [3, 0, 0, 3, 0]);
  assert.ok(one.transport.isClosed);
  assert.equal(
    scene.directory.sessions.map(({ tsih }) => tsih),
    [two.connection.session.tsih],
  );
  scene.dispatcher.completeAll();
  two.assertSilent();
  scene.assertIdle();
});

test('event 4 asks for a new negotiation: any Text Request will do, and without one the connection is dropped', () => {
  const scene = new Scene();
  const [follows, ignores] = [loggedIn(scene), loggedIn(scene)];
  for (const initiator of [follows, ignores]) {
    new SessionOperations(scene.directory).requestRenegotiation(nameOf(initiator), 5);
    assert.equal(takeMessage(initiator).fields, [4, 0, 0, 0, 5]);
    assert.is(initiator.connection.state, ConnectionState.loggedIn);
  }
  follows.text('');
  follows.takeOne(Opcode.textResponse);
  wait(scene, follows, 6);
  follows.assertSilent();
  assert.ok(follows.connection.isOpen);
  wait(scene, ignores, 6);
  assert.is(takeMessage(ignores).fields[0], 2);
  assert.ok(ignores.transport.isClosed);
});

test('event 0 reports a unit attention as sense data, to those that may see the unit', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const discovery = new TestInitiator(scene);
  discovery.login({ discovery: true });
  const operations = new SessionOperations(scene.directory);
  operations.reportUnitAttention(TARGET_NAME, Lun.copy, Asc.reportedLunsDataHasChanged, { announce: true });
  const { fields, lun, data } = takeMessage(initiator);
  assert.equal([fields, lun], [[0, 0, 0, 0, 0], Lun.copy]);
  assert.is(data.readUInt16BE(0), data.length - 2, 'SenseLength');
  assert.equal([data[2], data[4], data[14], data[15]], [0x70, 6, 0x3f, 0x0e]);
  discovery.assertSilent();
  operations.reportUnitAttention(TARGET_NAME, Lun.pool, Asc.mediumMayHaveChanged, { announce: false });
  initiator.assertSilent();
  for (const [unit, sense] of [
    [Lun.copy, '06/3f/0e'],
    [Lun.pool, '06/28/00'],
  ] as const) {
    initiator.command('00', { lun: unit });
    assert.is(initiator.takeResponse().sense, sense, 'and it is pending as any other');
  }
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('nobody is told anything during login, or behind a logout', () => {
  const scene = new Scene();
  const fresh = new TestInitiator(scene);
  const initiator = loggedIn(scene);
  initiator.read(0, 1, { lun: Lun.pool });
  initiator.logout();
  for (const { connection } of [fresh, initiator]) {
    requestLogout(connection, 5);
    requestRenegotiation(connection, 5);
  }
  fresh.assertSilent();
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  initiator.takeOne(Opcode.logoutResponse);
  scene.assertIdle();
});

test('an operator who names what is not there is told so', () => {
  const scene = new Scene();
  const operations = new SessionOperations(scene.directory);
  const initiator = loggedIn(scene);
  const { tsih } = initiator.connection.session;
  const codeOf = (operation: () => void) => {
    try {
      operation();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return null;
  };
  assert.is(
    codeOf(() => operations.dropSession(tsih + 1)),
    'SESSION_UNKNOWN',
  );
  assert.is(
    codeOf(() => operations.requestLogout({ tsih, cid: 9 }, 1)),
    'CONNECTION_UNKNOWN',
  );
  assert.is(
    codeOf(() => operations.reportUnitAttention(TARGET_NAME, 99, 0x2900, { announce: true })),
    'LUN_UNKNOWN',
  );
  initiator.write(0, 1, { data: new Uint8Array(BLOCK) });
  assert.is(initiator.takeResponse().status, 0);
});

test.run();
