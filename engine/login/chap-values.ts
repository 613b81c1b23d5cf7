/**
 * Binary values of text negotiation: hex-constant and base64-constant, RFC 7143 §6.1 "Text Format". CHAP_C and CHAP_R are large
 * binary values, which have no decimal form.
 */

/** Longest binary value that a key may carry, in bytes as decoded. RFC 7143 §12.1.3 and §6.1. */
export const BINARY_VALUE_LENGTH_BYTES_MAX = 1024;

const HEX_PATTERN = /^[0-9a-fA-F]+$/;

/** The bytes of `0x…` or `0b…` (either case), or null when the text is neither, is empty, or decodes to more than the bound. */
export function parseBinaryValue(text: string): Buffer | null {
  // Hex is the longer form; what cannot fit is refused before any work is done on it.
  if (text.length < 3 || text.length > 2 + 2 * BINARY_VALUE_LENGTH_BYTES_MAX || text[0] !== '0') return null;
  const digits = text.slice(2);
  const kind = text[1];
  if (kind === 'x' || kind === 'X') return parseHex(digits);
  return kind === 'b' || kind === 'B' ? parseBase64(digits) : null;
}

export function formatHexValue(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

function parseHex(digits: string): Buffer | null {
  if (!HEX_PATTERN.test(digits)) return null;
  // A number may be written without its leading zero; the length of the value is checked by who knows it.
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}

function parseBase64(digits: string): Buffer | null {
  if (digits.length % 4 !== 0) return null;
  const bytes = Buffer.from(digits, 'base64');
  // Node skips what is no Base64. Only what comes out the same again was Base64, padding and unused bits included.
  return bytes.length <= BINARY_VALUE_LENGTH_BYTES_MAX && bytes.toString('base64') === digits ? bytes : null;
}
