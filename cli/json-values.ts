import { formatByteSize } from '../engine/config/byte-size.js';

/** JSON for what an initiator answers: bytes as hexadecimal digits, large numbers as text where JSON's readers would round them. */
export function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, jsonValue(member)]));
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** `1.5 GiB`. */
export function formatSize(sizeBytes: number | bigint): string {
  let value = Number(sizeBytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Of four digits at most an exact size is as good to read as a rounded one. */
const EXACT_TEXT = /^[0-9]{1,4}[KMGTPE]iB$/;

/** `1GiB` and `800KiB` as a configuration would have them, and `75.1 GiB` where that would be a number nobody reads. */
export function shownSize(sizeBytes: number): string {
  const exact = formatByteSize(sizeBytes);
  return EXACT_TEXT.test(exact) ? exact : formatSize(sizeBytes);
}
