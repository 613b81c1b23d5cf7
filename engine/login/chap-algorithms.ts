import { createHash, getHashes } from 'node:crypto';
import type { ChapSecret } from './chap-secret.js';

/** Names of the hash functions in configuration, in the order in which we prefer them. */
export const CHAP_ALGORITHM_NAMES = ['SHA3-256', 'SHA-256', 'SHA-1', 'MD5'] as const;
export type ChapAlgorithmName = (typeof CHAP_ALGORITHM_NAMES)[number];

export interface ChapAlgorithm {
  readonly name: ChapAlgorithmName;
  /** Value of CHAP_A, IANA "PPP Authentication Algorithms". RFC 7143 §12.1.3. */
  readonly number: number;
  readonly digestLengthBytes: number;
  /** The name that `node:crypto` knows it by. */
  readonly hash: string;
}

const rows: readonly ChapAlgorithm[] = [
  { name: 'MD5', number: 5, digestLengthBytes: 16, hash: 'md5' },
  { name: 'SHA-1', number: 6, digestLengthBytes: 20, hash: 'sha1' },
  { name: 'SHA-256', number: 7, digestLengthBytes: 32, hash: 'sha256' },
  { name: 'SHA3-256', number: 8, digestLengthBytes: 32, hash: 'sha3-256' },
];

/** Builds of OpenSSL differ: one that leaves out MD5 must not fail in the middle of a login. */
const available = new Set(getHashes());

/** Those of `names` that this build of Node has. */
export function chapAlgorithms(names: readonly ChapAlgorithmName[]): readonly ChapAlgorithm[] {
  return rows.filter((row) => names.includes(row.name) && available.has(row.hash));
}

/** The response value: the hash of identifier, secret and challenge, in this order. RFC 1994 §4.1 "Challenge and Response". */
export function chapResponse(algorithm: ChapAlgorithm, identifier: number, secret: ChapSecret, challenge: Uint8Array): Buffer {
  const hash = createHash(algorithm.hash).update(Uint8Array.of(identifier));
  return secret.mixInto(hash).update(challenge).digest();
}
