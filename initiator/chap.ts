import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyValuePair } from '../engine/pdu/index.js';
import type { ConformanceChecks } from './checks.js';
import { InitiatorError } from './errors.js';
import { parseNumericValue } from './key-table.js';
import { initiatorLimits } from './limits.js';

export type ChapAlgorithm = 'MD5' | 'SHA1' | 'SHA-256' | 'SHA3-256';

/** How to prove who we are, and whether the target has to. RFC 7143 §12.1.3. */
export interface ChapOptions {
  /** CHAP_N: the user that the target knows. */
  readonly name: string;
  /** A text is taken as UTF-8; never logged, never part of an error. */
  readonly secret: string | Uint8Array;
  /** Mutual authentication: the target has to prove that it knows this secret, under this name when there is one. */
  readonly target?: { readonly name?: string; readonly secret: string | Uint8Array };
  /** In order of preference; `SHA3-256`, `SHA1`, `MD5`, `SHA-256` unless told. */
  readonly algorithms?: readonly ChapAlgorithm[];
  /** How binary values are written. RFC 7143 §6.1. */
  readonly encoding?: 'hex' | 'base64';
  /** Secrets below 96 bits are refused unless this is set. */
  readonly allowWeakSecret?: boolean;
}

interface AlgorithmRow {
  /** CHAP_A, RFC 7143 §12.1.3. */
  readonly number: number;
  /** Node's name. */
  readonly hash: string;
  /** Length of our challenge: what the hash gives, so that it is never the weakest part. */
  readonly lengthBytes: number;
}

const algorithmTable: Readonly<Record<ChapAlgorithm, AlgorithmRow>> = {
  MD5: { number: 5, hash: 'md5', lengthBytes: 16 },
  SHA1: { number: 6, hash: 'sha1', lengthBytes: 20 },
  'SHA-256': { number: 7, hash: 'sha256', lengthBytes: 32 },
  'SHA3-256': { number: 8, hash: 'sha3-256', lengthBytes: 32 },
};
/**
 * The strongest first, but for SHA-256: tgt takes its number for SHA-1 and then refuses us. Targets that know it know SHA3-256
 * as well, the two were registered together, so they never come as far as to MD5.
 */
const preferredFirst: readonly ChapAlgorithm[] = ['SHA3-256', 'SHA1', 'MD5', 'SHA-256'];
const IDENTIFIER_MAX = 0xff;

/** Binary values, RFC 7143 §6.1: hexadecimal behind `0x`, or base64 behind `0b`. */
export function encodeBinaryValue(bytes: Uint8Array, encoding: 'hex' | 'base64'): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === 'hex' ? `0x${buffer.toString('hex')}` : `0b${buffer.toString('base64')}`;
}

/** The bytes, or null when the text is no binary value or a longer one than `lengthBytesMax`. */
export function decodeBinaryValue(text: string, lengthBytesMax: number): Buffer | null {
  const digits = text.slice(2);
  // Hex with an odd number of digits is a number with its leading zero left out.
  if (/^0[xX][0-9A-Fa-f]+$/.test(text)) {
    return digits.length > 2 * lengthBytesMax ? null : Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  }
  if (!/^0[bB](?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?$/.test(text)) return null;
  const bytes = Buffer.from(digits, 'base64');
  return bytes.length > 0 && bytes.length <= lengthBytesMax ? bytes : null;
}

/** RFC 1994 §4.1: the hash over identifier, secret and challenge. */
export function chapResponse(algorithm: ChapAlgorithm, identifier: number, secret: Uint8Array, challenge: Uint8Array): Buffer {
  return createHash(algorithmTable[algorithm].hash).update(Uint8Array.of(identifier)).update(secret).update(challenge).digest();
}

function bytesOf(secret: string | Uint8Array): Uint8Array {
  return typeof secret === 'string' ? Buffer.from(secret, 'utf8') : secret;
}

function refuse(message: string): never {
  throw new InitiatorError('ARGUMENT_INVALID', message);
}

function checkSecrets(options: ChapOptions): void {
  const secrets = [options.secret, ...(options.target === undefined ? [] : [options.target.secret])].map(bytesOf);
  const shortest = Math.min(...secrets.map(({ length }) => length));
  if (shortest < initiatorLimits.chapSecretBytesMin && options.allowWeakSecret !== true) {
    refuse(`a CHAP secret has at least ${initiatorLimits.chapSecretBytesMin} bytes (allowWeakSecret permits less)`);
  }
  // Who uses one secret for both can be made to answer his own challenge (RFC 7143 §12.1.3).
  const [ours, theirs] = secrets;
  if (ours !== undefined && theirs !== undefined && Buffer.compare(ours, theirs) === 0) refuse('the two CHAP secrets must differ');
}

/** The initiator's side of CHAP: one instance a login. RFC 7143 §12.1.3. */
export class ChapClient {
  readonly #options: ChapOptions;
  readonly #checks: ConformanceChecks;
  readonly #algorithms: readonly ChapAlgorithm[];
  #state: 'offered' | 'answered' | 'proven' = 'offered';
  #algorithm: ChapAlgorithm = 'MD5';
  #identifier = 0;
  #challenge: Buffer = Buffer.alloc(0);

  /** Throws `ARGUMENT_INVALID` for secrets that are too short or the same. */
  constructor(options: ChapOptions, checks: ConformanceChecks) {
    this.#options = options;
    this.#checks = checks;
    this.#algorithms = options.algorithms ?? preferredFirst;
    if (options.name === '') refuse('CHAP needs a user name');
    if (this.#algorithms.length === 0 || this.#algorithms.some((name) => !Object.hasOwn(algorithmTable, name))) {
      refuse(`CHAP algorithms are ${preferredFirst.join(', ')}`);
    }
    checkSecrets(options);
  }

  /** The first keys, once the target has chosen CHAP. */
  offer(): KeyValuePair[] {
    return [['CHAP_A', this.#algorithms.map((name) => algorithmTable[name].number).join(',')]];
  }

  /** True once we have answered the challenge: nothing is left for us to say. */
  get hasAnswered(): boolean {
    return this.#state !== 'offered';
  }

  /** Takes the target's keys and answers what we say to them. */
  accept(keys: ReadonlyMap<string, string>): KeyValuePair[] {
    if (this.#state === 'offered') return keys.has('CHAP_A') ? this.#answer(keys) : [];
    if (keys.has('CHAP_R')) this.#verify(keys);
    return [];
  }

  /** The target ends the security stage. Throws `AUTHENTICATION_FAILED` when it owes us its proof. */
  finish(): void {
    if (this.#state === 'offered') this.#checks.fatal('chap', 'the target ends the security stage without a challenge');
    if (this.#options.target !== undefined && this.#state !== 'proven') {
      throw new InitiatorError('AUTHENTICATION_FAILED', 'the target does not prove who it is');
    }
  }

  #binary(keys: ReadonlyMap<string, string>, key: string): Buffer {
    const bytes = decodeBinaryValue(keys.get(key) ?? '', initiatorLimits.chapBinaryBytesMax);
    return bytes ?? this.#checks.fatal('chap', `${key} is missing or no binary value of up to ${initiatorLimits.chapBinaryBytesMax} bytes`);
  }

  #answer(keys: ReadonlyMap<string, string>): KeyValuePair[] {
    const number = parseNumericValue(keys.get('CHAP_A') ?? '');
    const algorithm = this.#algorithms.find((name) => algorithmTable[name].number === number);
    this.#algorithm = algorithm ?? this.#checks.fatal('chap', 'the target chose a CHAP algorithm that was not offered');
    const identifier = parseNumericValue(keys.get('CHAP_I') ?? '');
    if (identifier < 0 || identifier > IDENTIFIER_MAX) this.#checks.fatal('chap', `CHAP_I is not from 0 to ${IDENTIFIER_MAX}`);
    const challenge = this.#binary(keys, 'CHAP_C');
    const { name, secret, target, encoding = 'hex' } = this.#options;
    const response = chapResponse(this.#algorithm, identifier, bytesOf(secret), challenge);
    const replies: KeyValuePair[] = [
      ['CHAP_N', name],
      ['CHAP_R', encodeBinaryValue(response, encoding)],
    ];
    this.#state = 'answered';
    if (target === undefined) return replies;
    // Fresh random bytes, never the target's own: it could hand our answer back to us (RFC 7143 §12.1.3).
    this.#identifier = randomBytes(1)[0] ?? 0;
    this.#challenge = randomBytes(algorithmTable[this.#algorithm].lengthBytes);
    return [...replies, ['CHAP_I', String(this.#identifier)], ['CHAP_C', encodeBinaryValue(this.#challenge, encoding)]];
  }

  #verify(keys: ReadonlyMap<string, string>): void {
    const { target } = this.#options;
    if (target === undefined) this.#checks.fatal('chap', 'the target answers a challenge that was not made');
    const response = this.#binary(keys, 'CHAP_R');
    const due = chapResponse(this.#algorithm, this.#identifier, bytesOf(target.secret), this.#challenge);
    const isRight = response.length === due.length && timingSafeEqual(response, due);
    if (!isRight || (target.name !== undefined && keys.get('CHAP_N') !== target.name)) {
      throw new InitiatorError('AUTHENTICATION_FAILED', 'the target is not who it should be: its CHAP name or response is wrong');
    }
    this.#state = 'proven';
  }
}
