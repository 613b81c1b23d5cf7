import { randomBytes, timingSafeEqual } from 'node:crypto';
import { assert } from '../errors.js';
import { type KeyValuePair, LoginStatus } from '../pdu/index.js';
import type { AuthContext, AuthExchange, AuthMethod, AuthStep } from './auth-method.js';
import { type ChapAlgorithm, chapResponse } from './chap-algorithms.js';
import type { ChapAccount, ChapCredentials } from './chap-credentials.js';
import { ChapSecret } from './chap-secret.js';
import { formatHexValue, parseBinaryValue } from './chap-values.js';
import { parseNumber, SIMPLE_VALUE_BYTES_MAX } from './text-values.js';

export const CHAP = 'CHAP';

/** As long as the longest digest: RFC 1994 §2.3 "Design Attributes" wants challenges that are never the same twice. */
const CHALLENGE_LENGTH_BYTES = 32;
const IDENTIFIER_MAX = 255;

const State = { algorithm: 'waits for CHAP_A', response: 'waits for CHAP_N and CHAP_R', over: 'over' } as const;
type State = (typeof State)[keyof typeof State];

/** The keys that each state takes; all others are out of order. RFC 7143 §12.1.3. */
const expectedKeys: Readonly<Record<State, readonly string[]>> = {
  [State.algorithm]: ['CHAP_A'],
  [State.response]: ['CHAP_N', 'CHAP_R', 'CHAP_I', 'CHAP_C'],
  [State.over]: [],
};

/** An unknown user is calculated for too, so that the time of the answer does not tell who exists. */
const nobody = ChapSecret.parse(randomBytes(CHALLENGE_LENGTH_BYTES)).secret;

/** Answers random bytes; tests put known ones in its place. */
export type RandomSource = (lengthBytes: number) => Uint8Array;

function failed(message: string, status: number = LoginStatus.authenticationFailure): AuthStep {
  return { kind: 'failed', status, message };
}

/**
 * CHAP from the target's side, one-way or mutual. RFC 7143 §12.1.3:
 *
 *     I → CHAP_A=<A1,A2,…>
 *     T → CHAP_A=<A> CHAP_I=<I> CHAP_C=<C>
 *     I → CHAP_N=<N> CHAP_R=<R>                      or with CHAP_I=<I> CHAP_C=<C>
 *     T →                                            and then CHAP_N=<N> CHAP_R=<R>
 */
export class ChapExchange implements AuthExchange {
  readonly #credentials: ChapCredentials;
  readonly #random: RandomSource;
  #state: State = State.algorithm;
  #algorithm: ChapAlgorithm | null = null;
  #identifier = 0;
  #challenge: Uint8Array = new Uint8Array(0);

  constructor(credentials: ChapCredentials, random: RandomSource = randomBytes) {
    this.#credentials = credentials;
    this.#random = random;
  }

  begin(): AuthStep {
    return { kind: 'continue', pairs: [] };
  }

  receive(pairs: readonly KeyValuePair[]): AuthStep {
    const expected = expectedKeys[this.#state];
    const stray = pairs.find(([key]) => !expected.includes(key));
    if (stray !== undefined) return failed(`${stray[0]} came while the exchange ${this.#state}`, LoginStatus.initiatorError);
    const values = new Map(pairs);
    return this.#state === State.algorithm ? this.#chooseAlgorithm(values.get('CHAP_A') ?? '') : this.#judge(values);
  }

  /** The first of the initiator's list that we have. RFC 7143 §6.2.1. */
  #chooseAlgorithm(list: string): AuthStep {
    const numbers = list.split(',').map(parseNumber);
    if (numbers.includes(null)) return failed('CHAP_A is no list of numbers', LoginStatus.initiatorError);
    const { algorithms } = this.#credentials;
    const chosen = numbers.map((number) => algorithms.find((algorithm) => algorithm.number === number)).find((algorithm) => algorithm !== undefined);
    if (chosen === undefined) return failed('CHAP_A has no algorithm that is allowed here');
    this.#algorithm = chosen;
    this.#identifier = this.#random(1)[0] as number;
    this.#challenge = this.#random(CHALLENGE_LENGTH_BYTES);
    this.#state = State.response;
    const pairs: KeyValuePair[] = [
      ['CHAP_A', String(chosen.number)],
      ['CHAP_I', String(this.#identifier)],
      ['CHAP_C', formatHexValue(this.#challenge)],
    ];
    return { kind: 'continue', pairs };
  }

  #judge(values: ReadonlyMap<string, string>): AuthStep {
    // One challenge serves one response, right or wrong.
    this.#state = State.over;
    const name = values.get('CHAP_N');
    const responseText = values.get('CHAP_R');
    if (name === undefined || responseText === undefined) return failed('CHAP_N or CHAP_R is missing', LoginStatus.missingParameter);
    if (name === '' || name.length > SIMPLE_VALUE_BYTES_MAX) return failed('CHAP_N has no admissible length', LoginStatus.initiatorError);
    const response = parseBinaryValue(responseText);
    if (response === null) return failed('CHAP_R is no binary value', LoginStatus.initiatorError);
    const account = this.#credentials.findUser(name);
    if (!this.#isRight(response, account)) return failed('CHAP_N or CHAP_R is wrong');
    assert(account !== null, 'the response of nobody is never right');
    return this.#answerBack(values, account);
  }

  #isRight(response: Buffer, account: ChapAccount | null): boolean {
    const algorithm = this.#chosenAlgorithm;
    const secret = account?.secret ?? nobody;
    assert(secret !== undefined, 'the secret of nobody is long enough');
    const expected = chapResponse(algorithm, this.#identifier, secret, this.#challenge);
    const isEqual = response.length === expected.length && timingSafeEqual(response, expected);
    return isEqual && account !== null;
  }

  /** Proves the target to an initiator that asked for it, and which has proved itself before. */
  #answerBack(values: ReadonlyMap<string, string>, account: ChapAccount): AuthStep {
    const identifierText = values.get('CHAP_I');
    const challengeText = values.get('CHAP_C');
    const user = account.name;
    if (identifierText === undefined && challengeText === undefined) return { kind: 'done', pairs: [], user };
    if (identifierText === undefined || challengeText === undefined) return failed('CHAP_I and CHAP_C belong together', LoginStatus.missingParameter);
    const identifier = parseNumber(identifierText);
    const challenge = parseBinaryValue(challengeText);
    if (identifier === null || identifier > IDENTIFIER_MAX || challenge === null) {
      return failed('CHAP_I or CHAP_C has no admissible value', LoginStatus.initiatorError);
    }
    const { mutual } = this.#credentials;
    if (mutual === null) return failed('the initiator asked the target to prove itself, and it has no secret for that');
    // RFC 7143 §9.2.1: our own challenge sent back asks us to calculate what the initiator should have.
    if (challenge.length === this.#challenge.length && timingSafeEqual(challenge, this.#challenge)) return failed('the challenge of the target came back');
    if (mutual.secret.equals(account.secret)) return failed('one secret serves both directions');
    const response = chapResponse(this.#chosenAlgorithm, identifier, mutual.secret, challenge);
    const pairs: KeyValuePair[] = [
      ['CHAP_N', mutual.name],
      ['CHAP_R', formatHexValue(response)],
    ];
    return { kind: 'done', pairs, user };
  }

  get #chosenAlgorithm(): ChapAlgorithm {
    assert(this.#algorithm !== null, 'a response comes after the choice of an algorithm');
    return this.#algorithm;
  }
}

/** CHAP as a value of AuthMethod; `credentialsOf` answers null where nobody can log in by CHAP. */
export function chapMethod(credentialsOf: (context: AuthContext) => ChapCredentials | null, random: RandomSource = randomBytes): AuthMethod {
  return {
    name: CHAP,
    keys: new Set(['CHAP_A', 'CHAP_I', 'CHAP_C', 'CHAP_N', 'CHAP_R']),
    open(context) {
      const credentials = credentialsOf(context);
      assert(credentials !== null, 'CHAP is offered only where there are credentials');
      return new ChapExchange(credentials, random);
    },
  };
}
