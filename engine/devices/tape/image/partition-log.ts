import type { ImageFile } from './image-file.js';
import { jumpNumber } from './jump-number.js';
import { gapHolds, type LogGap, objectInGap } from './log-gap.js';
import { endAt, endPlace, type LogObject, type LogPlace, objectOf, placeOf } from './log-place.js';
import { decodeRecordHeader, haveRoom, RECORD_HEADER_BYTES, type RecordHeader, recordBytes, recordEnd } from './record-header.js';
import { searchRecord } from './record-search.js';
import type { LogEnd, PartitionRow } from './superblock.js';

/** Blocks longer than this are read past the window of the file, so the window need not be filled for what follows them. */
export const LONG_BLOCK_BYTES = 64 * 1024;

/** The objects of one partition: walking, finding, cutting. What is appended comes from a `LogWriter`. */
export class PartitionLog {
  readonly partition: number;
  readonly regionOffset: number;
  readonly capacityBytes: number;
  floor: Pick<PartitionRow, 'floorGeneration' | 'floorOffset' | 'floorObjectCount'>;
  #end: LogEnd;
  /** Objects and bytes of the file up to which all is on stable storage. */
  durable: LogEnd;
  checkpoint: LogEnd;
  /** Records may be appended with the generation of the floor: nothing of that generation is behind the end. */
  isWritable = false;
  readonly #file: ImageFile;
  readonly #imageId: Uint8Array;
  readonly #header = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  #gaps: LogGap[] = [];

  constructor(file: ImageFile, imageId: Uint8Array, partition: number, row: PartitionRow, end: LogEnd = row.checkpoint) {
    this.#file = file;
    this.#imageId = imageId;
    this.partition = partition;
    this.regionOffset = row.regionOffset;
    this.capacityBytes = row.capacityBytes;
    this.floor = row;
    this.#end = end;
    this.durable = end;
    this.checkpoint = end;
  }

  get end(): LogEnd {
    return this.#end;
  }

  get regionEnd(): number {
    return this.regionOffset + this.capacityBytes;
  }

  get beginning(): LogPlace {
    return { objectNumber: 0, filemarkCount: 0, offset: this.regionOffset, previousOffset: 0 };
  }

  get endPlace(): LogPlace {
    return endPlace(this.#end);
  }

  /** Not even a filemark fits behind the last object. */
  get isFull(): boolean {
    return this.#end.offset + recordBytes(0) > this.regionEnd;
  }

  /** Records were written behind the end, up to this one. */
  extend(end: LogEnd): void {
    this.#end = end;
  }

  /** What is behind `place` is gone, and the rest is on stable storage. */
  cut(place: LogPlace): void {
    this.#end = endAt(place);
    this.durable = this.#end;
    this.checkpoint = this.#end;
    // One that reaches over the cut is found again when somebody comes by.
    this.#gaps = this.#gaps.filter(({ next }) => next.objectNumber < place.objectNumber);
  }

  /** The object behind a place of this log; null at the end. `readsFar`: the ones behind it are likely to be wanted too. */
  objectAt(place: LogPlace, readsFar: boolean): LogObject | null {
    if (place.objectNumber >= this.#end.objectCount) return null;
    const gap = this.#gaps.find((each) => gapHolds(each, place));
    if (gap !== undefined) return objectInGap(gap, place);
    const header = decodeRecordHeader(this.#file.peek(place.offset, RECORD_HEADER_BYTES, readsFar), 0, place.offset, this.#imageId);
    if (header !== null && this.#isAt(header, place.objectNumber) && header.filemarksBefore === place.filemarkCount) return objectOf(header);
    return objectInGap(this.#gapAt(place), place);
  }

  /** The place of the object before `place`; null at the beginning. */
  before(place: LogPlace): LogPlace | null {
    if (place.objectNumber === 0) return null;
    const header = this.#load(place.previousOffset, place.objectNumber - 1);
    return header === null ? this.find(place.objectNumber - 1) : placeOf(header);
  }

  /** The place before an object, or the end when there is no such object. */
  find(objectNumber: number): LogPlace {
    if (objectNumber >= this.#end.objectCount) return this.endPlace;
    return this.#search((place) => place.objectNumber > objectNumber);
  }

  /** The place before a filemark, counted from 0; the end when there is no such filemark. */
  findFilemark(number: number): LogPlace {
    if (number >= this.#end.filemarkCount) return this.endPlace;
    // The last object with so many marks before it is the mark.
    return this.#search((place) => place.filemarkCount > number);
  }

  /** The record at `offset` if it is that of the object; null when it is damaged. */
  #load(offset: number, objectNumber: number): RecordHeader | null {
    if (offset < this.regionOffset) return null;
    const length = this.#file.read(this.#header, 0, RECORD_HEADER_BYTES, offset);
    const header = decodeRecordHeader(this.#header.subarray(0, length), 0, offset, this.#imageId);
    return header !== null && this.#isAt(header, objectNumber) ? header : null;
  }

  #isAt(header: RecordHeader, objectNumber: number): boolean {
    const isLive = header.offset < this.floor.floorOffset || header.generation >= this.floor.floorGeneration;
    return isLive && header.objectNumber === objectNumber && header.partition === this.partition && recordEnd(header) <= this.#end.offset;
  }

  /** The last place that is not beyond what is looked for. Goes back from the end by jumps that do not leave the side beyond. */
  #search(isBeyond: (place: LogPlace) => boolean): LogPlace {
    let header = this.#load(this.#end.lastOffset, this.#end.objectCount - 1);
    if (header === null) return this.#walk(isBeyond);
    if (!isBeyond(placeOf(header))) return placeOf(header);
    while (header.objectNumber > 0) {
      const jump = this.#load(header.jumpOffset, jumpNumber(header.objectNumber));
      if (jump !== null && isBeyond(placeOf(jump))) {
        header = jump;
        continue;
      }
      const previous = this.#load(header.previousOffset, header.objectNumber - 1);
      if (previous === null) return this.#walk(isBeyond);
      if (!isBeyond(placeOf(previous))) return placeOf(previous);
      header = previous;
    }
    return this.beginning;
  }

  /** The same by all records from the beginning on: it needs no pointers, so damage does not keep it from anything. */
  #walk(isBeyond: (place: LogPlace) => boolean): LogPlace {
    let place = this.beginning;
    for (;;) {
      const next = this.objectAt(place, true)?.next;
      if (next === undefined || next.objectNumber >= this.#end.objectCount || isBeyond(next)) return place;
      place = next;
    }
  }

  #gapAt(start: LogPlace): LogGap {
    const found = searchRecord(this.#file, this.#imageId, start.offset + RECORD_HEADER_BYTES, this.#end.offset, (header) => {
      const isLater = header.objectNumber > start.objectNumber && header.filemarksBefore >= start.filemarkCount;
      const isPossible = haveRoom(header.objectNumber - start.objectNumber, header.offset - start.offset);
      return isLater && isPossible && header.objectNumber < this.#end.objectCount && this.#isAt(header, header.objectNumber);
    });
    const gap = { start, next: found === null ? this.endPlace : placeOf(found) };
    this.#gaps.push(gap);
    return gap;
  }

  /** Offsets of the objects that the jumps from the last one lead over, the last one at the end; 0 where the way is broken. */
  jumpPath(): number[] {
    const path: number[] = [];
    let offset = this.#end.lastOffset;
    for (let number = this.#end.objectCount - 1; number >= 0; number = jumpNumber(number)) {
      path.push(offset);
      if (number === 0) break;
      offset = this.#load(offset, number)?.jumpOffset ?? 0;
    }
    return path.toReversed();
  }
}
