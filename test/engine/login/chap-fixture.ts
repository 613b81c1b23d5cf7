import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { ChapCredentials, type ChapCredentialsOptions } from '../../../engine/login/chap-credentials.js';
import { ChapSecret } from '../../../engine/login/chap-secret.js';

export const USER = { name: 'alice', secret: 'initiator-secret-1' } as const;
export const MUTUAL = { name: 'the-target', secret: 'target-secret-0001' } as const;

export const HASHES = { 5: 'md5', 6: 'sha1', 7: 'sha256', 8: 'sha3-256' } as const;
export type ChapNumber = keyof typeof HASHES;

export function secretOf(text: string): ChapSecret {
  const { secret } = ChapSecret.parse(Buffer.from(text));
  assert.ok(secret !== undefined);
  return secret;
}

export function credentials(options: { mutual?: boolean; algorithms?: ChapCredentialsOptions['algorithms'] } = {}): ChapCredentials {
  return new ChapCredentials({
    users: [
      { name: USER.name, secret: secretOf(USER.secret) },
      { name: 'bob', secret: secretOf('another-secret-of-bob') },
    ],
    mutual: options.mutual === true ? { name: MUTUAL.name, secret: secretOf(MUTUAL.secret) } : undefined,
    algorithms: options.algorithms,
  });
}

/** What an initiator calculates, apart from the code under test. RFC 1994 §4.1. */
export function responseTo(number: ChapNumber, identifier: number, challenge: Uint8Array, secret: string = USER.secret): Buffer {
  return createHash(HASHES[number]).update(Uint8Array.of(identifier)).update(secret).update(challenge).digest();
}
