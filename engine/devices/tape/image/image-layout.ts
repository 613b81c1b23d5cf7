/**
 * Where the parts of an image lie. docs/devices/tape-format.md describes it for others.
 *
 *        0  header                        image-header.ts
 *     4096  superblock of even sequence   superblock.ts
 *     8192  superblock of odd sequence
 *    12288  copy of the header
 *    16384  attributes that hosts wrote, of even sequence    medium-memory.ts
 *    32768  the same of odd sequence
 *    65536  region of partition 0, then of the others: records from the start of each on, record-header.ts
 *
 * A region is as long as its partition is large; what was not written is a hole or lies behind the end of the file.
 */
export const SUPERBLOCK_OFFSETS = [4096, 8192] as const;
export const HEADER_COPY_OFFSET = 12288;
export const MEMORY_OFFSETS = [16384, 32768] as const;
export const MEMORY_BYTES = 16384;
export const DATA_OFFSET = 65536;

export const PARTITION_BYTES_MIN = 64 * 1024;
export const CAPACITY_BYTES_MIN = PARTITION_BYTES_MIN;
/** Of regions, so that what is given away on erasure is whole blocks of a file system. */
export const REGION_ALIGNMENT_BYTES = 4096;

/** Records begin at multiples of this. */
export const RECORD_ALIGNMENT_BYTES = 8;

const EARLY_WARNING_SHARE = 64;
const EARLY_WARNING_BYTES_MIN = 64 * 1024;
const EARLY_WARNING_BYTES_MAX = 64 * 1024 * 1024;

/** How far before the end of a partition early warning begins: room for some blocks and marks, as on a cartridge, and never most of it. */
export function earlyWarningBytes(capacityBytes: number): number {
  const wished = Math.min(Math.max(Math.floor(capacityBytes / EARLY_WARNING_SHARE), EARLY_WARNING_BYTES_MIN), EARLY_WARNING_BYTES_MAX);
  return Math.min(wished, Math.floor(capacityBytes / 4));
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Where the regions of partitions of these sizes begin, and where the last ends. */
export function regionOffsets(partitionBytes: readonly number[]): number[] {
  const offsets = [DATA_OFFSET];
  for (const bytes of partitionBytes) offsets.push(alignUp((offsets.at(-1) as number) + bytes, REGION_ALIGNMENT_BYTES));
  return offsets;
}
