import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';
import { decodeLoginRequest, encodeNopIn, LoginStage, LoginStatus, Opcode, parseTextData, RESERVED_TAG } from '../../engine/pdu/index.js';
import { InitiatorError, LoginError, type TargetViolation } from '../../initiator/errors.js';
import { randomIsid } from '../../initiator/login.js';
import { Session, type SessionOptions } from '../../initiator/session.js';
import { agreeable, FakeTarget, type LoginAnswers } from './fake-target.js';

const targetName = 'iqn.2025-01.test:fake';
let target: FakeTarget;
test.before.each(async () => {
  target = await FakeTarget.start();
});
test.after.each(() => target.close());

function login(options: Partial<SessionOptions> = {}): Promise<Session> {
  return Session.login({ host: '127.0.0.1', port: target.port, targetName, ...options });
}

async function failureOf(pending: Promise<unknown>): Promise<InitiatorError> {
  try {
    await pending;
  } catch (error) {
    assert.instance(error, InitiatorError);
    return error as InitiatorError;
  }
  throw new TargetError('TEST_NO_ERROR', 'the login succeeded');
}

/** Logs in against these answers and tells how that failed. */
async function refusalOf(answers: LoginAnswers, options: Partial<SessionOptions> = {}): Promise<InitiatorError> {
  const pending = failureOf(login(options));
  const connection = await target.accept();
  await connection.login(answers).catch(() => {});
  return pending;
}

test('straight to the operational stage: identity first, the first command has the CmdSN of the login', async () => {
  const pending = login({ isid: '800102030405', cmdSN: 500, cid: 3, initiatorName: 'iqn.2025-01.test:me' });
  const connection = await target.accept();
  let offered: ReadonlyMap<string, string> = new Map();
  const [request] = await connection.login((offers, pdu) => {
    offered = offers;
    return agreeable({ MaxRecvDataSegmentLength: '4096', MaxBurstLength: '16384', FirstBurstLength: '8192' })(offers, pdu);
  });
  const session = await pending;
  assert.is(request?.currentStage, LoginStage.loginOperationalNegotiation);
  assert.is(request?.nextStage, LoginStage.fullFeaturePhase);
  assert.is(request?.isid, '800102030405');
  assert.is(request?.cid, 3);
  assert.equal([...offered.keys()].slice(0, 3), ['InitiatorName', 'SessionType', 'TargetName']);
  assert.is(offered.get('InitiatorName'), 'iqn.2025-01.test:me');
  assert.is(session.login.tsih, 7);
  assert.is(session.negotiated.targetMaxRecvDataSegmentLength, 4096);
  assert.is(session.negotiated.firstBurstLength, 8192);
  assert.is(session.window.cmdSN, 500);
  const ping = session.ping();
  const nop = await connection.next(Opcode.nopOut);
  assert.is(nop.cmdSN, 500);
  assert.is(nop.expStatSN, 1001, 'the Login Response is acknowledged');
  connection.nopIn({ initiatorTaskTag: nop.initiatorTaskTag });
  await ping;
});

test('through the security stage with AuthMethod=None', async () => {
  const pending = login({ security: 'none' });
  const connection = await target.accept();
  const requests = await connection.login((offers, request) =>
    request.currentStage === LoginStage.securityNegotiation
      ? {
          pairs: [
            ['AuthMethod', 'None'],
            ['TargetPortalGroupTag', '1'],
          ],
        }
      : agreeable()(offers, request),
  );
  await pending;
  assert.equal(
    requests.map(({ currentStage, nextStage, expStatSN }) => [currentStage, nextStage, expStatSN]),
    [
      [0, 1, 0],
      [1, 3, 1001],
    ],
  );
});

test('an AuthMethod that was not offered is a violation', async () => {
  const error = await refusalOf(() => ({ pairs: [['AuthMethod', 'CHAP']] }), { security: 'none' });
  assert.is((error as TargetViolation).check, 'keyAnswer');
});

test('a target that takes its time (T=0) and makes offers gets its answers', async () => {
  const pending = login({ offers: { InitialR2T: null } });
  const connection = await target.accept();
  let round = 0;
  const texts: string[] = [];
  await connection.login((offers, request) => {
    texts.push([...offers].map((pair) => pair.join('=')).join(' '));
    round++;
    if (round === 1) return { ...agreeable()(offers, request), response: { transit: false, nextStage: 0 } };
    if (round === 2) return { pairs: [['InitialR2T', 'Yes']], response: { transit: false, nextStage: 0 } };
    return {};
  });
  const session = await pending;
  assert.equal(texts.slice(1), ['', 'InitialR2T=Yes']);
  assert.is(session.negotiated.initialR2T, true);
});

test('text of the target in pieces (C bit) is put together', async () => {
  const pending = login();
  const connection = await target.accept();
  const first = await connection.next(Opcode.loginRequest);
  const offers = new Map(parseTextData(first.data) ?? []);
  const request = decodeLoginRequest(first.view, 0);
  const { pairs = [] } = agreeable()(offers, request);
  connection.expCmdSN = request.cmdSN;
  connection.loginResponse(request, pairs.slice(0, 4), { transit: false, nextStage: 0, continue: true });
  const second = decodeLoginRequest((await connection.next(Opcode.loginRequest)).view, 0);
  assert.not.ok(second.transit, 'while the target goes on, the request is empty and asks for nothing');
  connection.loginResponse(second, pairs.slice(4), { transit: false, nextStage: 0 });
  const third = decodeLoginRequest((await connection.next(Opcode.loginRequest)).view, 0);
  assert.ok(third.transit);
  connection.loginResponse(third, []);
  await pending;
});

test('text of ours above 8192 bytes is sent in pieces', async () => {
  const long = 'x'.repeat(9000);
  const pending = login({ offers: { 'X-com.example.long': long } });
  const connection = await target.accept();
  let text = Buffer.alloc(0);
  for (;;) {
    const pdu = await connection.next(Opcode.loginRequest);
    const request = decodeLoginRequest(pdu.view, 0);
    assert.ok(pdu.data.length <= 8192);
    text = Buffer.concat([text, pdu.data]);
    connection.expCmdSN = request.cmdSN;
    if (request.continue) {
      assert.not.ok(request.transit);
      connection.loginResponse(request, [], { transit: false, nextStage: 0 });
      continue;
    }
    const offers = new Map(parseTextData(text) ?? []);
    assert.is(offers.get('X-com.example.long'), long);
    offers.set('X-com.example.long', 'NotUnderstood');
    connection.loginResponse(request, agreeable()(offers, request).pairs ?? []);
    break;
  }
  await pending;
});

test('what comes right behind the last Login Response, in the same segment and with digests, goes to the session', async () => {
  const pending = login({ digests: { header: 'CRC32C', data: 'CRC32C' } });
  const connection = await target.accept();
  connection.hold();
  await connection.login();
  connection.pdu((view) =>
    encodeNopIn({ lunHigh: 0, lunLow: 0, initiatorTaskTag: RESERVED_TAG, targetTransferTag: 5, ...connection.unnumbered() }, 0, view, 0),
  );
  connection.release();
  await pending;
  const answer = await connection.next(Opcode.nopOut);
  assert.is(answer.view.getUint32(20), 5);
});

test('a refusal carries its status', async () => {
  const error = await refusalOf(() => ({ response: { status: LoginStatus.targetNotFound, transit: false } }));
  assert.instance(error, LoginError);
  assert.is(error.code, 'LOGIN_FAILED');
  assert.is((error as LoginError).status, LoginStatus.targetNotFound);
});

test('a redirection that is not to be followed carries the address', async () => {
  const answers: LoginAnswers = () => ({
    pairs: [['TargetAddress', '10.0.0.2:3260,1']],
    response: { status: LoginStatus.targetMovedTemporarily, transit: false },
  });
  const error = await refusalOf(answers, { redirectCountMax: 0 });
  assert.is(error.code, 'LOGIN_REDIRECTED');
  assert.is((error as LoginError).targetAddress, '10.0.0.2:3260,1');
});

for (const [name, response, check] of [
  ['another ISID', { isid: '8000000000ff' }, 'loginAnswer'],
  ['another Initiator Task Tag', { initiatorTaskTag: 5 }, 'loginAnswer'],
  ['another stage', { currentStage: 0 }, 'loginAnswer'],
  ['a next stage that was not asked for', { nextStage: 1 }, 'loginAnswer'],
  ['T and C together', { continue: true }, 'loginAnswer'],
  ['a version that was not offered', { versionActive: 1 }, 'loginAnswer'],
  ['no TSIH at the end', { tsih: 0 }, 'loginAnswer'],
  ['an ExpCmdSN that moved', { expCmdSN: 2 }, 'expCmdSN'],
] as const) {
  test(`violation: ${name}`, async () => {
    const error = await refusalOf((offers, request) => ({ ...agreeable()(offers, request), response }));
    assert.is(error.code, 'TARGET_VIOLATION', error.message);
    assert.is((error as TargetViolation).check, check);
  });
}

test('violation: StatSN that does not go on', async () => {
  const error = await refusalOf(
    (offers, request) => (request.currentStage === 0 ? { pairs: [['AuthMethod', 'None']] } : { ...agreeable()(offers, request), response: { statSN: 1000 } }),
    { security: 'none' },
  );
  assert.is((error as TargetViolation).check, 'statSN');
});

test('violation: another PDU than a Login Response', async () => {
  const pending = failureOf(login());
  const connection = await target.accept();
  await connection.next(Opcode.loginRequest);
  connection.asyncMessage(1);
  assert.is(((await pending) as TargetViolation).check, 'wrongAnswer');
});

test('a target that never comes to an end is left', async () => {
  const error = await refusalOf(() => ({ response: { transit: false, nextStage: 0 } }));
  assert.is(error.code, 'LOGIN_FAILED');
});

test('a target that does not answer is left after loginMsMax', async () => {
  const error = await failureOf(login({ loginMsMax: 50 }));
  assert.is(error.code, 'LOGIN_TIMEOUT');
});

test('a target that closes during the login', async () => {
  const pending = failureOf(login());
  const connection = await target.accept();
  await connection.next(Opcode.loginRequest);
  connection.end();
  assert.is((await pending).code, 'CONNECTION_CLOSED');
});

test('nobody listens', async () => {
  const port = target.port;
  target.close();
  const error = await failureOf(Session.login({ host: '127.0.0.1', port, targetName }));
  assert.is(error.code, 'CONNECT_FAILED');
});

test('an ISID that is none is refused before anything is sent', async () => {
  assert.is((await failureOf(login({ isid: '123' }))).code, 'ARGUMENT_INVALID');
});

test('a random ISID is of type 10b', () => {
  assert.match(randomIsid(), /^80[0-9a-f]{10}$/);
  assert.is.not(randomIsid(), randomIsid());
});

test.run();
