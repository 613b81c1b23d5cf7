import { fault, type Parsed, quoted } from './parsed.js';

/**
 * Sizes as people write them: a whole number of bytes and a unit. K, M, G and T are powers of 1024, as `truncate`,
 * `qemu-img` and `lvcreate` read them; so are KiB, MiB, GiB and TiB. KB, MB, GB and TB are powers of 1000, as disks
 * are sold. Case does not matter.
 */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1000 ** 4,
};
const SIZE_PATTERN = /^([0-9]{1,16}) ?([a-z]{0,3})$/i;
/** Printed units, the largest first. */
const PRINTED_UNITS = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const;

export const BYTE_SIZE_FORM = 'a size such as 4096, 512MiB or 1GiB';

/** Bytes that `text` names, at least 1 and exact as a double. */
export function parseByteSize(text: string): Parsed<number> {
  const match = SIZE_PATTERN.exec(text);
  const unitBytes = match === null ? undefined : UNIT_BYTES[(match[2] ?? '').toLowerCase()];
  if (match === null || unitBytes === undefined) return fault(`expected ${BYTE_SIZE_FORM}, found ${quoted(text)}${fractionHint(text)}`);
  const sizeBytes = Number(match[1]) * unitBytes;
  if (sizeBytes === 0) return fault(`expected a size of more than 0 bytes, found ${quoted(text)}`);
  // Positions are doubles everywhere: beyond 2^53 - 1 they would lose bytes.
  if (!Number.isSafeInteger(sizeBytes)) return fault(`expected a size below 8192TiB, found ${quoted(text)}`);
  return { value: sizeBytes };
}

function fractionHint(text: string): string {
  return /^[0-9]+[.,][0-9]+/.test(text) ? '; fractions are not read, take the next smaller unit' : '';
}

/** The shortest exact text that `parseByteSize` reads back: 1073741824 is `1GiB`, 1000 is `1000`. */
export function formatByteSize(sizeBytes: number): string {
  for (const [unit, unitBytes] of PRINTED_UNITS) {
    if (sizeBytes >= unitBytes && sizeBytes % unitBytes === 0) return `${sizeBytes / unitBytes}${unit}`;
  }
  return String(sizeBytes);
}
