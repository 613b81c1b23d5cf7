import { readUint64 } from '../cdb.js';
import type { Medium } from '../medium.js';
import { Asc, SenseKey } from '../sense.js';
import type { CopyFailure } from './copy-failure.js';

export interface BlockRange {
  readonly lba: number;
  readonly count: number;
}

/*
 * Block device range descriptor, SBC-3 "Block device range descriptor".
 *
 *     0| LBA (8)                              |
 *     8| Number of Logical Blocks (4)         |
 *    12| Reserved (4)                         |
 */
const RANGE_LENGTH = 16;
const COUNT_AT = 8;

export interface RangeListPlace {
  /** Of BLOCK DEVICE RANGE DESCRIPTOR LENGTH; the descriptors follow it. */
  readonly lengthAt: number;
  readonly rangeCountMax: number;
}

/** The ranges of a parameter list: on the medium, and apart from each other. */
export function readRanges(bytes: Uint8Array, medium: Medium, { lengthAt, rangeCountMax }: RangeListPlace): BlockRange[] | CopyFailure {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lengthBytes = view.getUint16(lengthAt);
  const from = lengthAt + 2;
  if (lengthBytes < RANGE_LENGTH || lengthBytes % RANGE_LENGTH !== 0) return wrongField(lengthAt);
  if (from + lengthBytes > bytes.length) return { key: SenseKey.illegalRequest, asc: Asc.parameterListLengthError };
  if (lengthBytes / RANGE_LENGTH > rangeCountMax) return { key: SenseKey.illegalRequest, asc: Asc.tooManySegmentDescriptors };
  const ranges: BlockRange[] = [];
  for (let at = from; at < from + lengthBytes; at += RANGE_LENGTH) {
    const range = { lba: readUint64(view, at), count: view.getUint32(at + COUNT_AT) };
    if (range.lba + range.count > medium.blockCount) return { key: SenseKey.illegalRequest, asc: Asc.lbaOutOfRange };
    if (ranges.some((other) => overlaps(range, other))) return wrongField(at);
    ranges.push(range);
  }
  return ranges;
}

export function isRanges(reading: BlockRange[] | CopyFailure): reading is BlockRange[] {
  return Array.isArray(reading);
}

export function blockCountOf(ranges: readonly BlockRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

export function wrongField(field: number): CopyFailure {
  return { key: SenseKey.illegalRequest, asc: Asc.invalidFieldInParameterList, field };
}

function overlaps(one: BlockRange, other: BlockRange): boolean {
  return one.lba < other.lba + other.count && other.lba < one.lba + one.count;
}
