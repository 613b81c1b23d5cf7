import { TargetError } from '../errors.js';

/**
 * The text of login and text PDUs: `key=value` pairs, each ended by a zero byte. RFC 7143 §6.1 "Text Format".
 * Bytes are read as Latin-1 so that no input can throw; names that must be UTF-8 are checked by their keys.
 */

export type KeyValuePair = readonly [key: string, value: string];

/** Longest key name, RFC 7143 §6.1. */
export const KEY_LENGTH_MAX = 63;
const KEY_PATTERN = /^[A-Za-z0-9.\-+@_][A-Za-z0-9.\-+@_/#]*$/;

/** The pairs in order, or null when the text has no legal form: a pair without `=`, an empty or over-long key. */
export function parseTextData(bytes: Uint8Array): KeyValuePair[] | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const pairs: KeyValuePair[] = [];
  for (const line of text.split('\0')) {
    // Initiators pad with zeroes and some end the text twice.
    if (line === '') continue;
    const equals = line.indexOf('=');
    if (equals <= 0 || equals > KEY_LENGTH_MAX) return null;
    const key = line.slice(0, equals);
    if (!KEY_PATTERN.test(key)) return null;
    pairs.push([key, line.slice(equals + 1)]);
  }
  return pairs;
}

export function encodeTextData(pairs: Iterable<KeyValuePair>): Buffer {
  let text = '';
  for (const [key, value] of pairs) {
    if (key.includes('\0') || value.includes('\0')) throw new TargetError('TEXT_VALUE_INVALID', `key ${JSON.stringify(key)} or its value holds a zero byte`);
    text += `${key}=${value}\0`;
  }
  return Buffer.from(text, 'latin1');
}
