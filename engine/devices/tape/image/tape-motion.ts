import type { LoadedTape } from './loaded-tape.js';
import type { LogPlace } from './log-place.js';
import type { TapeSpaceOutcome, TapeSpaceUnit } from './tape-service.js';

/** Where a motion ends: how, and what is left of it. */
export interface Motion {
  readonly place: LogPlace;
  readonly stop: TapeSpaceOutcome['stop'];
  readonly residualCount: number;
}

/** SSC-4 "SPACE". Marks and blocks are found by their numbers, so that no motion takes longer for what it passes. */
export function spaceFrom({ log, place }: LoadedTape, what: TapeSpaceUnit, count: number): Motion {
  if (what === 'endOfData') return arrived(log.endPlace);
  if (count === 0) return arrived(place);
  if (what === 'sequentialFilemarks') return count > 0 ? runBehind({ log, place }, count) : runBefore({ log, place }, -count);
  if (what === 'filemarks') return count > 0 ? filemarksForward({ log, place }, count) : filemarksBackward({ log, place }, -count);
  return count > 0 ? blocksForward({ log, place }, count) : blocksBackward({ log, place }, -count);
}

type Standing = Pick<LoadedTape, 'log' | 'place'>;

function arrived(place: LogPlace): Motion {
  return { place, stop: 'done', residualCount: 0 };
}

function blocksForward({ log, place }: Standing, count: number): Motion {
  const filemark = log.findFilemark(place.filemarkCount);
  const blockCount = filemark.objectNumber - place.objectNumber;
  if (count <= blockCount) return arrived(log.find(place.objectNumber + count));
  const mark = log.objectAt(filemark, false);
  const residualCount = count - blockCount;
  return mark === null ? { place: filemark, stop: 'endOfData', residualCount } : { place: mark.next, stop: 'filemark', residualCount };
}

function blocksBackward({ log, place }: Standing, count: number): Motion {
  const filemark = place.filemarkCount === 0 ? null : log.findFilemark(place.filemarkCount - 1);
  const blockCount = place.objectNumber - (filemark === null ? 0 : filemark.objectNumber + 1);
  if (count <= blockCount) return arrived(count === 1 ? (log.before(place) as LogPlace) : log.find(place.objectNumber - count));
  const residualCount = count - blockCount;
  return filemark === null ? { place: log.beginning, stop: 'beginningOfPartition', residualCount } : { place: filemark, stop: 'filemark', residualCount };
}

function filemarksForward({ log, place }: Standing, count: number): Motion {
  const found = log.findFilemark(place.filemarkCount + count - 1);
  const mark = log.objectAt(found, false);
  if (mark !== null) return arrived(mark.next);
  return { place: log.endPlace, stop: 'endOfData', residualCount: count - (log.end.filemarkCount - place.filemarkCount) };
}

function filemarksBackward({ log, place }: Standing, count: number): Motion {
  if (count <= place.filemarkCount) return arrived(log.findFilemark(place.filemarkCount - count));
  return { place: log.beginning, stop: 'beginningOfPartition', residualCount: count - place.filemarkCount };
}

/** Behind the next run of so many marks in a row. */
function runBehind({ log, place }: Standing, count: number): Motion {
  let run = 0;
  let at = place;
  for (let object = log.objectAt(at, true); object !== null; object = log.objectAt(at, true)) {
    at = object.next;
    run = object.kind === 'filemark' ? run + 1 : 0;
    if (run === count) return arrived(at);
  }
  return { place: log.endPlace, stop: 'endOfData', residualCount: count };
}

/** Before the last such run that is before the place. */
function runBefore({ log, place }: Standing, count: number): Motion {
  let run = 0;
  let behind = place;
  for (let at = log.before(behind); at !== null; at = log.before(behind)) {
    run = behind.filemarkCount > at.filemarkCount ? run + 1 : 0;
    if (run === count) return arrived(at);
    behind = at;
  }
  return { place: log.beginning, stop: 'beginningOfPartition', residualCount: count };
}
