import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LoginStatus, Opcode } from '../../engine/pdu/index.js';
import type { LoginError } from '../../initiator/errors.js';
import { PipelinedCore } from '../../initiator/pipelined-core.js';
import { Session, type SessionOptions } from '../../initiator/session.js';
import { parseTargetAddress } from '../../initiator/target-address.js';
import { agreeable, FakeTarget, type LoginAnswers } from './fake-target.js';
import { errorOf } from './session-harness.js';

const targetName = 'iqn.2025-01.test:fake';
let old: FakeTarget;
let moved: FakeTarget;
test.before.each(async () => {
  old = await FakeTarget.start();
  moved = await FakeTarget.start();
});
test.after.each(() => {
  old.close();
  moved.close();
});

function redirection(address: string, status: number = LoginStatus.targetMovedTemporarily): LoginAnswers {
  return () => ({ pairs: [['TargetAddress', address]], response: { status, transit: false } });
}

function login(options: Partial<SessionOptions> = {}): Promise<Session> {
  return Session.login({ host: '127.0.0.1', port: old.port, targetName, ...options });
}

for (const [status, lasting] of [
  [LoginStatus.targetMovedTemporarily, 'old'],
  [LoginStatus.targetMovedPermanently, 'new'],
] as const) {
  test(`a redirection with status 0x${status.toString(16)} is followed; the ${lasting} address is the one to come back to`, async () => {
    const pending = login();
    await (await old.accept()).login(redirection(`127.0.0.1:${moved.port},1`, status));
    await (await moved.accept()).login(agreeable());
    const session = await pending;
    assert.equal(session.login.address, { host: '127.0.0.1', port: moved.port });
    assert.is(session.login.lastingAddress?.port, lasting === 'old' ? old.port : moved.port);
  });
}

test('what moved for good behind a temporary redirection is not where to come back to', async () => {
  const third = await FakeTarget.start();
  const pending = login();
  await (await old.accept()).login(redirection(`127.0.0.1:${moved.port}`));
  await (await moved.accept()).login(redirection(`127.0.0.1:${third.port}`, LoginStatus.targetMovedPermanently));
  await (await third.accept()).login(agreeable());
  const { login: result } = await pending;
  assert.is(result.address?.port, third.port);
  assert.is(result.lastingAddress?.port, old.port);
  third.close();
});

test('the pipelined core follows too', async () => {
  const pending = PipelinedCore.connect({ host: '127.0.0.1', port: old.port, targetName, taskCount: 1, onComplete: () => {} });
  await (await old.accept()).login(redirection(`127.0.0.1:${moved.port}`));
  await (await moved.accept()).login(agreeable());
  (await pending).destroy();
});

test('targets that point at each other are left after redirectCountMax', async () => {
  const pending = errorOf(login({ redirectCountMax: 3 }));
  for (let i = 0; i < 4; i++) await (await (i % 2 === 0 ? old : moved).accept()).login(redirection(`127.0.0.1:${(i % 2 === 0 ? moved : old).port}`));
  const error = await pending;
  assert.is(error.code, 'LOGIN_REDIRECTED');
});

test('a redirection without an address leads nowhere', async () => {
  const pending = errorOf(login());
  const answers: LoginAnswers = () => ({ response: { status: LoginStatus.targetMovedTemporarily, transit: false } });
  await (await old.accept()).login(answers);
  const error = (await pending) as LoginError;
  assert.is(error.code, 'LOGIN_REDIRECTED');
  assert.is(error.targetAddress, null);
});

test('the login at the new place goes by the rules as the first does: nothing is left of the first', async () => {
  const pending = login();
  await (await old.accept()).login(redirection(`127.0.0.1:${moved.port}`));
  const connection = await moved.accept();
  const [request] = await connection.login(agreeable());
  assert.is(request?.tsih, 0);
  assert.is(request?.cmdSN, 1);
  const session = await pending;
  session.ping().catch(() => {});
  assert.is((await connection.next(Opcode.nopOut)).cmdSN, 1);
});

for (const address of ['127.0.0.1:0', '127.0.0.1:65536', '', ':3260', 'a b', '[::1', 'x'.repeat(300), '127.0.0.1:3260,1,1', 'http://x/']) {
  test(`an address that is none is refused: ${JSON.stringify(address.slice(0, 20))}`, async () => {
    const pending = errorOf(login());
    await (await old.accept()).login(redirection(address));
    assert.is((await pending).code, 'ADDRESS_INVALID');
  });
}

test('addresses: names, IPv4 and IPv6, port and portal group tag', () => {
  assert.equal(parseTargetAddress('lab.example:3261,7'), { host: 'lab.example', port: 3261, portalGroupTag: 7 });
  assert.equal(parseTargetAddress('10.0.0.2'), { host: '10.0.0.2', port: 3260, portalGroupTag: null });
  assert.equal(parseTargetAddress('[fe80::1%eth0]:3260,65535'), { host: 'fe80::1%eth0', port: 3260, portalGroupTag: 65535 });
});

test.run();
