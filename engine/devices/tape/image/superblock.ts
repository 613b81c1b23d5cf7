import { crc32c } from '../../../pdu/digest.js';
import { DATA_OFFSET, PARTITION_BYTES_MIN, SUPERBLOCK_OFFSETS } from './image-layout.js';
import { haveRoom } from './record-header.js';
import { readUint64, writeUint64 } from './wide-fields.js';

/**
 * What changes about an image: written in turn to two places, so that one is whole at any time. The one with the higher sequence holds.
 *
 *       0  magic "LTsb"
 *       4  CRC32C of the superblock behind this field
 *       8  sequence, 8 bytes
 *      16  image id, 16 bytes
 *      32  1: closed in order, 1 byte
 *      33  partitions, 1 byte
 *      36  newest generation of any record, 4 bytes
 *      40  loads, 8 bytes
 *      48  capacity in bytes, as SET CAPACITY left it, 8 bytes
 *      56  counts over the life of the medium, 9 times 8 bytes
 *     128  partition table: 64 bytes for each
 *
 * A row of the partition table, of 8 bytes each: where its region begins · its size · the least generation of records from the floor on · offset of the
 * floor · objects before the floor · offset of the checkpoint · objects before the checkpoint · filemarks before the checkpoint. Behind the table
 * (128 + 4 · 64) stands, 8 bytes for each partition, the offset of the record before the checkpoint.
 */
export interface Superblock {
  readonly sequence: number;
  readonly isClean: boolean;
  readonly generation: number;
  readonly loadCount: number;
  readonly capacityBytes: number;
  readonly counts: readonly number[];
  readonly partitions: readonly PartitionRow[];
}

export interface PartitionRow {
  readonly regionOffset: number;
  readonly capacityBytes: number;
  /** Records from `floorOffset` on have this generation at least; older ones there are remains of what was overwritten. */
  readonly floorGeneration: number;
  readonly floorOffset: number;
  readonly floorObjectCount: number;
  /** An end of data that was on stable storage once: where scanning begins. */
  readonly checkpoint: LogEnd;
}

/** The end of a log: what is before it, and where the last record begins (0: there is none). */
export interface LogEnd {
  readonly offset: number;
  readonly objectCount: number;
  readonly filemarkCount: number;
  readonly lastOffset: number;
}

export const SUPERBLOCK_BYTES = 4096;
export const SUPERBLOCK_COUNT_COUNT = 9;
const MAGIC_WORD = 0x4c547362;
const CRC_FROM = 8;
const COUNTS_AT = 56;
const TABLE_AT = 128;
const ROW_BYTES = 64;
/** As many as SSC-4 lets a partition number count and the table has room for. */
export const PARTITION_COUNT_MAX = 4;
const LAST_OFFSETS_AT = TABLE_AT + PARTITION_COUNT_MAX * ROW_BYTES;

export function superblockOffset(sequence: number): number {
  return SUPERBLOCK_OFFSETS[sequence % 2] as number;
}

export function encodeSuperblock(superblock: Superblock, imageId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_WORD);
  writeUint64(view, 8, superblock.sequence);
  bytes.set(imageId, 16);
  bytes[32] = superblock.isClean ? 1 : 0;
  bytes[33] = superblock.partitions.length;
  view.setUint32(36, superblock.generation);
  writeUint64(view, 40, superblock.loadCount);
  writeUint64(view, 48, superblock.capacityBytes);
  for (const [index, count] of superblock.counts.entries()) writeUint64(view, COUNTS_AT + index * 8, count);
  for (const [index, row] of superblock.partitions.entries()) {
    const fields = [row.regionOffset, row.capacityBytes, row.floorGeneration, row.floorOffset, row.floorObjectCount];
    fields.push(row.checkpoint.offset, row.checkpoint.objectCount, row.checkpoint.filemarkCount);
    for (const [field, value] of fields.entries()) writeUint64(view, TABLE_AT + index * ROW_BYTES + field * 8, value);
    writeUint64(view, LAST_OFFSETS_AT + index * 8, row.checkpoint.lastOffset);
  }
  view.setUint32(4, crc32c(bytes, CRC_FROM, bytes.length));
  return bytes;
}

/** Null when it is torn, damaged, of another image, or has values that no image has. */
export function decodeSuperblock(bytes: Uint8Array, imageId: Uint8Array, nativeCapacityBytes: number): Superblock | null {
  if (bytes.length !== SUPERBLOCK_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC_WORD || view.getUint32(4) !== crc32c(bytes, CRC_FROM, bytes.length)) return null;
  if (imageId.some((byte, index) => bytes[16 + index] !== byte)) return null;
  const partitionCount = bytes[33] as number;
  if (partitionCount < 1 || partitionCount > PARTITION_COUNT_MAX) return null;
  const superblock: Superblock = {
    sequence: readUint64(view, 8),
    isClean: bytes[32] === 1,
    generation: view.getUint32(36),
    loadCount: readUint64(view, 40),
    capacityBytes: readUint64(view, 48),
    counts: Array.from({ length: SUPERBLOCK_COUNT_COUNT }, (_, index) => readUint64(view, COUNTS_AT + index * 8)),
    partitions: Array.from({ length: partitionCount }, (_, index) => decodeRow(view, index)),
  };
  return isSane(superblock, nativeCapacityBytes) ? superblock : null;
}

function decodeRow(view: DataView, index: number): PartitionRow {
  const field = (number: number) => readUint64(view, TABLE_AT + index * ROW_BYTES + number * 8);
  return {
    regionOffset: field(0),
    capacityBytes: field(1),
    floorGeneration: field(2),
    floorOffset: field(3),
    floorObjectCount: field(4),
    checkpoint: { offset: field(5), objectCount: field(6), filemarkCount: field(7), lastOffset: readUint64(view, LAST_OFFSETS_AT + index * 8) },
  };
}

/** Each truncation takes one; no tape lives to see it. */
const GENERATION_MAX = 2 ** 32 - 2 ** 20;

function isSane({ partitions, capacityBytes, generation }: Superblock, nativeCapacityBytes: number): boolean {
  let freeFrom = DATA_OFFSET;
  let totalBytes = 0;
  for (const { regionOffset, capacityBytes: bytes, floorOffset, checkpoint } of partitions) {
    const isIn = (offset: number) => offset >= regionOffset && offset <= regionOffset + bytes;
    if (regionOffset < freeFrom || bytes < PARTITION_BYTES_MIN || !isIn(floorOffset) || !isIn(checkpoint.offset)) return false;
    if (!haveRoom(checkpoint.objectCount, checkpoint.offset - regionOffset)) return false;
    if (checkpoint.filemarkCount > checkpoint.objectCount || (checkpoint.lastOffset !== 0 && !isIn(checkpoint.lastOffset))) return false;
    freeFrom = regionOffset + bytes;
    totalBytes += bytes;
  }
  return generation <= GENERATION_MAX && capacityBytes <= nativeCapacityBytes && totalBytes <= capacityBytes;
}
