import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../engine/errors.js';
import type { AuthStep } from '../../../engine/login/auth-method.js';
import { ChapCredentials } from '../../../engine/login/chap-credentials.js';
import { ChapExchange } from '../../../engine/login/chap-exchange.js';
import { type KeyValuePair, LoginStatus } from '../../../engine/pdu/index.js';
import { type ChapNumber, credentials, MUTUAL, responseTo, secretOf, USER } from './chap-fixture.js';

const IDENTIFIER = 7;
const CHALLENGE = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const CHALLENGE_PAIRS = (number: number) => [
  ['CHAP_A', String(number)],
  ['CHAP_I', '7'],
  ['CHAP_C', `0x${CHALLENGE.toString('hex')}`],
];
const THEIR_CHALLENGE = 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf';

/** Of identifier 7, the secret of alice and bytes 0 to 31; and of identifier 200, the target's secret and `THEIR_CHALLENGE`. Made by Python's hashlib. */
const VECTORS: Readonly<Record<ChapNumber, readonly [ours: string, theirs: string]>> = {
  5: ['1c6060e42d0f83af1b8c2fc16b96ebe2', '2bb6fdb08ee7b00e64e6a96dba714e65'],
  6: ['e7f58c8cf8bf5219ee6e630c43d437edccc66d1b', 'fe250410a02c49d4b187fe9d375d2acbf6fc03ed'],
  7: ['266f00c6b17b813e1d177813c1b3739fa1b5d88ea1cdb6401481d82b8ce603d4', '39618e63224438f5c241b047262f1eca8def6174d9f3b3cc519f3af1747b6fc7'],
  8: ['7fa81242f700068a4c28290b123c305da7b1e7ba3064ad395036ba62d64c6ce2', 'c75c2027036eb387561ae68f7f025b0c656f98981a99252e48bf7788af18787d'],
};
const NUMBERS = [5, 6, 7, 8] as const;

function known(lengthBytes: number): Uint8Array {
  return lengthBytes === 1 ? Uint8Array.of(IDENTIFIER) : CHALLENGE.subarray(0, lengthBytes);
}

function begun(options: Parameters<typeof credentials>[0] = {}): ChapExchange {
  const exchange = new ChapExchange(credentials(options), known);
  assert.equal(exchange.begin(), { kind: 'continue', pairs: [] });
  return exchange;
}

function challenged(number: ChapNumber = 7, options: Parameters<typeof credentials>[0] = {}): ChapExchange {
  const exchange = begun(options);
  assert.equal(exchange.receive([['CHAP_A', String(number)]]), { kind: 'continue', pairs: CHALLENGE_PAIRS(number) });
  return exchange;
}

function assertFailed(step: AuthStep, status: number): void {
  assert.is(step.kind, 'failed', JSON.stringify(step));
  if (step.kind === 'failed') assert.is(step.status, status, step.message);
}

function right(number: ChapNumber = 7): KeyValuePair[] {
  return [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${VECTORS[number][0]}`],
  ];
}

const ASK: KeyValuePair[] = [
  ['CHAP_I', '200'],
  ['CHAP_C', `0x${THEIR_CHALLENGE}`],
];

for (const number of NUMBERS) {
  test(`algorithm ${number}, one-way: the known answer to a known challenge (RFC 7143 §12.1.3)`, () => {
    assert.equal(challenged(number).receive(right(number)), { kind: 'done', pairs: [], user: USER.name });
  });

  test(`algorithm ${number}, mutual: the target answers with the known response`, () => {
    const step = challenged(number, { mutual: true }).receive([...right(number), ...ASK]);
    assert.equal(step, {
      kind: 'done',
      user: USER.name,
      pairs: [
        ['CHAP_N', MUTUAL.name],
        ['CHAP_R', `0x${VECTORS[number][1]}`],
      ],
    });
  });
}

test('responses and challenges in Base64 and in upper case mean the same', () => {
  const base64 = Buffer.from(VECTORS[7][0], 'hex').toString('base64');
  for (const value of [`0b${base64}`, `0B${base64}`, `0X${VECTORS[7][0].toUpperCase()}`]) {
    const step = challenged(7, { mutual: true }).receive([
      ['CHAP_N', USER.name],
      ['CHAP_R', value],
      ['CHAP_I', '0xC8'],
      ['CHAP_C', `0b${Buffer.from(THEIR_CHALLENGE, 'hex').toString('base64')}`],
    ]);
    assert.equal(step.kind === 'done' && step.pairs[1], ['CHAP_R', `0x${VECTORS[7][1]}`]);
  }
});

test('the first of the list that we have is chosen; unknown numbers are passed over', () => {
  assert.equal(begun().receive([['CHAP_A', '99,6,8,5']]), { kind: 'continue', pairs: CHALLENGE_PAIRS(6) });
  assert.equal(begun({ algorithms: ['SHA-256', 'SHA3-256'] }).receive([['CHAP_A', '5,6,0x8,7']]), { kind: 'continue', pairs: CHALLENGE_PAIRS(8) });
});

test('no common algorithm is a failed authentication, no list of numbers an error of the initiator', () => {
  assertFailed(begun({ algorithms: ['SHA3-256'] }).receive([['CHAP_A', '5,6,7']]), LoginStatus.authenticationFailure);
  for (const list of ['', 'MD5', '5,', ',5', '5;6', '-5', '5.0', ' 5', '5 ', '1e1', '0x']) {
    assertFailed(begun().receive([['CHAP_A', list]]), LoginStatus.initiatorError);
  }
});

test('challenges and identifiers of two exchanges differ, and a challenge has 32 bytes', () => {
  const challenges = Array.from({ length: 64 }, () => {
    const step = new ChapExchange(credentials()).receive([['CHAP_A', '5']]);
    return step.kind === 'continue' ? step.pairs.map(([, value]) => value) : [];
  });
  assert.is(new Set(challenges.map(([, , challenge]) => challenge)).size, 64);
  assert.ok(new Set(challenges.map(([, identifier]) => identifier)).size > 8);
  for (const [, identifier, challenge] of challenges) {
    assert.match(challenge ?? '', /^0x[0-9a-f]{64}$/);
    assert.ok(Number(identifier) <= 255);
  }
});

const WRONG: Readonly<Record<string, KeyValuePair[]>> = {
  'a wrong secret': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${responseTo(7, IDENTIFIER, CHALLENGE, 'no-such-secret').toString('hex')}`],
  ],
  'the secret of another user': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${responseTo(7, IDENTIFIER, CHALLENGE, 'another-secret-of-bob').toString('hex')}`],
  ],
  'an unknown user': [
    ['CHAP_N', 'mallory'],
    ['CHAP_R', `0x${VECTORS[7][0]}`],
  ],
  'a user in other letters': [
    ['CHAP_N', 'ALICE'],
    ['CHAP_R', `0x${VECTORS[7][0]}`],
  ],
  'a name that only decodes to that of a user': [
    ['CHAP_N', `0x${Buffer.from(USER.name).toString('hex')}`],
    ['CHAP_R', `0x${VECTORS[7][0]}`],
  ],
  'the response of another algorithm': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${VECTORS[8][0]}`],
  ],
  'the response to another identifier': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${responseTo(7, 8, CHALLENGE).toString('hex')}`],
  ],
  'a response that is too short': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${VECTORS[7][0].slice(2)}`],
  ],
  'a response that is too long': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x00${VECTORS[7][0]}`],
  ],
  'our challenge in place of a response': [
    ['CHAP_N', USER.name],
    ['CHAP_R', `0x${CHALLENGE.toString('hex')}`],
  ],
};
for (const [name, pairs] of Object.entries(WRONG)) {
  test(`refused with 0x0201: ${name}`, () => assertFailed(challenged().receive(pairs), LoginStatus.authenticationFailure));
}

const MALFORMED: Readonly<Record<string, readonly [KeyValuePair[], number]>> = {
  'no CHAP_R': [[['CHAP_N', USER.name]], LoginStatus.missingParameter],
  'no CHAP_N': [[['CHAP_R', '0x00']], LoginStatus.missingParameter],
  'an empty CHAP_N': [
    [
      ['CHAP_N', ''],
      ['CHAP_R', '0x00'],
    ],
    LoginStatus.initiatorError,
  ],
  'a CHAP_N of 256 bytes': [
    [
      ['CHAP_N', 'a'.repeat(256)],
      ['CHAP_R', '0x00'],
    ],
    LoginStatus.initiatorError,
  ],
  'a huge CHAP_N': [
    [
      ['CHAP_N', 'a'.repeat(60_000)],
      ['CHAP_R', '0x00'],
    ],
    LoginStatus.initiatorError,
  ],
  'a CHAP_R that is no binary value': [
    [
      ['CHAP_N', USER.name],
      ['CHAP_R', '1234'],
    ],
    LoginStatus.initiatorError,
  ],
  'a CHAP_R in bad Base64': [
    [
      ['CHAP_N', USER.name],
      ['CHAP_R', '0bAAA'],
    ],
    LoginStatus.initiatorError,
  ],
  'a huge CHAP_R': [
    [
      ['CHAP_N', USER.name],
      ['CHAP_R', `0x${'00'.repeat(30_000)}`],
    ],
    LoginStatus.initiatorError,
  ],
  'CHAP_C without CHAP_I': [[...right(), ASK[1] as KeyValuePair], LoginStatus.missingParameter],
  'CHAP_I without CHAP_C': [[...right(), ASK[0] as KeyValuePair], LoginStatus.missingParameter],
  'CHAP_I of two bytes': [[...right(), ['CHAP_I', '256'], ASK[1] as KeyValuePair], LoginStatus.initiatorError],
  'an empty CHAP_C': [[...right(), ASK[0] as KeyValuePair, ['CHAP_C', '0x']], LoginStatus.initiatorError],
  'a CHAP_C of 1025 bytes': [[...right(), ASK[0] as KeyValuePair, ['CHAP_C', `0x${'ab'.repeat(1025)}`]], LoginStatus.initiatorError],
  'CHAP_A once more': [[['CHAP_A', '7'], ...right()], LoginStatus.initiatorError],
};
for (const [name, [pairs, status]] of Object.entries(MALFORMED)) {
  test(`refused with 0x0${status.toString(16)}: ${name}`, () => assertFailed(challenged(7, { mutual: true }).receive(pairs), status));
}

test('a CHAP_C of 1024 bytes is answered', () => {
  const challenge = Buffer.alloc(1024, 0x5a);
  const step = challenged(7, { mutual: true }).receive([...right(), ['CHAP_I', '1'], ['CHAP_C', `0x${challenge.toString('hex')}`]]);
  assert.equal(step.kind === 'done' && step.pairs[1]?.[1], `0x${responseTo(7, 1, challenge, MUTUAL.secret).toString('hex')}`);
});

test('keys out of their order end the exchange: CHAP_N first, or everything at once', () => {
  assertFailed(begun().receive(right()), LoginStatus.initiatorError);
  assertFailed(begun().receive([['CHAP_A', '7'], ...right()]), LoginStatus.initiatorError);
  assertFailed(begun().receive(ASK), LoginStatus.initiatorError);
});

test('one challenge serves one response: a replay, right or not, is refused', () => {
  const exchange = challenged();
  assert.is(exchange.receive(right()).kind, 'done');
  assertFailed(exchange.receive(right()), LoginStatus.initiatorError);
  const guessed = challenged();
  assertFailed(guessed.receive(WRONG['a wrong secret'] as KeyValuePair[]), LoginStatus.authenticationFailure);
  assertFailed(guessed.receive(right()), LoginStatus.initiatorError);
});

test('our own challenge sent back is refused, and so is the question of an initiator that has not proved itself (RFC 7143 §9.2.1)', () => {
  const back: KeyValuePair[] = [
    ['CHAP_I', '9'],
    ['CHAP_C', `0x${CHALLENGE.toString('hex')}`],
  ];
  assertFailed(challenged(7, { mutual: true }).receive([...right(), ...back]), LoginStatus.authenticationFailure);
  const step = challenged(7, { mutual: true }).receive([...(WRONG['a wrong secret'] as KeyValuePair[]), ...ASK]);
  assertFailed(step, LoginStatus.authenticationFailure);
});

test('a target without a secret of its own cannot prove itself, and says so', () => {
  assertFailed(challenged().receive([...right(), ...ASK]), LoginStatus.authenticationFailure);
});

test('one secret for both directions is refused at configuration, and at login if it got there', () => {
  const shared = { name: 'tgt', secret: secretOf(USER.secret) };
  const users = [{ name: USER.name, secret: secretOf(USER.secret) }];
  assert.throws(
    () => new ChapCredentials({ users, mutual: shared }),
    (error: unknown) => error instanceof TargetError && error.code === 'CHAP_SECRET_SHARED' && !error.message.includes(USER.secret),
  );
  const findUser = (name: string) => users.find((user) => user.name === name) ?? null;
  const smuggled = { algorithms: credentials().algorithms, mutual: shared, findUser };
  const exchange = new ChapExchange(smuggled as unknown as ChapCredentials, known);
  exchange.receive([['CHAP_A', '7']]);
  assertFailed(exchange.receive([...right(), ...ASK]), LoginStatus.authenticationFailure);
});

test('names of users and of the target go over the wire as UTF-8', () => {
  const accounts = { users: [{ name: 'Zoë', secret: secretOf(USER.secret) }], mutual: { name: 'Ziel-Ü', secret: secretOf(MUTUAL.secret) } };
  const exchange = new ChapExchange(new ChapCredentials(accounts), known);
  exchange.receive([['CHAP_A', '7']]);
  const step = exchange.receive([['CHAP_N', 'Zo\xc3\xab'], ['CHAP_R', `0x${VECTORS[7][0]}`], ...ASK]);
  assert.equal(step.kind === 'done' && [step.user, step.pairs[0]?.[1]], ['Zoë', 'Ziel-\xc3\x9c']);
});

test.run();
