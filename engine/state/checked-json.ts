import { createHash } from 'node:crypto';

const CHECKSUM_KEY = 'sha256';
const INDENT = 2;

/** An object as JSON that people can read, whose last key is the checksum of the text in front of it. */
export function encodeCheckedJson(body: object): Buffer {
  const text = JSON.stringify(body, null, INDENT).slice(0, -'\n}'.length);
  const checksum = createHash('sha256').update(text).digest('hex');
  return Buffer.from(`${text},\n  "${CHECKSUM_KEY}": "${checksum}"\n}\n`);
}

/**
 * The object that a file holds, or null when the bytes are none. The checksum is not looked at: who reads such a file encodes again what was read, and the
 * same bytes must come out.
 */
export function parseCheckedJson(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return isObject(body) ? body : null;
  } catch {
    // What is no JSON was cut off or damaged; which byte it was helps nobody.
    return null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
