import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuthMethod, noAuthentication } from '../../../engine/login/auth-method.js';
import { LoginStatus } from '../../../engine/pdu/index.js';
import { assertFailure, flags, INITIATOR_NAME, keyValue, lines, loginFixture, NORMAL, parametersOf } from './login-fixture.js';

/** A method of two steps in the shape of CHAP. */
const riddle: AuthMethod = {
  name: 'CHAP',
  keys: new Set(['CHAP_A', 'CHAP_R']),
  open: (context) => ({
    begin: () => ({ kind: 'continue', pairs: [] }),
    receive(pairs) {
      if (pairs.some(([key]) => key === 'CHAP_A')) return { kind: 'continue', pairs: [['CHAP_C', `0x01 ${context.initiatorName}`]] };
      if (pairs.some(([key, value]) => key === 'CHAP_R' && value === '0x02')) return { kind: 'done', pairs: [['CHAP_N', 'us']] };
      return { kind: 'failed', status: LoginStatus.authenticationFailure, message: 'wrong' };
    },
  }),
};

function riddleFixture() {
  return loginFixture({ target: { authMethods: ['CHAP'] }, authMethods: [noAuthentication, riddle] });
}

test('a method with steps keeps the stage until it is done, whatever T says (RFC 7143 §12.1)', () => {
  const { send } = riddleFixture();
  const chosen = send(0, 1, [...NORMAL, 'AuthMethod=None,CHAP', 'CHAP_A=5']);
  // CHAP_A came before the method was chosen, so it is nobody's key.
  assert.equal(lines(chosen.data), ['CHAP_A=NotUnderstood', 'TargetPortalGroupTag=1', 'AuthMethod=CHAP']);
  assert.equal(flags(chosen), [false, false, 0, 0]);
  const challenge = send(0, 1, ['CHAP_A=5']);
  assert.equal(lines(challenge.data), [`CHAP_C=0x01 ${INITIATOR_NAME}`]);
  assert.equal(flags(challenge), [false, false, 0, 0]);
  const done = send(0, 1, ['CHAP_R=0x02']);
  assert.equal(lines(done.data), ['CHAP_N=us']);
  assert.equal(flags(done), [true, false, 0, 1]);
  parametersOf(send(1, 3, []));
});

test('a wrong answer to a method ends the login, and AuthMethod is not chosen twice', () => {
  const wrong = riddleFixture();
  wrong.send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
  assertFailure(wrong.send(0, 1, ['CHAP_R=0x03']), LoginStatus.authenticationFailure);
  const twice = riddleFixture();
  twice.send(0, 1, [...NORMAL, 'AuthMethod=CHAP']);
  assertFailure(twice.send(0, 1, ['AuthMethod=CHAP']), LoginStatus.initiatorError);
});

test('an offer of AuthMethod by the target that the initiator turns down is a failed authentication (RFC 7143 §6.3.2)', () => {
  for (const answer of ['Reject', 'NotUnderstood', 'Irrelevant']) {
    const { send } = riddleFixture();
    assert.is(keyValue(send(0, null, NORMAL).data, 'AuthMethod'), 'CHAP');
    assertFailure(send(0, 1, [`AuthMethod=${answer}`]), LoginStatus.authenticationFailure);
  }
});

test('an unfinished method lets nobody through', () => {
  const { send, admissions } = riddleFixture();
  send(0, null, [...NORMAL, 'AuthMethod=CHAP']);
  assert.equal(flags(send(0, 3, [])), [false, false, 0, 0]);
  assertFailure(send(1, 3, []), LoginStatus.initiatorError);
  assert.is(admissions.length, 0);
});

test.run();
