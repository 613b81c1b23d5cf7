import { createHash } from 'node:crypto';
import type { KeyValuePair, LoginRequestPdu } from '../../engine/pdu/index.js';
import { agreeable, type LoginAnswers } from './fake-target.js';

const hashes: Readonly<Record<string, string>> = { 5: 'md5', 6: 'sha1', 7: 'sha256', 8: 'sha3-256' };

function bytesOf(text: string): Buffer {
  return text.startsWith('0b') ? Buffer.from(text.slice(2), 'base64') : Buffer.from(text.slice(2), 'hex');
}

export interface ChapScript {
  readonly secret: string;
  readonly algorithm?: number;
  readonly challenge?: string;
  readonly identifier?: string;
  /** Our own name and secret, to answer a challenge with. */
  readonly proof?: { readonly name: string; readonly secret: string };
  /** Says something else than it should. */
  readonly spoil?: (pairs: KeyValuePair[]) => KeyValuePair[];
  readonly method?: string;
}

/** A target that asks for CHAP, written against the RFC and not against our own code. Keeps what the initiator said. */
export class ChapTarget {
  readonly said = new Map<string, string>();
  isInitiatorRight = false;
  readonly #script: ChapScript;

  constructor(script: ChapScript) {
    this.#script = script;
  }

  readonly answers: LoginAnswers = (keys, request) => {
    for (const [key, value] of keys) this.said.set(key, value);
    return request.currentStage === 1 ? agreeable()(keys, request) : this.#security(keys, request);
  };

  #security(keys: ReadonlyMap<string, string>, request: LoginRequestPdu): ReturnType<LoginAnswers> {
    const { algorithm = 7, challenge = '0x000102030405060708090a0b0c0d0e0f', identifier = '42', method = 'CHAP', spoil = (pairs) => pairs } = this.#script;
    const staying = { transit: false, nextStage: 0 };
    if (keys.has('AuthMethod')) {
      return {
        pairs: [
          ['AuthMethod', method],
          ['TargetPortalGroupTag', '1'],
        ],
        response: staying,
      };
    }
    if (keys.has('CHAP_A')) {
      const pairs: KeyValuePair[] = [
        ['CHAP_A', String(algorithm)],
        ['CHAP_I', identifier],
        ['CHAP_C', challenge],
      ];
      return { pairs: spoil(pairs), response: staying };
    }
    if (!keys.has('CHAP_R')) return { pairs: [], response: { transit: request.transit } };
    const due = this.#hash(algorithm, Number(identifier), this.#script.secret, bytesOf(challenge));
    this.isInitiatorRight = bytesOf(keys.get('CHAP_R') ?? '').equals(due);
    const { proof } = this.#script;
    if (!this.isInitiatorRight) return { response: { status: 0x0201, transit: false } };
    if (proof === undefined || !keys.has('CHAP_C')) return { pairs: [] };
    const response = this.#hash(algorithm, Number(keys.get('CHAP_I')), proof.secret, bytesOf(keys.get('CHAP_C') ?? ''));
    return {
      pairs: spoil([
        ['CHAP_N', proof.name],
        ['CHAP_R', `0x${response.toString('hex')}`],
      ]),
    };
  }

  #hash(algorithm: number, identifier: number, secret: string, challenge: Buffer): Buffer {
    return createHash(hashes[algorithm] ?? 'md5')
      .update(Buffer.concat([Buffer.from([identifier]), Buffer.from(secret), challenge]))
      .digest();
  }
}
