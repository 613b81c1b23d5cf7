/** CRC-16 of T10, SBC-3 "CRC-16 of the logical block guard": x^16 + x^15 + x^11 + x^9 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1, not reflected, from 0. */
const POLYNOMIAL = 0x8bb7;
const SLICE_BYTES = 16;

/** `tables[n]` has the remainders of one byte with `n` zero bytes behind it, so that as many bytes as there are tables are taken at a time. */
const tables: readonly Uint16Array[] = makeTables();

function makeTables(): Uint16Array[] {
  const first = new Uint16Array(256);
  for (let byte = 0; byte < first.length; byte++) {
    let remainder = byte << 8;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder & 0x8000) === 0 ? remainder << 1 : (remainder << 1) ^ POLYNOMIAL;
    first[byte] = remainder;
  }
  const all = [first];
  while (all.length < SLICE_BYTES) {
    const before = all.at(-1) as Uint16Array;
    all.push(before.map((remainder) => ((remainder << 8) & 0xff00) ^ (first[remainder >> 8] as number)));
  }
  return all;
}

const [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15] = tables as Uint16Array[] & { length: 16 };

/** The guard of the bytes `[start, start + lengthBytes)`. */
export function crc16T10(bytes: Uint8Array, start: number, lengthBytes: number): number {
  let crc = 0;
  let at = start;
  const end = start + lengthBytes;
  for (const sliced = end - (lengthBytes % SLICE_BYTES); at < sliced; at += SLICE_BYTES) crc = takeSlice(crc, bytes, at);
  for (; at < end; at++) crc = ((crc << 8) & 0xff00) ^ entry(t0, (crc >> 8) ^ (bytes[at] as number));
  return crc;
}

function takeSlice(crc: number, bytes: Uint8Array, at: number): number {
  return (
    entry(t15, (crc >> 8) ^ (bytes[at] as number)) ^
    entry(t14, (crc & 0xff) ^ (bytes[at + 1] as number)) ^
    entry(t13, bytes[at + 2] as number) ^
    entry(t12, bytes[at + 3] as number) ^
    entry(t11, bytes[at + 4] as number) ^
    entry(t10, bytes[at + 5] as number) ^
    entry(t9, bytes[at + 6] as number) ^
    entry(t8, bytes[at + 7] as number) ^
    entry(t7, bytes[at + 8] as number) ^
    entry(t6, bytes[at + 9] as number) ^
    entry(t5, bytes[at + 10] as number) ^
    entry(t4, bytes[at + 11] as number) ^
    entry(t3, bytes[at + 12] as number) ^
    entry(t2, bytes[at + 13] as number) ^
    entry(t1, bytes[at + 14] as number) ^
    entry(t0, bytes[at + 15] as number)
  );
}

function entry(table: Uint16Array | undefined, byte: number): number {
  return (table as Uint16Array)[byte] as number;
}
