import { createRequire } from 'node:module';
import { crc32c, crc32cTables } from '../../../engine/pdu/index.js';
import { formatBytes } from '../../shared/table.js';
import type { MicroCase, OpenCase } from '../model.js';

const KIB = 1024;
const SIZES = [48, 128, 256, 512, 4 * KIB, 64 * KIB, 1024 * KIB] as const;

type Crc = (bytes: Uint8Array, from: number, to: number) => number;

/** The native library without the engine's choice in front of it, or null where it is not installed. */
function loadNative(): Crc | null {
  try {
    const { crc32c: native } = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: (data: Uint8Array) => number };
    return (bytes, from, to) => native(bytes.subarray(from, to));
  } catch {
    return null;
  }
}

/** Shared memory, because that is what the engine's data lies in. */
function openDigest(crc: Crc, lengthBytes: number): OpenCase {
  const bytes = Buffer.from(new SharedArrayBuffer(lengthBytes));
  for (let i = 0; i < lengthBytes; i++) bytes[i] = i * 31;
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        bytes[0] = i;
        sum ^= crc(bytes, 0, lengthBytes);
      }
      return sum;
    },
  };
}

const native = loadNative();
const kinds: readonly (readonly [kind: string, what: string, crc: Crc])[] = [
  ['tables', 'CRC32C by tables', crc32cTables],
  ...(native === null ? [] : [['native', 'CRC32C by native library', native] as const]),
  ['engine', 'CRC32C as the engine chooses', crc32c],
];

export const digestCases: readonly MicroCase[] = SIZES.flatMap((bytes) =>
  kinds.map(([kind, what, crc]) => ({
    name: `digest/${kind}/${formatBytes(bytes).replace(' ', '-')}`,
    title: `${what}, ${formatBytes(bytes)}`,
    bytes,
    open: () => openDigest(crc, bytes),
  })),
);
