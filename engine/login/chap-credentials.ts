import { TargetError } from '../errors.js';
import { CHAP_ALGORITHM_NAMES, type ChapAlgorithm, type ChapAlgorithmName, chapAlgorithms } from './chap-algorithms.js';
import type { ChapSecret } from './chap-secret.js';
import { textToWire } from './iscsi-name.js';

export interface ChapAccount {
  /** Compared byte by byte with CHAP_N; a name that looks like hex or Base64 is a name all the same. */
  readonly name: string;
  readonly secret: ChapSecret;
}

export interface ChapCredentialsOptions {
  /** Those who may log in, at least one, each name once. */
  readonly users: readonly ChapAccount[];
  /** How the target proves itself to an initiator that asks for it. */
  readonly mutual?: ChapAccount | undefined;
  readonly algorithms?: readonly ChapAlgorithmName[] | undefined;
}

/** Whom a target, or discovery, lets in by CHAP. */
export class ChapCredentials {
  readonly algorithms: readonly ChapAlgorithm[];
  /** Its name is in wire form. */
  readonly mutual: ChapAccount | null;
  readonly #users = new Map<string, ChapAccount>();

  /** Throws `TargetError` `CHAP_SECRET_SHARED` when one secret serves both directions, `CHAP_ALGORITHMS_MISSING`. */
  constructor(options: ChapCredentialsOptions) {
    this.algorithms = chapAlgorithms(options.algorithms ?? CHAP_ALGORITHM_NAMES);
    if (this.algorithms.length === 0) throw new TargetError('CHAP_ALGORITHMS_MISSING', 'this build of Node has none of the configured CHAP algorithms');
    for (const user of options.users) this.#users.set(textToWire(user.name), user);
    const { mutual } = options;
    this.mutual = mutual === undefined ? null : { name: textToWire(mutual.name), secret: mutual.secret };
    // RFC 7143 §9.2.1: whoever learns such a secret in one direction could play the other side, and a challenge could be sent back.
    if (mutual !== undefined && options.users.some((user) => user.secret.equals(mutual.secret))) {
      throw new TargetError('CHAP_SECRET_SHARED', `user ${JSON.stringify(mutual.name)} of the target has the secret of an initiator's user`);
    }
  }

  /** By the value of CHAP_N. */
  findUser(wireName: string): ChapAccount | null {
    return this.#users.get(wireName) ?? null;
  }
}
