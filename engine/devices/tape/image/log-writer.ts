import { assert } from '../../../errors.js';
import { crc32c } from '../../../pdu/digest.js';
import type { ImageFile } from './image-file.js';
import { jumpNumber } from './jump-number.js';
import type { PartitionLog } from './partition-log.js';
import { encodeRecordHeader, RECORD_HEADER_BYTES, type RecordKind, RecordKind as RecordKinds, recordBytes } from './record-header.js';
import type { LogEnd } from './superblock.js';
import type { TapeFault } from './tape-service.js';

const STAGE_BYTES = 1024 * 1024;
const padding = new Uint8Array(8);

export interface NewRecord {
  readonly kind: RecordKind;
  readonly flags: number;
  readonly lengthBytes: number;
  readonly stored: Uint8Array;
}

/**
 * Appends records to a log. They are gathered and written together; those of which that succeeded are the log's. After a fault the log is as long
 * as what was written for certain, and takes nothing more before it has a new generation.
 */
export class LogWriter {
  readonly #file: ImageFile;
  readonly #imageId: Uint8Array;
  readonly #log: PartitionLog;
  readonly #stage = Buffer.allocUnsafe(STAGE_BYTES);
  #stagedBytes = 0;
  #pending: LogEnd;
  /** See `PartitionLog.jumpPath`. */
  readonly #path: number[];

  constructor(file: ImageFile, imageId: Uint8Array, log: PartitionLog) {
    this.#file = file;
    this.#imageId = imageId;
    this.#log = log;
    this.#pending = log.end;
    this.#path = log.jumpPath();
  }

  /** Whether it may go on: nobody else changed the log. */
  isAtEnd(log: PartitionLog): boolean {
    return log === this.#log && log.end === this.#pending && this.#stagedBytes === 0;
  }

  hasRoom(storedBytes: number): boolean {
    return this.#pending.offset + recordBytes(storedBytes) <= this.#log.regionEnd;
  }

  append(record: NewRecord): TapeFault | null {
    const { stored } = record;
    const lengthBytes = recordBytes(stored.length);
    if (this.#stagedBytes + lengthBytes > STAGE_BYTES) {
      const fault = this.commit();
      if (fault !== null) return fault;
    }
    const at = this.#stagedBytes;
    this.#encode(record, at);
    const next = this.#behind(record, lengthBytes);
    if (lengthBytes > STAGE_BYTES) return this.#writeThrough(stored, next);
    this.#stage.set(stored, at + RECORD_HEADER_BYTES);
    this.#stage.fill(0, at + RECORD_HEADER_BYTES + stored.length, at + lengthBytes);
    this.#stagedBytes += lengthBytes;
    this.#pending = next;
    return null;
  }

  /** What is gathered is written to the file. */
  commit(): TapeFault | null {
    if (this.#stagedBytes === 0) return null;
    const fault = this.#file.write(this.#stage, 0, this.#stagedBytes, this.#log.end.offset);
    return fault === null ? this.#commitTo(this.#pending) : this.#fail(fault);
  }

  #encode({ kind, flags, lengthBytes, stored }: NewRecord, at: number): void {
    const { offset, objectCount, filemarkCount, lastOffset } = this.#pending;
    const header = {
      kind,
      flags,
      partition: this.#log.partition,
      generation: this.#log.floor.floorGeneration,
      offset,
      objectNumber: objectCount,
      filemarksBefore: filemarkCount,
      previousOffset: lastOffset,
      jumpOffset: this.#jumpTo(objectCount, offset),
      durableObjectCount: this.#log.durable.objectCount,
      lengthBytes,
      storedBytes: stored.length,
      storedCrc: crc32c(stored, 0, stored.length),
    };
    encodeRecordHeader(header, this.#imageId, this.#stage, at);
  }

  /** The offset that the new object jumps to; the new object is the last of the path then. */
  #jumpTo(objectNumber: number, offset: number): number {
    if (objectNumber > 0 && jumpNumber(objectNumber) !== objectNumber - 1) this.#path.length -= 2;
    const jumpOffset = this.#path.at(-1) ?? 0;
    this.#path.push(offset);
    return jumpOffset;
  }

  #behind({ kind }: NewRecord, lengthBytes: number): LogEnd {
    const { offset, objectCount, filemarkCount } = this.#pending;
    const markCount = kind === RecordKinds.filemark ? 1 : 0;
    return { offset: offset + lengthBytes, objectCount: objectCount + 1, filemarkCount: filemarkCount + markCount, lastOffset: offset };
  }

  /** Too long to be gathered: its header is at the start of the stage. */
  #writeThrough(stored: Uint8Array, next: LogEnd): TapeFault | null {
    assert(this.#stagedBytes === 0, 'what was gathered was written');
    const { offset } = this.#pending;
    const storedAt = offset + RECORD_HEADER_BYTES;
    const storedEnd = storedAt + stored.length;
    const fault =
      this.#file.write(this.#stage, 0, RECORD_HEADER_BYTES, offset) ??
      this.#file.write(stored, 0, stored.length, storedAt) ??
      this.#file.write(padding, 0, next.offset - storedEnd, storedEnd);
    return fault === null ? this.#commitTo(next) : this.#fail(fault);
  }

  #commitTo(end: LogEnd): null {
    this.#log.extend(end);
    this.#pending = end;
    this.#stagedBytes = 0;
    return null;
  }

  /** Records of this generation may lie behind the end now, which a later one of the same generation must not meet. */
  #fail(fault: TapeFault): TapeFault {
    this.#log.isWritable = false;
    this.#pending = this.#log.end;
    this.#stagedBytes = 0;
    return fault;
  }
}
