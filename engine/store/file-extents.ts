/*
 * struct fiemap of linux/fiemap.h, in the byte order of the processor:
 *
 *     0| fm_start (8)   | fm_length (8)   | fm_flags (4) | fm_mapped_extents (4) | fm_extent_count (4) | fm_reserved (4) |
 *
 * and behind it, for each extent, struct fiemap_extent:
 *
 *     0| fe_logical (8) | fe_physical (8) | fe_length (8) | fe_reserved64 (16) | fe_flags (4) | fe_reserved (12) |
 */
const HEADER_LENGTH = 32;
const EXTENT_LENGTH = 56;
/** Of arrays of eight bytes. */
const START_AT = 0;
const LENGTH_AT = 1;
const EXTENT_START_AT = 0;
const EXTENT_LENGTH_AT = 2;
/** Of arrays of four bytes. */
const FLAGS_AT = 4;
const MAPPED_COUNT_AT = 5;
const EXTENT_COUNT_AT = 6;
const EXTENT_FLAGS_AT = 10;

/** _IOWR('f', 11, struct fiemap): the same number on every processor. */
const FS_IOC_FIEMAP = 0xc020660b;
const FIEMAP_FLAG_SYNC = 0x1;
/** Space was taken and nothing is in it yet: it reads as zeros. */
const FIEMAP_EXTENT_UNWRITTEN = 0x800;
/** What a call takes in: a longer stretch is told in several. */
const EXTENT_COUNT_MAX = 32;

/** A stretch of a file for which the file system keeps space, from a position that was asked for. */
export interface FileExtent {
  /** From the position to where the stretch begins. */
  readonly offsetBytes: number;
  /** From the position to where it ends. */
  readonly endOffsetBytes: number;
  /** Nothing was written there; what waits in the page cache may be about to. */
  readonly unwritten: boolean;
}

/** One a thread, made when first needed. */
let memory: Uint8Array | null = null;

/** The first stretch of the range, joined of neighbours that are alike and cut to the range; null when there is none. Throws what `ioctl` throws. */
export function firstFileExtent(
  ioctl: (request: number, memory: Uint8Array) => unknown,
  positionBytes: number,
  lengthBytes: number,
  sync: boolean,
): FileExtent | null {
  memory ??= new Uint8Array(HEADER_LENGTH + EXTENT_COUNT_MAX * EXTENT_LENGTH);
  const wide = new BigUint64Array(memory.buffer);
  const narrow = new Uint32Array(memory.buffer);
  memory.fill(0);
  wide[START_AT] = BigInt(positionBytes);
  wide[LENGTH_AT] = BigInt(lengthBytes);
  narrow[FLAGS_AT] = sync ? FIEMAP_FLAG_SYNC : 0;
  narrow[EXTENT_COUNT_AT] = EXTENT_COUNT_MAX;
  ioctl(FS_IOC_FIEMAP, memory);
  let joined = null as FileExtent | null;
  for (let index = 0; index < (narrow[MAPPED_COUNT_AT] as number); index++) {
    const at = HEADER_LENGTH + index * EXTENT_LENGTH;
    const start = Number((wide[at / 8 + EXTENT_START_AT] as bigint) - BigInt(positionBytes));
    const offsetBytes = Math.max(0, start);
    const endOffsetBytes = Math.min(lengthBytes, start + Number(wide[at / 8 + EXTENT_LENGTH_AT]));
    const unwritten = ((narrow[at / 4 + EXTENT_FLAGS_AT] as number) & FIEMAP_EXTENT_UNWRITTEN) !== 0;
    if (endOffsetBytes <= offsetBytes) continue;
    if (joined !== null && (offsetBytes !== joined.endOffsetBytes || unwritten !== joined.unwritten)) break;
    joined = { offsetBytes: joined?.offsetBytes ?? offsetBytes, endOffsetBytes, unwritten };
  }
  return joined;
}
