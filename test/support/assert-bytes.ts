import { Assertion } from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';

const ROW_LENGTH = 16;
const DIFFERING_ROW_COUNT_MAX = 16;
const HEX_PATTERN = /^(?:[0-9a-fA-F]{2})*$/;
const COMMENT_PATTERN = /(?:\/\/|#|;).*$/gm;

/**
 * Bytes from hex digits, for golden vectors: white space is ignored and so is the rest of a line after `//`, `#`
 * or `;`. Throws `TargetError` `HEX_INVALID` when anything else than pairs of digits is left.
 */
export function hex(text: string): Uint8Array {
  const digits = text.replace(COMMENT_PATTERN, '').replace(/\s+/g, '');
  if (!HEX_PATTERN.test(digits)) throw new TargetError('HEX_INVALID', `not pairs of hex digits: ${digits.slice(0, 80)}`);
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

const byteText = (bytes: Uint8Array, at: number) => (at < bytes.length ? (bytes[at] as number).toString(16).padStart(2, '0') : '  ');

function rowText(bytes: Uint8Array, at: number): string {
  const cells: string[] = [];
  for (let i = at; i < at + ROW_LENGTH; i++) cells.push(byteText(bytes, i));
  return cells.join(' ').trimEnd();
}

function marks(actual: Uint8Array, expected: Uint8Array, at: number): string {
  const cells: string[] = [];
  for (let i = at; i < at + ROW_LENGTH; i++) cells.push(byteText(actual, i) === byteText(expected, i) ? '  ' : '^^');
  return cells.join(' ').trimEnd();
}

/**
 * Both byte strings in rows of 16, with the offset in hex and in decimal, wherever they differ; a `^^` stands under each
 * differing byte. Answers the empty string when they are equal.
 */
export function hexDiff(actual: Uint8Array, expected: Uint8Array): string {
  if (Buffer.compare(actual, expected) === 0) return '';
  const lines: string[] = [];
  if (actual.length !== expected.length) lines.push(`length: expected ${expected.length} bytes, got ${actual.length}`);
  let rowCount = 0;
  for (let at = 0; at < Math.max(actual.length, expected.length); at += ROW_LENGTH) {
    const marked = marks(actual, expected, at);
    if (marked === '') continue;
    if (++rowCount > DIFFERING_ROW_COUNT_MAX) {
      lines.push('… more rows differ');
      break;
    }
    const label = `${at.toString(16).padStart(4, '0')} (${at})`.padEnd(14);
    lines.push(`${label} expected  ${rowText(expected, at)}`);
    lines.push(`${' '.repeat(14)} actual    ${rowText(actual, at)}`);
    lines.push(`${' '.repeat(14)}           ${marked}`);
  }
  return lines.join('\n');
}

/** Fails with a hex diff unless both hold the same bytes. Any view of bytes will do: `Buffer`, or one over shared memory. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, message = 'bytes differ'): void {
  const details = hexDiff(actual, expected);
  if (details === '') return;
  throw new Assertion({ message, details: `${details}\n`, generated: false, operator: 'bytes', expects: expected, actual });
}
