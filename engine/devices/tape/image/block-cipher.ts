import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { TapeBlockEncryption, TapeEncryption } from './tape-service.js';

/**
 * What is stored of an encrypted block:
 *
 *       0  algorithm index, 1 byte
 *       1  length of the U-KAD, 1 byte
 *       2  length of the A-KAD, 1 byte
 *       3  reserved
 *       4  nonce, 12 random bytes
 *      16  tag, 16 bytes
 *      32  U-KAD, A-KAD, and the ciphertext
 *
 * AES-256-GCM. Authenticated with it are the image, the partition, the number and the length of the object and the A-KAD, so that blocks cannot be moved.
 * Nothing of the key is stored, nor anything made from it alone: as the CRC of the record tells damage, a tag that is wrong tells a wrong key.
 */
export interface SealedBlock {
  readonly encryption: Omit<TapeBlockEncryption, 'isReadable'>;
  readonly nonce: Uint8Array;
  readonly tag: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const CIPHER = 'aes-256-gcm';
const NONCE_AT = 4;
const NONCE_BYTES = 12;
const TAG_AT = NONCE_AT + NONCE_BYTES;
const TAG_BYTES = 16;
const DESCRIPTORS_AT = TAG_AT + TAG_BYTES;

/** `plain` as it is stored. `identity` says which object of which image it is. */
export function sealBlock(plain: Uint8Array, settings: TapeEncryption, identity: Uint8Array): Uint8Array {
  const { ukad, akad, key, algorithmIndex } = settings;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(Buffer.concat([identity, akad]));
  const ciphertext = cipher.update(plain);
  cipher.final();
  const ciphertextAt = DESCRIPTORS_AT + ukad.length + akad.length;
  const stored = Buffer.alloc(ciphertextAt + ciphertext.length);
  stored[0] = algorithmIndex;
  stored[1] = ukad.length;
  stored[2] = akad.length;
  stored.set(nonce, NONCE_AT);
  stored.set(cipher.getAuthTag(), TAG_AT);
  stored.set(ukad, DESCRIPTORS_AT);
  stored.set(akad, DESCRIPTORS_AT + ukad.length);
  stored.set(ciphertext, ciphertextAt);
  return stored;
}

/** Null for bytes that are no sealed block. Views of `stored`. */
export function parseSealedBlock(stored: Uint8Array): SealedBlock | null {
  if (stored.length < DESCRIPTORS_AT) return null;
  const akadAt = DESCRIPTORS_AT + (stored[1] as number);
  const ciphertextAt = akadAt + (stored[2] as number);
  if (ciphertextAt > stored.length) return null;
  return {
    encryption: { algorithmIndex: stored[0] as number, ukad: stored.slice(DESCRIPTORS_AT, akadAt), akad: stored.slice(akadAt, ciphertextAt) },
    nonce: stored.subarray(NONCE_AT, TAG_AT),
    tag: stored.subarray(TAG_AT, DESCRIPTORS_AT),
    ciphertext: stored.subarray(ciphertextAt),
  };
}

/** Null when the key is not that of the block. */
export function openSealedBlock(sealed: SealedBlock, key: Uint8Array, identity: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv(CIPHER, key, sealed.nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([identity, sealed.encryption.akad]));
  decipher.setAuthTag(sealed.tag);
  const plain = decipher.update(sealed.ciphertext);
  try {
    decipher.final();
  } catch {
    return null;
  }
  return plain;
}
