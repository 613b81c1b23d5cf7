/**
 * Values of `key=value` text, RFC 7143 §6.1 "Text Format".
 */

/** Longest simple value in bytes, RFC 7143 §6.1. */
export const SIMPLE_VALUE_BYTES_MAX = 255;

/** Values that are answers and never offers, RFC 7143 §6.2. */
export const Answer = { reject: 'Reject', irrelevant: 'Irrelevant', notUnderstood: 'NotUnderstood' } as const;
const answers: ReadonlySet<string> = new Set(Object.values(Answer));

export function isAnswer(value: string): boolean {
  return answers.has(value);
}

const DECIMAL_PATTERN = /^(?:0|[1-9][0-9]*)$/;
const HEX_PATTERN = /^0[xX][0-9a-fA-F]+$/;

/** A numerical-value in decimal or hexadecimal, or null. Values beyond 2^53 - 1 are nobody's legal range and give null. */
export function parseNumber(value: string): number | null {
  if (!DECIMAL_PATTERN.test(value) && !HEX_PATTERN.test(value)) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : null;
}

/** A boolean-value, or null. */
export function parseBoolean(value: string): boolean | null {
  if (value === 'Yes') return true;
  return value === 'No' ? false : null;
}

export function formatBoolean(value: boolean): string {
  return value ? 'Yes' : 'No';
}
