import { crc32c } from '../../../pdu/digest.js';
import { alignUp, RECORD_ALIGNMENT_BYTES } from './image-layout.js';
import { readUint64, writeUint64 } from './wide-fields.js';

/**
 * A record: one logical object. Its header, for a block its stored bytes, and zeros up to a multiple of 8.
 *
 *       0  magic "LTrc"
 *       4  CRC32C of the header behind this field
 *       8  kind: 1 logical block, 2 filemark
 *       9  flags: 1 compressed, 2 encrypted
 *      10  partition
 *      11  reserved
 *      12  generation, 4 bytes
 *      16  image id, its first 8 bytes
 *      24  offset of this record in the file, 8 bytes
 *      32  logical object number, 8 bytes
 *      40  filemarks before it in the partition, 8 bytes
 *      48  offset of the record before it, 8 bytes; 0 for object 0
 *      56  offset of the record that it jumps to, 8 bytes; 0 for none (see jump-number.ts)
 *      64  objects of the partition on stable storage when this was written, 8 bytes
 *      72  length of the logical block, 4 bytes
 *      76  stored bytes, 4 bytes
 *      80  CRC32C of the stored bytes
 *      84  reserved, 4 bytes
 */
export interface RecordHeader {
  readonly kind: RecordKind;
  readonly flags: number;
  readonly partition: number;
  readonly generation: number;
  readonly offset: number;
  readonly objectNumber: number;
  readonly filemarksBefore: number;
  readonly previousOffset: number;
  readonly jumpOffset: number;
  readonly durableObjectCount: number;
  readonly lengthBytes: number;
  readonly storedBytes: number;
  readonly storedCrc: number;
}

export const RecordKind = { block: 1, filemark: 2 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];
export const RecordFlag = { compressed: 1, encrypted: 2 } as const;

export const RECORD_HEADER_BYTES = 88;
/** READ BLOCK LIMITS and the transfer lengths of READ(6) have three bytes: no block of an image is longer, whatever is configured. */
export const BLOCK_LENGTH_BYTES_MAX = 0xff_ffff;
/** What encryption adds at most: see block-cipher.ts. */
export const CIPHER_OVERHEAD_BYTES_MAX = 1024;
export const RECORD_BYTES_MAX = recordBytes(BLOCK_LENGTH_BYTES_MAX + CIPHER_OVERHEAD_BYTES_MAX);

export const RECORD_MAGIC = Buffer.from('LTrc', 'ascii');
const MAGIC_WORD = RECORD_MAGIC.readUInt32BE(0);
const CRC_FROM = 8;
const ID_BYTES = 8;

export function recordBytes(storedBytes: number): number {
  return alignUp(RECORD_HEADER_BYTES + storedBytes, RECORD_ALIGNMENT_BYTES);
}

/** Whether so many objects have room in so many bytes: what claims more is no image of ours, and would keep us counting. */
export function haveRoom(objectCount: number, lengthBytes: number): boolean {
  return objectCount * RECORD_HEADER_BYTES <= lengthBytes;
}

/** Where the record behind this one begins. */
export function recordEnd(header: RecordHeader): number {
  return header.offset + recordBytes(header.storedBytes);
}

export function encodeRecordHeader(header: RecordHeader, imageId: Uint8Array, target: Uint8Array, at: number): void {
  const view = new DataView(target.buffer, target.byteOffset + at, RECORD_HEADER_BYTES);
  view.setUint32(0, MAGIC_WORD);
  view.setUint8(8, header.kind);
  view.setUint8(9, header.flags);
  view.setUint8(10, header.partition);
  view.setUint8(11, 0);
  view.setUint32(12, header.generation);
  target.set(imageId.subarray(0, ID_BYTES), at + 16);
  writeUint64(view, 24, header.offset);
  writeUint64(view, 32, header.objectNumber);
  writeUint64(view, 40, header.filemarksBefore);
  writeUint64(view, 48, header.previousOffset);
  writeUint64(view, 56, header.jumpOffset);
  writeUint64(view, 64, header.durableObjectCount);
  view.setUint32(72, header.lengthBytes);
  view.setUint32(76, header.storedBytes);
  view.setUint32(80, header.storedCrc);
  view.setUint32(84, 0);
  view.setUint32(4, crc32c(target, at + CRC_FROM, at + RECORD_HEADER_BYTES));
}

/**
 * The header at `at`, of a record that lies at `offset` of the image; null when there is none. Lengths are within the bounds of the format then;
 * whether the record fits its partition is for the caller to see.
 */
export function decodeRecordHeader(bytes: Uint8Array, at: number, offset: number, imageId: Uint8Array): RecordHeader | null {
  if (at + RECORD_HEADER_BYTES > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEADER_BYTES);
  if (view.getUint32(0) !== MAGIC_WORD || readUint64(view, 24) !== offset) return null;
  if (view.getUint32(4) !== crc32c(bytes, at + CRC_FROM, at + RECORD_HEADER_BYTES)) return null;
  for (let i = 0; i < ID_BYTES; i++) if (bytes[at + 16 + i] !== imageId[i]) return null;
  const kind = view.getUint8(8);
  if (kind !== RecordKind.block && kind !== RecordKind.filemark) return null;
  const header: RecordHeader = {
    kind,
    flags: view.getUint8(9),
    partition: view.getUint8(10),
    generation: view.getUint32(12),
    offset,
    objectNumber: readUint64(view, 32),
    filemarksBefore: readUint64(view, 40),
    previousOffset: readUint64(view, 48),
    jumpOffset: readUint64(view, 56),
    durableObjectCount: readUint64(view, 64),
    lengthBytes: view.getUint32(72),
    storedBytes: view.getUint32(76),
    storedCrc: view.getUint32(80),
  };
  return hasSaneLengths(header) ? header : null;
}

/** A header with a right CRC may still come from somebody who made it so. */
function hasSaneLengths({ kind, lengthBytes, storedBytes, objectNumber, filemarksBefore, previousOffset, jumpOffset, offset }: RecordHeader): boolean {
  const lengthsFit =
    kind === RecordKind.filemark
      ? lengthBytes === 0 && storedBytes === 0
      : lengthBytes > 0 && lengthBytes <= BLOCK_LENGTH_BYTES_MAX && storedBytes <= lengthBytes + CIPHER_OVERHEAD_BYTES_MAX;
  return lengthsFit && filemarksBefore <= objectNumber && objectNumber <= Number.MAX_SAFE_INTEGER && previousOffset < offset && jumpOffset < offset;
}
