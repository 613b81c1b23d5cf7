import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuthContext, noAuthentication } from '../../../engine/login/auth-method.js';
import { chapMethod } from '../../../engine/login/chap-exchange.js';
import type { LoginStep } from '../../../engine/login/login-negotiation.js';
import { LoginStatus } from '../../../engine/pdu/index.js';
import { credentials, MUTUAL, responseTo, USER } from './chap-fixture.js';
import { type Fixture, type FixtureOptions, INITIATOR_NAME, keyValue, lines, loginFixture, NORMAL, TARGET_NAME } from './login-fixture.js';

function chapFixture(options: FixtureOptions = {}, contexts: AuthContext[] = []): Fixture {
  const method = chapMethod((context) => {
    contexts.push(context);
    return credentials({ mutual: true });
  });
  return loginFixture({ target: { authMethods: ['CHAP'] }, discoveryAuthMethods: ['CHAP'], authMethods: [noAuthentication, method], ...options });
}

function answerTo(challenge: LoginStep, secret: string = USER.secret): string[] {
  const identifier = Number(keyValue(challenge.data, 'CHAP_I'));
  const bytes = Buffer.from((keyValue(challenge.data, 'CHAP_C') ?? '').slice(2), 'hex');
  assert.is(keyValue(challenge.data, 'CHAP_A'), '7');
  return [`CHAP_N=${USER.name}`, `CHAP_R=0x${responseTo(7, identifier, bytes, secret).toString('hex')}`];
}

function statusOf(step: LoginStep): number {
  return step.response.status;
}

test('CHAP from the first request to the full-feature phase; the session knows its user', () => {
  const { send, admissions } = chapFixture();
  const chosen = send(0, 1, [...NORMAL, 'AuthMethod=CHAP,None']);
  assert.equal(lines(chosen.data), ['TargetPortalGroupTag=1', 'AuthMethod=CHAP']);
  const challenge = send(0, 1, ['CHAP_A=7']);
  assert.not(challenge.response.transit);
  const done = send(0, 1, [...answerTo(challenge), 'CHAP_I=3', 'CHAP_C=0x00112233445566778899aabbccddeeff']);
  assert.ok(done.response.transit);
  assert.is(keyValue(done.data, 'CHAP_N'), MUTUAL.name);
  assert.match(keyValue(done.data, 'CHAP_R') ?? '', /^0x[0-9a-f]{64}$/);
  assert.is(send(1, 3, []).outcome.kind, 'full-feature');
  assert.is(admissions[0]?.user, USER.name);
});

test('straight from SecurityNegotiation to the full-feature phase', () => {
  const { send, admissions } = chapFixture();
  send(0, null, [...NORMAL, 'AuthMethod=CHAP']);
  const challenge = send(0, null, ['CHAP_A=7']);
  assert.is(send(0, 3, answerTo(challenge)).outcome.kind, 'full-feature');
  assert.is(admissions[0]?.user, USER.name);
});

test('discovery authenticates by credentials of its own', () => {
  const contexts: AuthContext[] = [];
  const { send, admissions } = chapFixture({}, contexts);
  send(0, 1, [`InitiatorName=${INITIATOR_NAME}`, 'SessionType=Discovery', 'AuthMethod=CHAP']);
  send(0, 3, answerTo(send(0, 1, ['CHAP_A=7'])));
  assert.equal(contexts, [{ initiatorName: INITIATOR_NAME, targetName: null, sessionType: 'discovery' }]);
  assert.equal([admissions[0]?.targetName, admissions[0]?.user], [null, USER.name]);
});

test('an initiator that leaves the choice to the target is asked for CHAP, and its answer is not answered (RFC 7143 §6.3.2)', () => {
  const { send } = chapFixture();
  const asked = send(0, null, NORMAL);
  assert.equal(lines(asked.data), ['TargetPortalGroupTag=1', 'AuthMethod=CHAP']);
  assert.equal(lines(send(0, null, ['AuthMethod=CHAP']).data), []);
  const challenge = send(0, 1, ['CHAP_A=7']);
  assert.ok(send(0, 1, answerTo(challenge)).response.transit);
});

test('an initiator that is asked and says nothing, or None, does not get in', () => {
  const silent = chapFixture();
  silent.send(0, null, NORMAL);
  assert.equal(lines(silent.send(0, null, []).data), [], 'asked once');
  assert.is(statusOf(silent.send(0, 1, [])), LoginStatus.authenticationFailure);
  const none = chapFixture();
  none.send(0, null, NORMAL);
  assert.is(statusOf(none.send(0, 1, ['AuthMethod=None'])), LoginStatus.authenticationFailure);
});

const WAYS_ROUND: Readonly<Record<string, (fixture: Fixture) => LoginStep>> = {
  'no security stage': ({ send }) => send(1, 3, NORMAL),
  'AuthMethod=None': ({ send }) => send(0, 3, [...NORMAL, 'AuthMethod=None']),
  'T without AuthMethod': ({ send }) => send(0, 3, NORMAL),
  'the operational stage in the middle of CHAP'({ send }) {
    send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
    return send(1, 3, []);
  },
  'another target in the middle of CHAP'({ send }) {
    send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
    return send(0, 1, ['TargetName=iqn.2026-11.io.lunloom:other', 'CHAP_A=7']);
  },
  'CHAP_R before CHAP_A'({ send }) {
    send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
    return send(0, 1, [`CHAP_N=${USER.name}`, 'CHAP_R=0x00']);
  },
  'a second AuthMethod after a challenge'({ send }) {
    send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
    send(0, 1, ['CHAP_A=7']);
    return send(0, 1, ['AuthMethod=None']);
  },
  'the key twice in one text'({ send }) {
    send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
    const answer = answerTo(send(0, 1, ['CHAP_A=7']));
    return send(0, 1, [...answer, ...answer]);
  },
};
for (const [name, run] of Object.entries(WAYS_ROUND)) {
  test(`no way round CHAP: ${name}`, () => {
    const fixture = chapFixture();
    const step = run(fixture);
    assert.is(step.outcome.kind, 'failed');
    assert.equal([statusOf(step) >> 8, step.response.transit], [0x02, false]);
    assert.is(fixture.admissions.length, 0);
  });
}

test('empty requests and T without a response never end the stage', () => {
  const { send, admissions } = chapFixture();
  send(0, 3, [...NORMAL, 'AuthMethod=CHAP']);
  for (let count = 0; count < 5; count++) assert.equal(send(0, 3, []).outcome, { kind: 'continue' });
  send(0, 3, ['CHAP_A=7']);
  assert.equal(send(0, 3, []).outcome, { kind: 'continue' });
  assert.is(admissions.length, 0);
});

test('the challenge of one login is no good in another', () => {
  const first = chapFixture();
  first.send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
  const overheard = answerTo(first.send(0, 1, ['CHAP_A=7']));
  const second = chapFixture();
  second.send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
  second.send(0, 1, ['CHAP_A=7']);
  assert.is(statusOf(second.send(0, 1, overheard)), LoginStatus.authenticationFailure);
});

test('who has proved to be a user that may not use the target gets 0x0202', () => {
  const asked: unknown[] = [];
  const mayUse = (...args: unknown[]) => {
    asked.push(args);
    return false;
  };
  const { send, admissions } = chapFixture({ mayUse });
  send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
  const step = send(0, 1, answerTo(send(0, 1, ['CHAP_A=7'])));
  assert.is(statusOf(step), LoginStatus.authorizationFailure);
  assert.equal(asked, [[TARGET_NAME, INITIATOR_NAME, USER.name]]);
  assert.is(admissions.length, 0);
});

test('a failure tells nothing of the secret or the right response', () => {
  const { send } = chapFixture();
  send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
  const challenge = send(0, 1, ['CHAP_A=7']);
  const step = send(0, 1, answerTo(challenge, 'wrong-wrong-wrong'));
  assert.equal(lines(step.data), []);
  assert.not.match(JSON.stringify(step), new RegExp(`${USER.secret}|${answerTo(challenge)[1]?.slice(9)}`));
});

test.run();
