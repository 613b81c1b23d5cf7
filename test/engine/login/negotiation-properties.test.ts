import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LimitName, resolveLimits } from '../../../engine/limits.js';
import { KeyNegotiator } from '../../../engine/login/key-negotiator.js';
import type { LoginStep } from '../../../engine/login/login-negotiation.js';
import { defaultParameters, type NegotiatedParameters, targetOffers } from '../../../engine/login/negotiated-parameters.js';
import type { KeyValuePair } from '../../../engine/pdu/index.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { lines, loginFixture, loginRequest, NORMAL, text } from './login-fixture.js';

/** The result functions of RFC 7143 §6.2.1, §6.2.2 and §13, written down a second time and in another way. */
interface Rule {
  readonly parameter: keyof NegotiatedParameters;
  readonly offers: readonly string[];
  /** The answer to an offer; null for `Reject`. `limits` are the target's. */
  readonly answer: (offer: string, limits: Record<LimitName, number>) => string | null;
}

const LENGTHS = ['512', '513', '1000', '0x1000', '8192', '262144', '1048577', '16777215', '511', '0', '16777216', '-1', '08192', 'x', ''];

function number(parameter: keyof NegotiatedParameters, min: number, max: number, offers: readonly string[], ours: LimitName, pick = Math.min): Rule {
  return {
    parameter,
    offers,
    answer(offer, limits) {
      if (!/^(0|[1-9]\d*|0[xX][\da-fA-F]+)$/.test(offer)) return null;
      const offered = BigInt(offer);
      return offered < min || offered > max ? null : String(pick(Number(offered), limits[ours]));
    },
  };
}

const YES_NO = ['Yes', 'No', 'yes', '', 'True'];
function boolean(parameter: keyof NegotiatedParameters): Rule {
  // The target leaves every boolean to the initiator.
  return { parameter, offers: YES_NO, answer: (offer) => (offer === 'Yes' || offer === 'No' ? offer : null) };
}

function list(parameter: keyof NegotiatedParameters, supported: readonly string[], offers: readonly string[]): Rule {
  return { parameter, offers, answer: (offer) => offer.split(',').filter((value) => supported.includes(value))[0] ?? null };
}

const DIGESTS = ['None', 'CRC32C', 'None,CRC32C', 'CRC32C,None', 'X-mine,None', 'crc32c', ''];
const SECONDS = ['0', '1', '2', '20', '0xE10', '3600', '3601', '99999999999999999999999'];
const COUNTS = ['1', '2', '4', '65535', '0', '65536', '0x2'];

const rules: Record<string, Rule> = {
  HeaderDigest: list('headerDigest', ['CRC32C', 'None'], DIGESTS),
  DataDigest: list('dataDigest', ['CRC32C', 'None'], DIGESTS),
  MaxConnections: number('maxConnections', 1, 65535, COUNTS, 'connectionPerSessionCountMax'),
  InitialR2T: boolean('initialR2T'),
  ImmediateData: boolean('immediateData'),
  MaxBurstLength: number('maxBurstLength', 512, 16777215, LENGTHS, 'maxBurstLengthBytes'),
  DefaultTime2Wait: number('defaultTime2Wait', 0, 3600, SECONDS, 'defaultTime2WaitSecondsMin', Math.max),
  DefaultTime2Retain: number('defaultTime2Retain', 0, 3600, SECONDS, 'defaultTime2RetainSecondsMax'),
  MaxOutstandingR2T: number('maxOutstandingR2T', 1, 65535, COUNTS, 'maxOutstandingR2TCount'),
  DataPDUInOrder: boolean('dataPDUInOrder'),
  DataSequenceInOrder: boolean('dataSequenceInOrder'),
  ErrorRecoveryLevel: number('errorRecoveryLevel', 0, 2, ['0', '1', '2', '3', '0x1'], 'errorRecoveryLevelMax'),
  TaskReporting: list('taskReporting', ['RFC3720', 'ResponseFence', 'FastAbort'], ['RFC3720', 'ResponseFence,RFC3720', 'FastAbort', 'None', 'X-n,FastAbort']),
  iSCSIProtocolLevel: number('protocolLevel', 0, 31, ['0', '1', '2', '31', '32'], 'protocolLevelMax'),
};

/** Limits that leave the default of every key acceptable, so that the target never offers a key by itself. */
function someLimits(random: SeededRandom): Record<LimitName, number> {
  const one = (...values: number[]): number => values[random.below(values.length)] as number;
  return resolveLimits({
    connectionPerSessionCountMax: one(1, 2, 8),
    errorRecoveryLevelMax: one(0, 1, 2),
    maxOutstandingR2TCount: one(1, 4),
    maxBurstLengthBytes: one(262144, 1048576),
    defaultTime2WaitSecondsMin: one(0, 2),
    defaultTime2RetainSecondsMax: one(20, 3600),
    protocolLevelMax: one(1, 2),
  });
}

function shuffled<T>(random: SeededRandom, values: readonly T[]): T[] {
  const mixed: T[] = [];
  for (const value of values) mixed.splice(random.below(mixed.length + 1), 0, value);
  return mixed;
}

function someOffers(random: SeededRandom): KeyValuePair[] {
  const names = shuffled(random, Object.keys(rules)).slice(0, 1 + random.below(14));
  return names.map((name) => {
    const { offers } = rules[name] as Rule;
    return [name, offers[random.below(offers.length)] as string];
  });
}

function wireOf(value: unknown): string {
  return String(value).replace('true', 'Yes').replace('false', 'No');
}

/** Digests are booleans with names. */
function parameterText(name: string, parameters: NegotiatedParameters): string {
  const value = parameters[(rules[name] as Rule).parameter];
  return name.endsWith('Digest') ? (value ? 'CRC32C' : 'None') : wireOf(value);
}

function assertOutcome(
  offers: readonly KeyValuePair[],
  answers: ReadonlyMap<string, string>,
  parameters: NegotiatedParameters,
  note: string,
  limits = resolveLimits(),
): void {
  const untouched = defaultParameters();
  for (const [name, offer] of offers) {
    const expected = (rules[name] as Rule).answer(offer, limits);
    assert.is(answers.get(name), expected ?? 'Reject', `${note}: ${name}=${offer}`);
    assert.is(parameterText(name, parameters), expected ?? parameterText(name, untouched), `${note}: ${name} after ${offer}`);
  }
  const offered = new Set(offers.map(([name]) => name));
  for (const name of Object.keys(rules)) {
    if (!offered.has(name)) assert.is(parameterText(name, parameters), parameterText(name, untouched), `${note}: ${name} was not spoken of`);
  }
}

test('any keys in any order with any values, legal or not: each is answered once, by its result function (2000 seeds)', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seededRandom(seed);
    const limits = someLimits(random);
    const parameters = defaultParameters();
    const negotiator = new KeyNegotiator(parameters, targetOffers(limits), true);
    const offers = someOffers(random);
    const answers = new Map<string, string>();
    // Over any number of texts.
    for (let rest = offers; rest.length > 0; ) {
      const count = 1 + random.below(rest.length);
      const outcome = negotiator.receive(rest.slice(0, count), 'operational');
      if (outcome.kind !== 'keys') return assert.unreachable(`seed ${seed}: ${outcome.message}`);
      assert.equal(
        outcome.answers.map(([name]) => name),
        rest.slice(0, count).map(([name]) => name),
        `seed ${seed}: answers in the order of the offers`,
      );
      for (const [name, value] of outcome.answers) answers.set(name, value);
      rest = rest.slice(count);
    }
    assertOutcome(offers, answers, parameters, `seed ${seed}`, limits);
    assert.equal(negotiator.propose(), [], `seed ${seed}: nothing is left for the target to offer`);
  }
});

/** Sends text in continued requests of random lengths and takes the whole answer, asking on while its C bit is set. */
function converse(
  fixture: ReturnType<typeof loginFixture>,
  random: SeededRandom,
  whole: Buffer,
  nextStage: number | null,
): { step: LoginStep; answer: Buffer } {
  const pieces: Buffer[] = [];
  for (let at = 0; at < whole.length && pieces.length < 5; ) {
    const length = pieces.length === 4 ? whole.length : random.below(whole.length);
    pieces.push(whole.subarray(at, at + length));
    at += length;
  }
  if (pieces.length === 0) pieces.push(whole);
  let step: LoginStep | null = null;
  pieces.forEach((piece, index) => {
    const isLast = index === pieces.length - 1;
    step = fixture.login.receive(loginRequest(1, isLast ? nextStage : null, { continue: !isLast }), piece);
    if (!isLast) assert.is(step.data.length, 0, 'a continued request is answered with nothing');
  });
  const answered = step as unknown as LoginStep;
  const data = [answered.data];
  let last = answered;
  while (last.response.continue) {
    last = fixture.login.receive(loginRequest(1, nextStage), Buffer.alloc(0));
    data.push(last.data);
  }
  return { step: last, answer: Buffer.concat(data) };
}

test('whole logins over several rounds and any cuts end with what the keys say (500 seeds)', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seededRandom(seed);
    const fixture = loginFixture();
    const offers = someOffers(random);
    const answers = new Map<string, string>();
    const collect = (answer: Buffer): void => {
      for (const line of lines(answer)) answers.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
    };
    const split = random.below(offers.length + 1);
    const format = (pairs: readonly KeyValuePair[]) => pairs.map((pair) => pair.join('='));
    collect(converse(fixture, random, text(...NORMAL, ...format(offers.slice(0, split))), null).answer);
    const { step, answer } = converse(fixture, random, text(...format(offers.slice(split))), 3);
    collect(answer);
    assert.is(step.outcome.kind, 'full-feature', `seed ${seed}: ${JSON.stringify(step.outcome)}`);
    if (step.outcome.kind !== 'full-feature') continue;
    assertOutcome(offers, answers, step.outcome.parameters, `seed ${seed}`);
    assert.ok(step.outcome.parameters.firstBurstLength <= step.outcome.parameters.maxBurstLength, `seed ${seed}`);
  }
});

test('bytes of any kind never throw, and a login that failed has a status (2000 seeds)', () => {
  const alphabet = Buffer.from('MaxBurstLength=5\0\0=,~Yes\0InitialR2T=No\0\xff\x00A', 'latin1');
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seededRandom(seed);
    const fixture = loginFixture();
    const bytes = Buffer.from(Array.from({ length: random.below(400) }, () => alphabet[random.below(alphabet.length)] as number));
    const whole = random.boolean() ? Buffer.concat([text(...NORMAL), bytes]) : bytes;
    for (let round = 0; round < 3; round++) {
      const step = fixture.login.receive(loginRequest(1, random.boolean() ? 3 : null, { continue: false }), round === 0 ? whole : Buffer.alloc(0));
      if (step.outcome.kind === 'failed') assert.ok(step.response.status >= 0x0200, `seed ${seed}`);
      if (step.outcome.kind !== 'continue') break;
    }
  }
});

test.run();
