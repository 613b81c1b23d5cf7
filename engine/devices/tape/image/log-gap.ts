import type { LogObject, LogPlace } from './log-place.js';
import { RECORD_HEADER_BYTES } from './record-header.js';

/** Objects in a row whose records are lost, between the place where the first was and the next record that is there. */
export interface LogGap {
  readonly start: LogPlace;
  readonly next: Pick<LogPlace, 'objectNumber' | 'filemarkCount' | 'offset'>;
}

/** Each of them needs a place of its own, and as each took the room of a header at least, there is one. */
const STRIDE_BYTES = RECORD_HEADER_BYTES;

export function gapHolds({ start, next }: LogGap, place: LogPlace): boolean {
  return (
    place.objectNumber >= start.objectNumber &&
    place.objectNumber < next.objectNumber &&
    place.offset === start.offset + (place.objectNumber - start.objectNumber) * STRIDE_BYTES
  );
}

/** The lost object at a place that the gap holds. */
export function objectInGap({ start, next }: LogGap, place: LogPlace): LogObject {
  const lostCount = next.objectNumber - start.objectNumber;
  const areFilemarks = next.filemarkCount - start.filemarkCount === lostCount;
  const isLast = place.objectNumber + 1 === next.objectNumber;
  return {
    kind: areFilemarks ? 'filemark' : 'damaged',
    header: null,
    next: {
      objectNumber: place.objectNumber + 1,
      filemarkCount: isLast ? next.filemarkCount : place.filemarkCount + (areFilemarks ? 1 : 0),
      offset: isLast ? next.offset : place.offset + STRIDE_BYTES,
      previousOffset: place.offset,
    },
  };
}
