import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { LoginStatus } from '../../engine/pdu/index.js';
import { testUnitReadyCdb } from '../../initiator/cdb.js';
import type { ChapAlgorithm, ChapOptions } from '../../initiator/chap.js';
import { InitiatorError, type LoginError } from '../../initiator/errors.js';
import { Session, type SessionOptions } from '../../initiator/session.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:chap';
const USER = { name: 'initiator', secret: 'secret of the initiator' };
const PEER = { name: 'target', secret: 'secret of the target' };
const variables = { user: 'LUNLOOM_TEST_INITIATOR_SECRET', peer: 'LUNLOOM_TEST_INITIATOR_PEER_SECRET' };

let engine: Engine;
test.before(async () => {
  process.env[variables.user] = USER.secret;
  process.env[variables.peer] = PEER.secret;
  const chap = { users: [{ name: USER.name, secret: { env: variables.user } }], mutual: { name: PEER.name, secret: { env: variables.peer } } };
  engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: TARGET_NAME, ...chap, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 1024 * 1024 }, blockLengthBytes: 512, readOnly: false }] }],
    discovery: chap,
    execution: 'inline',
    workerCount: 0,
    insecure: false,
    limits: { loginFailureDelayMsMax: 0 },
  });
});
test.after(() => engine.stop({ immediately: true }));

function login(chap: ChapOptions | undefined, options: Partial<SessionOptions> = { targetName: TARGET_NAME }): Promise<Session> {
  return Session.login({ host: '127.0.0.1', port: engine.portals[0]?.port ?? 0, ...(chap === undefined ? {} : { chap }), ...options });
}

async function failureOf(pending: Promise<Session>): Promise<InitiatorError> {
  const outcome = await pending.catch((error: unknown) => error);
  assert.instance(outcome, InitiatorError);
  return outcome as InitiatorError;
}

// RFC 7143 §12.1.3, in both directions, as both of our implementations read it.
for (const algorithm of ['MD5', 'SHA1', 'SHA-256', 'SHA3-256'] as ChapAlgorithm[]) {
  for (const encoding of ['hex', 'base64'] as const) {
    for (const target of [undefined, PEER]) {
      test(`${algorithm}, ${encoding}, ${target === undefined ? 'one way' : 'mutual'}`, async () => {
        const session = await login({ ...USER, algorithms: [algorithm], encoding, ...(target === undefined ? {} : { target }) });
        await session.command({ lun: 0, cdb: testUnitReadyCdb() });
        await session.logout();
      });
    }
  }
}

test('each connection of a session proves itself, and so does the one that takes the place of a lost one', async () => {
  const keys = { maxConnections: 2, errorRecoveryLevel: 2, defaultTime2Wait: 0 } as const;
  let onRecovered = (): void => {};
  const recovered = new Promise<void>((resolve) => {
    onRecovered = resolve;
  });
  const session = await login({ ...USER, target: PEER }, { targetName: TARGET_NAME, keys, events: { onConnectionRecovered: onRecovered } });
  const cid = await session.addConnection();
  session.resetConnection(cid);
  await recovered;
  await session.ping(Buffer.from('x'), { cid });
  await session.logout();
});

test('discovery with authentication of its own', async () => {
  const session = await login({ ...USER, target: PEER }, {});
  assert.equal(
    (await session.sendTargets()).map(({ targetName }) => targetName),
    [TARGET_NAME],
  );
  await session.logout();
  assert.is((await failureOf(login(undefined, {}))).code, 'LOGIN_FAILED');
});

test('a wrong secret, an unknown user and no proof at all are refused alike', async () => {
  const attempts = [{ ...USER, secret: 'some other secret' }, { ...USER, name: 'nobody' }, undefined];
  for (const chap of attempts) assert.is(((await failureOf(login(chap))) as LoginError).status, LoginStatus.authenticationFailure);
});

test('a target whose secret is not the one we know is left', async () => {
  assert.is((await failureOf(login({ ...USER, target: { secret: 'not what it knows' } }))).code, 'AUTHENTICATION_FAILED');
  assert.is((await failureOf(login({ ...USER, target: { ...PEER, name: 'another' } }))).code, 'AUTHENTICATION_FAILED');
});

test.run();
