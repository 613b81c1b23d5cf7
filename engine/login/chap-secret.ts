import { createHash, type Hash, timingSafeEqual } from 'node:crypto';
import { parseBinaryValue } from './chap-values.js';

/** Shortest secret in bytes: 96 bits, RFC 7143 §9.2.1 "CHAP Considerations". */
export const CHAP_SECRET_LENGTH_BYTES_MIN = 12;

/** How a secret that is no text is written: `0x` and pairs of hexadecimal digits, or `0b` and Base64. */
const NOTATION_PATTERN = /^0[xXbB]/;
const HALF_BYTE_PATTERN = /^0[xX](?:..)*.$/s;

export type ParsedSecret = { readonly secret: ChapSecret; readonly fault?: never } | { readonly fault: string; readonly secret?: never };

/**
 * A CHAP secret. Its bytes are in a private field that neither `JSON.stringify` nor `util.inspect` shows, so that it cannot get into
 * a log, an error or a document by accident. They leave it only into a hash.
 */
export class ChapSecret {
  readonly #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The bytes as they stand, or what they say in hex (`0x`) or Base64 (`0b`). A fault never repeats anything of them. */
  static parse(bytes: Uint8Array): ParsedSecret {
    const written = Buffer.from(bytes);
    const text = written.toString('latin1');
    const value = NOTATION_PATTERN.test(text) ? decode(text) : written;
    if (value === null) return { fault: 'expected pairs of hexadecimal digits behind 0x, or Base64 with its padding behind 0b' };
    if (value.length < CHAP_SECRET_LENGTH_BYTES_MIN) {
      return { fault: `expected a secret of at least ${CHAP_SECRET_LENGTH_BYTES_MIN} bytes (96 bits, RFC 7143 §9.2.1), found ${value.length}` };
    }
    return { secret: new ChapSecret(value) };
  }

  mixInto(hash: Hash): Hash {
    return hash.update(this.#bytes);
  }

  /** In constant time, whatever the lengths. */
  equals(other: ChapSecret): boolean {
    return timingSafeEqual(this.mixInto(createHash('sha256')).digest(), other.mixInto(createHash('sha256')).digest());
  }
}

/** A digit too few is a slip in a secret, though not in a number. */
function decode(text: string): Buffer | null {
  return HALF_BYTE_PATTERN.test(text) ? null : parseBinaryValue(text);
}
