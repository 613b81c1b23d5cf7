import { type RecordHeader, RecordKind, recordEnd } from './record-header.js';
import type { LogEnd } from './superblock.js';

/** A place of a log: before an object, or behind the last. */
export interface LogPlace {
  /** Objects and filemarks before it. */
  readonly objectNumber: number;
  readonly filemarkCount: number;
  /** Where the record of the object behind it begins. */
  readonly offset: number;
  /** Where the record before it begins; 0 when there is none. */
  readonly previousOffset: number;
}

/** What stands behind a place. A block whose record is lost is `damaged`; a lost mark is known by the count of those behind it. */
export interface LogObject {
  readonly kind: 'block' | 'filemark' | 'damaged';
  /** Null for what is lost. */
  readonly header: RecordHeader | null;
  readonly next: LogPlace;
}

export function placeOf(header: RecordHeader): LogPlace {
  return {
    objectNumber: header.objectNumber,
    filemarkCount: header.filemarksBefore,
    offset: header.offset,
    previousOffset: header.previousOffset,
  };
}

export function objectOf(header: RecordHeader): LogObject {
  const isFilemark = header.kind === RecordKind.filemark;
  return {
    kind: isFilemark ? 'filemark' : 'block',
    header,
    next: {
      objectNumber: header.objectNumber + 1,
      filemarkCount: header.filemarksBefore + (isFilemark ? 1 : 0),
      offset: recordEnd(header),
      previousOffset: header.offset,
    },
  };
}

export function endPlace(end: LogEnd): LogPlace {
  return { objectNumber: end.objectCount, filemarkCount: end.filemarkCount, offset: end.offset, previousOffset: end.lastOffset };
}

export function endAt(place: LogPlace): LogEnd {
  return { offset: place.offset, objectCount: place.objectNumber, filemarkCount: place.filemarkCount, lastOffset: place.previousOffset };
}
