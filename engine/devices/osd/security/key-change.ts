import { hmac } from './integrity.js';
import { KEY_LENGTH, type SecretKey } from './key-store.js';

const LEAST_BIT = 0x01;

function withLastBit(seed: Uint8Array, bit: 0 | 1): Uint8Array {
  const bytes = Uint8Array.from(seed);
  const last = bytes.length - 1;
  bytes[last] = ((bytes[last] as number) & ~LEAST_BIT) | bit;
  return bytes;
}

/**
 * The keys that a seed makes of the generation key above it: the authentication key with the seed's last bit zero, the generation key with that bit one.
 * OSD-2 "Computing updated generation keys and new authentication keys".
 */
export function deriveKey(generationKey: Uint8Array, seed: Uint8Array, identifier: Uint8Array): SecretKey {
  return {
    authentication: hmac(generationKey, withLastBit(seed, 0)),
    generation: hmac(generationKey, withLastBit(seed, 1)),
    identifier: Uint8Array.from(identifier),
  };
}

/** A working key has no keys below it. */
export function deriveWorkingKey(generationKey: Uint8Array, seed: Uint8Array, identifier: Uint8Array): SecretKey {
  return { ...deriveKey(generationKey, seed, identifier), generation: new Uint8Array(KEY_LENGTH) };
}
