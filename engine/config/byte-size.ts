import { fault, type Parsed, quoted } from './parsed.js';

/**
 * Sizes as people write them: a whole number of bytes and a unit. K, M, G, T, P and E are powers of 1024, as `truncate`,
 * `qemu-img` and `lvcreate` read them; so are KiB to EiB. KB to EB are powers of 1000, as disks are sold. Case does not matter.
 */

const UNIT_LETTERS = ['k', 'm', 'g', 't', 'p', 'e'] as const;
const UNIT_BYTES: Readonly<Record<string, bigint>> = Object.fromEntries([
  ['', 1n],
  ['b', 1n],
  ...UNIT_LETTERS.flatMap((letter, index) => [
    [letter, 1024n ** BigInt(index + 1)],
    [`${letter}ib`, 1024n ** BigInt(index + 1)],
    [`${letter}b`, 1000n ** BigInt(index + 1)],
  ]),
]);
const SIZE_PATTERN = /^([0-9]{1,19}) ?([a-z]{0,3})$/i;
/** File positions end here: they are signed 64-bit numbers. */
const SIZE_BYTES_MAX = 2n ** 63n;
/** Printed units, the largest first. */
const PRINTED_UNITS = [
  ['EiB', 1024 ** 6],
  ['PiB', 1024 ** 5],
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const;

export const BYTE_SIZE_FORM = 'a size such as 4096, 512MiB or 1GiB';

/** Bytes that `text` names, 1 to 2^63 and exact as a double: above 2^53 that is every second, fourth, eighth… size, all whole KiB among them. */
export function parseByteSize(text: string): Parsed<number> {
  const match = SIZE_PATTERN.exec(text);
  const unitBytes = match === null ? undefined : UNIT_BYTES[(match[2] ?? '').toLowerCase()];
  if (match === null || unitBytes === undefined) return fault(`expected ${BYTE_SIZE_FORM}, found ${quoted(text)}${fractionHint(text)}`);
  const sizeBytes = BigInt(match[1] as string) * unitBytes;
  if (sizeBytes === 0n) return fault(`expected a size of more than 0 bytes, found ${quoted(text)}`);
  if (sizeBytes > SIZE_BYTES_MAX) return fault(`expected a size of at most 8EiB, found ${quoted(text)}`);
  const value = Number(sizeBytes);
  // Positions are doubles everywhere. A size that is none would silently become its neighbour.
  if (BigInt(value) !== sizeBytes) return fault(`expected whole KiB above 8PiB, found ${quoted(text)}`);
  return { value };
}

/** The same of a number. One above 2^53 has gone through a reader that may have rounded it. */
export function parseByteCount(value: number): Parsed<number> {
  if (Number.isSafeInteger(value) && value >= 0) return parseByteSize(String(value));
  if (value > Number.MAX_SAFE_INTEGER) return fault(`expected text for a size above 8PiB, such as "8EiB", found the number ${value}; put it in quotes`);
  return fault(`expected ${BYTE_SIZE_FORM}, found ${value}${fractionHint(String(value))}`);
}

function fractionHint(text: string): string {
  return /^[0-9]+[.,][0-9]+/.test(text) ? '; fractions are not read, take the next smaller unit' : '';
}

/** The shortest exact text that `parseByteSize` reads back: 1073741824 is `1GiB`, 1000 is `1000`. */
export function formatByteSize(sizeBytes: number): string {
  for (const [unit, unitBytes] of PRINTED_UNITS) {
    if (sizeBytes >= unitBytes && sizeBytes % unitBytes === 0) return `${sizeBytes / unitBytes}${unit}`;
  }
  // `String` rounds to what tells a double from its neighbours, which is not its value.
  return BigInt(sizeBytes).toString();
}
