import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';
import { type ChapAlgorithm, type ChapOptions, chapResponse, decodeBinaryValue, encodeBinaryValue } from '../../initiator/chap.js';
import { InitiatorError, LoginError, TargetViolation } from '../../initiator/errors.js';
import { Session, type SessionOptions } from '../../initiator/session.js';
import { type ChapScript, ChapTarget } from './chap-target.js';
import { FakeTarget } from './fake-target.js';

const targetName = 'iqn.2025-01.test:fake';
const secret = 'secretsecretsecret';
const targetSecret = 'another secret, theirs';
let target: FakeTarget;
test.before.each(async () => {
  target = await FakeTarget.start();
});
test.after.each(() => target.close());

/** Logs in to a target that follows this script; answers what either side ended up with. */
async function login(chap: ChapOptions, script: ChapScript, options: Partial<SessionOptions> = {}): Promise<{ outcome: Session | Error; fake: ChapTarget }> {
  const fake = new ChapTarget(script);
  const pending = Session.login({ host: '127.0.0.1', port: target.port, targetName, chap, ...options }).catch((error: Error) => error);
  const connection = await target.accept();
  await connection.login(fake.answers).catch(() => {});
  return { outcome: await pending, fake };
}

function failureOf(outcome: Session | Error): InitiatorError {
  if (outcome instanceof InitiatorError) return outcome;
  throw outcome instanceof Error ? outcome : new TargetError('TEST_NO_ERROR', 'the login succeeded');
}

// Computed by another implementation (Python's hashlib) over 2a, the secret and 00 … 0f: RFC 1994 §4.1.
for (const [algorithm, expected] of [
  ['MD5', '17cbb369f1723df53a84e7ccd2de466b'],
  ['SHA1', '01dfe6fb199f92c18e01ab3b2f163ea4ce104ee3'],
  ['SHA-256', 'be500c5eb3ffbef4443b937299d33c92cb7d795e9febbe1b5eb599e3d6bceff8'],
  ['SHA3-256', '394fa0aadbc9048165133c427bac684a3d6b3041272050a7e9905f043e9ee6dc'],
] as const) {
  test(`${algorithm}: the response is the hash over identifier, secret and challenge`, () => {
    const challenge = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    assert.is(chapResponse(algorithm, 0x2a, Buffer.from(secret), challenge).toString('hex'), expected);
  });
}

test('binary values: hex and base64, nothing else, none too long (RFC 7143 §6.1)', () => {
  for (const encoding of ['hex', 'base64'] as const) {
    for (const length of [1, 2, 3, 16]) {
      const bytes = Buffer.alloc(length, 0xa5);
      assert.ok(decodeBinaryValue(encodeBinaryValue(bytes, encoding), 16)?.equals(bytes));
    }
  }
  assert.is(decodeBinaryValue('0X1fF', 16)?.toString('hex'), '01ff');
  assert.is(decodeBinaryValue('0Bqg==', 16)?.toString('hex'), 'aa');
  for (const text of ['', '0x', '0b', '00', 'abcd', '0xgg', '0bq', '0bqg=', '0bqq=a', `0x${'00'.repeat(17)}`, `0b${'AAAA'.repeat(6)}`]) {
    assert.is(decodeBinaryValue(text, 16), null, text);
  }
});

for (const [number, algorithm] of [
  [5, 'MD5'],
  [6, 'SHA1'],
  [7, 'SHA-256'],
  [8, 'SHA3-256'],
] as [number, ChapAlgorithm][]) {
  for (const encoding of ['hex', 'base64'] as const) {
    test(`mutual ${algorithm}, ${encoding}: each side proves itself`, async () => {
      const chap: ChapOptions = { name: 'me', secret, target: { name: 'them', secret: targetSecret }, algorithms: [algorithm], encoding };
      const { outcome, fake } = await login(chap, { secret, algorithm: number, proof: { name: 'them', secret: targetSecret } });
      assert.instance(outcome, Session);
      assert.ok(fake.isInitiatorRight);
      assert.is(fake.said.get('CHAP_N'), 'me');
      assert.ok(fake.said.get('CHAP_R')?.startsWith(encoding === 'hex' ? '0x' : '0b'));
    });
  }
}

test('all algorithms are offered unless told, that of tgt’s mistake last; one way no challenge is made', async () => {
  const { outcome, fake } = await login({ name: 'me', secret: Buffer.from(secret) }, { secret });
  assert.instance(outcome, Session);
  assert.is(fake.said.get('AuthMethod'), 'CHAP');
  assert.is(fake.said.get('CHAP_A'), '8,6,5,7');
  assert.not.ok(fake.said.has('CHAP_C'));
});

test('each login makes a challenge of its own', async () => {
  const challenges = new Set<string | undefined>();
  for (let i = 0; i < 2; i++) {
    const chap = { name: 'me', secret, target: { secret: targetSecret } };
    challenges.add((await login(chap, { secret, proof: { name: 'any', secret: targetSecret } })).fake.said.get('CHAP_C'));
  }
  assert.is(challenges.size, 2);
});

test('a wrong secret of ours: the target refuses', async () => {
  const error = failureOf((await login({ name: 'me', secret: 'not the right one' }, { secret })).outcome);
  assert.instance(error, LoginError);
  assert.is((error as LoginError).status, 0x0201);
});

for (const [name, script] of [
  ['has another secret', { secret, proof: { name: 'them', secret: 'a guess of somebody' } }],
  ['has another name', { secret, proof: { name: 'someone', secret: targetSecret } }],
  ['says nothing', { secret }],
  [
    'answers with a hash that is too short',
    { secret, proof: { name: 'them', secret: targetSecret }, spoil: (pairs) => pairs.map(([k, v]) => [k, k === 'CHAP_R' ? '0x00' : v]) },
  ],
] as [string, ChapScript][]) {
  test(`a target that ${name} is not believed`, async () => {
    const error = failureOf((await login({ name: 'me', secret, target: { name: 'them', secret: targetSecret } }, script)).outcome);
    assert.is(error.code, 'AUTHENTICATION_FAILED');
    for (const word of [secret, targetSecret]) assert.not.ok(error.message.includes(word), 'no secret in an error');
  });
}

test('reflection: a target that hands our own challenge back gets no answer that helps it', async () => {
  // What a liar can do: it challenges with what it was challenged with. Our challenge is made after its own has come.
  const chap = { name: 'me', secret, target: { secret: targetSecret } };
  const { outcome, fake } = await login(chap, { secret, proof: { name: 'x', secret } });
  assert.is(failureOf(outcome).code, 'AUTHENTICATION_FAILED');
  assert.is.not(fake.said.get('CHAP_C'), '0x000102030405060708090a0b0c0d0e0f');
});

for (const [name, spoil] of [
  ['an algorithm that was not offered', (pairs) => pairs.map(([k, v]) => [k, k === 'CHAP_A' ? '9' : v])],
  ['a list of algorithms', (pairs) => pairs.map(([k, v]) => [k, k === 'CHAP_A' ? '7,5' : v])],
  ['an identifier above 255', (pairs) => pairs.map(([k, v]) => [k, k === 'CHAP_I' ? '256' : v])],
  ['no identifier', (pairs) => pairs.filter(([k]) => k !== 'CHAP_I')],
  ['no challenge', (pairs) => pairs.filter(([k]) => k !== 'CHAP_C')],
  ['a challenge that is no binary value', (pairs) => pairs.map(([k, v]) => [k, k === 'CHAP_C' ? 'hello' : v])],
  ['a challenge of 1025 bytes', (pairs) => pairs.map(([k, v]) => [k, k === 'CHAP_C' ? `0x${'ab'.repeat(1025)}` : v])],
] as [string, NonNullable<ChapScript['spoil']>][]) {
  test(`violation: ${name}`, async () => {
    const error = failureOf((await login({ name: 'me', secret }, { secret, spoil })).outcome);
    assert.instance(error, TargetViolation);
    assert.is((error as TargetViolation).check, 'chap');
  });
}

test('a target that wants no authentication where we do is left', async () => {
  const error = failureOf((await login({ name: 'me', secret }, { secret, method: 'None' })).outcome);
  assert.is((error as TargetViolation).check, 'keyAnswer');
});

test('with security none, a target may have its way', async () => {
  const { outcome, fake } = await login({ name: 'me', secret }, { secret, method: 'None' }, { security: 'none' });
  assert.instance(outcome, Session);
  assert.is(fake.said.get('AuthMethod'), 'CHAP,None');
  assert.not.ok(fake.said.has('CHAP_R'));
});

test('a target that ends the stage before it made a challenge', async () => {
  const pending = Session.login({ host: '127.0.0.1', port: target.port, targetName, chap: { name: 'me', secret } }).catch((error: Error) => error);
  const connection = await target.accept();
  await connection
    .login((keys) => (keys.has('CHAP_A') ? { pairs: [], response: { transit: true, nextStage: 1 } } : { pairs: [['AuthMethod', 'CHAP']] }))
    .catch(() => {});
  assert.instance(await pending, TargetViolation);
});

for (const [name, chap] of [
  ['a secret of 11 bytes', { name: 'me', secret: '12345678901' }],
  ['a short secret of the target', { name: 'me', secret, target: { secret: 'short' } }],
  ['one secret for both directions', { name: 'me', secret, target: { secret: Buffer.from(secret) } }],
  ['no user name', { name: '', secret }],
  ['no algorithm', { name: 'me', secret, algorithms: [] }],
  ['an unknown algorithm', { name: 'me', secret, algorithms: ['MD4' as ChapAlgorithm] }],
] as [string, ChapOptions][]) {
  test(`refused before anything is sent: ${name}`, async () => {
    const error = failureOf(await Session.login({ host: '127.0.0.1', port: target.port, targetName, chap }).catch((caught: Error) => caught));
    assert.is(error.code, 'ARGUMENT_INVALID');
  });
}

test('a short secret for who insists', async () => {
  const { outcome } = await login({ name: 'me', secret: 'short', allowWeakSecret: true }, { secret: 'short' });
  assert.instance(outcome, Session);
});

test.run();
