import { crc32c } from '../../../pdu/digest.js';
import type { ImageFile } from './image-file.js';
import { endAt, endPlace, type LogPlace, objectOf, placeOf } from './log-place.js';
import { LONG_BLOCK_BYTES } from './partition-log.js';
import { decodeRecordHeader, haveRoom, RECORD_BYTES_MAX, RECORD_HEADER_BYTES, type RecordHeader, recordEnd } from './record-header.js';
import { searchRecord } from './record-search.js';
import type { LogEnd, PartitionRow } from './superblock.js';

export interface RecoveredLog {
  readonly end: LogEnd;
  /** Highest generation that was met. */
  readonly generation: number;
  /** Objects that are on stable storage for certain but whose records are not what they were. */
  readonly lostObjectCount: number;
  /** Objects behind the end that were written, but not whole. */
  readonly isTorn: boolean;
}

/** Whether the last record before the checkpoint is there in whole: scanning may begin behind it, or is not needed at all. */
export function isCheckpointGood(file: ImageFile, imageId: Uint8Array, partition: number, { checkpoint }: PartitionRow): boolean {
  if (checkpoint.objectCount === 0) return true;
  const { lastOffset, offset, objectCount } = checkpoint;
  const header = decodeRecordHeader(file.peek(lastOffset, RECORD_HEADER_BYTES, false), 0, lastOffset, imageId);
  if (header === null || header.partition !== partition || header.objectNumber !== objectCount - 1 || recordEnd(header) !== offset) return false;
  return lastOffset + RECORD_HEADER_BYTES + header.storedBytes <= file.sizeBytes;
}

/**
 * Finds the end of a log that was not closed. From the checkpoint (or from the beginning, where the checkpoint is not to be trusted) records follow each
 * other as long as each is the next object and of the same or a later generation: what was overwritten is of an older one. Where one is damaged, a later
 * one tells whether it was on stable storage; then it is a loss in the midst of the log, else the log ends there. What nothing proves to be on stable
 * storage is read, and the log ends before the first that is torn.
 */
export function recoverLog(file: ImageFile, imageId: Uint8Array, partition: number, row: PartitionRow, fromBeginning: boolean): RecoveredLog {
  return new LogScan(file, imageId, partition, row).run(fromBeginning);
}

interface ScanStep {
  /** Null when all up to the checkpoint is lost. */
  readonly header: RecordHeader | null;
  readonly lostObjectCount: number;
  readonly next: LogPlace;
}

class LogScan {
  readonly #file: ImageFile;
  readonly #imageId: Uint8Array;
  readonly #partition: number;
  readonly #row: PartitionRow;
  readonly #regionEnd: number;
  readonly #fileBytes: number;
  /** Of the last record. */
  #generation = 0;
  #highest = 0;
  #durableObjectCount: number;
  #lostObjectCount = 0;

  constructor(file: ImageFile, imageId: Uint8Array, partition: number, row: PartitionRow) {
    this.#file = file;
    this.#imageId = imageId;
    this.#partition = partition;
    this.#row = row;
    this.#regionEnd = row.regionOffset + row.capacityBytes;
    this.#fileBytes = file.sizeBytes;
    this.#durableObjectCount = row.checkpoint.objectCount;
  }

  run(fromBeginning: boolean): RecoveredLog {
    const { regionOffset, checkpoint } = this.#row;
    const start = fromBeginning ? { objectNumber: 0, filemarkCount: 0, offset: regionOffset, previousOffset: 0 } : endPlace(checkpoint);
    const linked = this.#follow(start);
    const end = this.#checkContents(start, linked);
    return {
      end: endAt(end),
      generation: Math.max(this.#highest, this.#row.floorGeneration),
      lostObjectCount: this.#lostObjectCount,
      isTorn: end.objectNumber < linked.objectNumber || this.#hasRemains(linked),
    };
  }

  /** From record to record; answers where that ends. */
  #follow(start: LogPlace): LogPlace {
    let place = start;
    for (;;) {
      const step = this.#step(place);
      if (step === null) return place;
      this.#lostObjectCount += step.lostObjectCount;
      this.#generation = step.header?.generation ?? this.#generation;
      this.#highest = Math.max(this.#highest, this.#generation);
      this.#durableObjectCount = Math.max(this.#durableObjectCount, step.header?.durableObjectCount ?? 0);
      place = step.next;
    }
  }

  #step(place: LogPlace): ScanStep | null {
    const header = this.#recordAt(place) ?? this.#recordBehindLoss(place);
    if (header !== null) return { header, lostObjectCount: header.objectNumber - place.objectNumber, next: objectOf(header).next };
    const { checkpoint } = this.#row;
    // Nothing is left up to the checkpoint, but the file is as long: what was there is damaged rather than gone.
    const isDamaged = place.objectNumber < checkpoint.objectCount && this.#fileBytes >= checkpoint.offset;
    return isDamaged ? { header: null, lostObjectCount: checkpoint.objectCount - place.objectNumber, next: endPlace(checkpoint) } : null;
  }

  #recordAt(place: LogPlace): RecordHeader | null {
    const header = decodeRecordHeader(this.#file.peek(place.offset, RECORD_HEADER_BYTES, true), 0, place.offset, this.#imageId);
    const isNext = header !== null && header.objectNumber === place.objectNumber && header.filemarksBefore === place.filemarkCount;
    return isNext && this.#isLive(header) ? header : null;
  }

  #isLive(header: RecordHeader): boolean {
    const { floorOffset, floorGeneration } = this.#row;
    const generationMin = Math.max(this.#generation, header.offset >= floorOffset ? floorGeneration : 0);
    const isWhole = recordEnd(header) <= this.#regionEnd && header.offset + RECORD_HEADER_BYTES + header.storedBytes <= this.#fileBytes;
    return header.partition === this.#partition && header.generation >= generationMin && isWhole;
  }

  /** A record that proves that the object at `place` was on stable storage once, and is damaged. */
  #recordBehindLoss(place: LogPlace): RecordHeader | null {
    const { checkpoint } = this.#row;
    const isCertain = place.objectNumber < checkpoint.objectCount;
    const searchEnd = Math.min(this.#regionEnd, this.#fileBytes, Math.max(place.offset + 2 * RECORD_BYTES_MAX, isCertain ? checkpoint.offset : 0));
    return searchRecord(this.#file, this.#imageId, place.offset + RECORD_HEADER_BYTES, searchEnd, (header) => {
      const isProof = header.durableObjectCount > place.objectNumber || header.objectNumber < checkpoint.objectCount;
      const isPossible = haveRoom(header.objectNumber - place.objectNumber, header.offset - place.offset);
      return isProof && isPossible && header.objectNumber > place.objectNumber && header.filemarksBefore >= place.filemarkCount && this.#isLive(header);
    });
  }

  /** The first place behind which contents are torn, of those that may be: up to `end`. */
  #checkContents(start: LogPlace, end: LogPlace): LogPlace {
    this.#generation = 0;
    let place = start;
    while (place.objectNumber < end.objectNumber) {
      const step = this.#step(place);
      if (step === null) return place;
      const { header } = step;
      if (header !== null && header.objectNumber >= this.#durableObjectCount && !this.#isContentWhole(header)) return placeOf(header);
      this.#generation = header?.generation ?? this.#generation;
      place = step.next;
    }
    return place;
  }

  #isContentWhole({ offset, storedBytes, storedCrc }: RecordHeader): boolean {
    const from = offset + RECORD_HEADER_BYTES;
    if (storedBytes <= LONG_BLOCK_BYTES) {
      const stored = this.#file.peek(from, storedBytes, true);
      return stored.length === storedBytes && crc32c(stored, 0, storedBytes) === storedCrc;
    }
    const stored = Buffer.allocUnsafe(storedBytes);
    return this.#file.read(stored, 0, storedBytes, from) === storedBytes && crc32c(stored, 0, storedBytes) === storedCrc;
  }

  /** Whether behind the end there is a record of the newest generation: it was written and not whole, or one before it was not. */
  #hasRemains(end: LogPlace): boolean {
    const head = this.#file.peek(end.offset, RECORD_HEADER_BYTES, false);
    const header = decodeRecordHeader(head, 0, end.offset, this.#imageId);
    return header !== null && header.generation >= Math.max(this.#generation, this.#row.floorGeneration, 1);
  }
}
