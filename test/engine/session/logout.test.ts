import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLogoutResponse, LogoutReason, LogoutResponse, Opcode, RejectReason } from '../../../engine/pdu/index.js';
import { ConnectionState } from '../../../engine/session/connection-state.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const KEYS = ['DefaultTime2Wait=3', 'DefaultTime2Retain=7'];

function takeLogoutResponse(initiator: TestInitiator) {
  const { response, time2Wait, time2Retain } = decodeLogoutResponse(initiator.takeOne(Opcode.logoutResponse).header, 0);
  return { response, time2Wait, time2Retain };
}

for (const [name, reason] of [
  ['the session', LogoutReason.closeSession],
  ['its only connection', LogoutReason.closeConnection],
] as const) {
  test(`a logout that closes ${name} stops what is under way, and is answered when it has stopped`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, { keys: KEYS });
    initiator.write(0, 4);
    initiator.takeR2T();
    initiator.read(0, 1, { lun: Lun.pool });
    initiator.logout({ reason });
    initiator.assertSilent();
    assert.is(initiator.connection.state, ConnectionState.inLogout);
    initiator.command('00');
    initiator.assertSilent();
    scene.dispatcher.completeAll();
    assert.equal(takeLogoutResponse(initiator), { response: LogoutResponse.closed, time2Wait: 3, time2Retain: 0 });
    assert.ok(initiator.transport.isClosed);
    assert.is(scene.directory.sessions.length, 0);
    scene.assertIdle();
  });
}

test('what came before its turn goes with the connection', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.write(0, 1, { cmdSN: turn + 1, data: new Uint8Array(BLOCK).fill(9) });
  initiator.logout({ cmdSN: turn });
  assert.is(takeLogoutResponse(initiator).response, LogoutResponse.closed);
  assert.is((scene.stores[0] as { bytes: Uint8Array }).bytes[0], 0, 'it was never run');
  scene.assertIdle();
});

test('a CID that the session does not have: the times mean nothing, and the session goes on', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: KEYS });
  initiator.logout({ reason: LogoutReason.closeConnection, cid: 9 });
  assert.equal(takeLogoutResponse(initiator), { response: LogoutResponse.cidNotFound, time2Wait: 0, time2Retain: 0 });
  initiator.command('00');
  assert.is(initiator.takeResponse().status, 0);
});

test('a reason that is none is rejected', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.logout({ reason: 3 });
  assert.is(initiator.takeReject().reason, RejectReason.invalidPduField);
  assert.ok(initiator.connection.isOpen);
});

test('one of several connections logs out, itself or another, and the session goes on with the rest', () => {
  const scene = new Scene();
  const keys = [...KEYS, 'MaxConnections=4'];
  const first = loggedIn(scene, { initiatorName: 'iqn.2024-01.test:several', keys });
  const { tsih } = first.connection.session;
  const [second, third] = [1, 2].map((cid) => {
    const joined = new TestInitiator(scene);
    assert.is(joined.join(first, { initiatorName: 'iqn.2024-01.test:several', keys, tsih, cid }).status, 0);
    return joined;
  }) as [TestInitiator, TestInitiator];
  second.read(0, 1, { lun: Lun.pool });
  const kept = third.read(0, 1, { lun: Lun.pool });
  first.logout({ reason: LogoutReason.closeConnection, cid: 1 });
  first.assertSilent();
  scene.dispatcher.completeAll();
  assert.equal(takeLogoutResponse(first), { response: LogoutResponse.closed, time2Wait: 3, time2Retain: 0 });
  assert.ok(second.transport.isClosed);
  assert.is(third.takeDataIn().initiatorTaskTag, kept);
  third.logout({ reason: LogoutReason.closeConnection, cid: 2 });
  assert.is(takeLogoutResponse(third).response, LogoutResponse.closed);
  assert.ok(third.transport.isClosed && first.connection.isOpen);
  first.command('00');
  assert.is(first.takeResponse().status, 0);
  first.logout();
  takeLogoutResponse(first);
  assert.is(scene.directory.sessions.length, 0);
  for (const { transport } of [first, second, third]) transport.output.flush();
  scene.assertIdle();
});

test('a logout that closes the session closes all of its connections', () => {
  const scene = new Scene();
  const keys = [...KEYS, 'MaxConnections=4'];
  const first = loggedIn(scene, { initiatorName: 'iqn.2024-01.test:all', keys });
  const second = new TestInitiator(scene);
  assert.is(second.join(first, { initiatorName: 'iqn.2024-01.test:all', keys, tsih: first.connection.session.tsih, cid: 1 }).status, 0);
  second.read(0, 1, { lun: Lun.pool });
  first.logout();
  first.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(takeLogoutResponse(first).response, LogoutResponse.closed);
  second.assertSilent();
  assert.ok(first.transport.isClosed && second.transport.isClosed);
  assert.is(scene.directory.sessions.length, 0);
  scene.assertIdle();
});

test.run();
