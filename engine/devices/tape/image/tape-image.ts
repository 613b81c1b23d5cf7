import { assert } from '../../../errors.js';
import { crc32c } from '../../../pdu/digest.js';
import type { StateLock } from '../../../state/state-lock.js';
import type { ImageFile } from './image-file.js';
import type { ImageHeader } from './image-header.js';
import { alignUp, DATA_OFFSET, earlyWarningBytes, PARTITION_BYTES_MIN, REGION_ALIGNMENT_BYTES, regionOffsets } from './image-layout.js';
import { endAt, type LogPlace } from './log-place.js';
import { LogWriter } from './log-writer.js';
import type { MediumMemory } from './medium-memory.js';
import { PartitionLog } from './partition-log.js';
import { encodeSuperblock, type PartitionRow, SUPERBLOCK_BYTES, type Superblock, superblockOffset } from './superblock.js';
import type { TapeFault, TapeLimits, TapePartitionFacts } from './tape-service.js';
import { TapeTrafficCounts } from './tape-traffic.js';

export interface TapeImageParts {
  readonly path: string;
  readonly file: ImageFile;
  /** Null: it is only read. */
  readonly lock: StateLock | null;
  readonly header: ImageHeader;
  readonly superblock: Superblock;
  readonly logs: PartitionLog[];
  readonly memory: MediumMemory;
  readonly limits: TapeLimits;
}

/** An open image: what its superblock keeps, its logs, and the order in which both reach stable storage. */
export class TapeImage {
  readonly path: string;
  readonly header: ImageHeader;
  readonly file: ImageFile;
  readonly readOnly: boolean;
  readonly traffic: TapeTrafficCounts;
  readonly limits: TapeLimits;
  readonly memory: MediumMemory;
  readonly #lock: StateLock | null;
  #logs: PartitionLog[];
  #superblock: Superblock;
  #writer: LogWriter | null = null;
  #failure: TapeFault | null = null;
  /** An image that was found damaged stays as it was found until it is written to. */
  #isChanged = false;

  constructor({ path, file, lock, header, superblock, logs, memory, limits }: TapeImageParts) {
    this.path = path;
    this.file = file;
    this.#lock = lock;
    this.readOnly = lock === null;
    this.header = header;
    this.#superblock = superblock;
    this.#logs = logs;
    this.memory = memory;
    this.limits = limits;
    this.traffic = new TapeTrafficCounts(superblock.counts);
  }

  get loadCount(): number {
    return this.#superblock.loadCount;
  }

  get capacityBytes(): number {
    return this.#superblock.capacityBytes;
  }

  get partitionCount(): number {
    return this.#logs.length;
  }

  /** The file failed to reach stable storage: what it has then nobody knows, so nothing is added to it. */
  get failure(): TapeFault | null {
    return this.#failure;
  }

  /**
   * A number for what is on the medium: another one after every change, the same as long as there is none, also over loads and crashes. Objects are only
   * appended within a generation, so that generation and counts say which they are. Neither 0 nor all ones, which mean that there is none.
   */
  get changeReference(): number {
    const bytes = Buffer.alloc(4 + 8 * this.#logs.length);
    bytes.writeUInt32BE(this.#superblock.generation);
    for (const [index, { end }] of this.#logs.entries()) bytes.writeDoubleBE(end.objectCount, 4 + 8 * index);
    const sum = crc32c(bytes, 0, bytes.length);
    return sum === 0 || sum === 0xffffffff ? 1 : sum;
  }

  log(partition: number): PartitionLog {
    const log = this.#logs[partition];
    assert(log !== undefined, `there is a partition ${partition}`);
    return log;
  }

  partitionFacts(): TapePartitionFacts[] {
    return this.#logs.map(({ capacityBytes, regionOffset, end }) => {
      const usedBytes = end.offset - regionOffset;
      return {
        capacityBytes,
        usedBytes,
        remainingBytes: capacityBytes - usedBytes,
        earlyWarningAtBytes: capacityBytes - earlyWarningBytes(capacityBytes),
        objectCount: end.objectCount,
        filemarkCount: end.filemarkCount,
      };
    });
  }

  /**
   * A writer that goes on at `place`, behind which nothing is any more: that is on stable storage before it answers, so that what is overwritten
   * never comes back. Its records have a generation that no record behind the place can have.
   */
  writerAt(log: PartitionLog, place: LogPlace): LogWriter | TapeFault {
    if (place.objectNumber !== log.end.objectCount || !log.isWritable) {
      const fault = this.cut(log, place);
      if (fault !== null) return fault;
      log.isWritable = true;
    }
    if (this.#writer?.isAtEnd(log) !== true) this.#writer = new LogWriter(this.file, this.header.imageId, log);
    return this.#writer;
  }

  /** All behind `place` is gone, for good. */
  cut(log: PartitionLog, place: LogPlace): TapeFault | null {
    const fault = this.sync();
    if (fault !== null) return fault;
    const floor = { floorGeneration: this.#superblock.generation + 1, floorOffset: place.offset, floorObjectCount: place.objectNumber };
    const partitions = this.#rows();
    partitions[log.partition] = { ...(partitions[log.partition] as PartitionRow), ...floor, checkpoint: endAt(place) };
    const kept = this.#keep({ generation: floor.floorGeneration, partitions, isClean: false });
    if (kept !== null) return kept;
    log.cut(place);
    log.floor = floor;
    log.isWritable = false;
    return null;
  }

  /** Everything that was written goes to stable storage. */
  sync(): TapeFault | null {
    if (this.#failure !== null) return this.#failure;
    const buffered = this.#logs.filter((log) => log.durable.offset !== log.end.offset);
    if (buffered.length === 0) return null;
    const fault = this.#syncFile();
    if (fault === null) for (const log of buffered) log.durable = log.end;
    return fault;
  }

  /** After so many bytes scanning would take long: what there is goes to stable storage, and a superblock says so. */
  checkpointWhenDue(log: PartitionLog): TapeFault | null {
    if (log.end.offset - log.checkpoint.offset < this.limits.tapeCheckpointBytes) return null;
    const fault = this.sync();
    if (fault !== null) return fault;
    for (const each of this.#logs) each.checkpoint = each.end;
    // It needs not be on stable storage itself: an older one leads to the same end, and only takes longer.
    return this.#write({ partitions: this.#rows(), isClean: false });
  }

  /** New partitions, all empty. Their sizes fit. */
  format(capacityBytes: number, partitionBytes: readonly number[]): TapeFault | null {
    const fault = this.sync();
    if (fault !== null) return fault;
    const generation = this.#superblock.generation + 1;
    const rows = emptyRows(partitionBytes, generation);
    const kept = this.#keep({ generation, partitions: rows, capacityBytes, isClean: false });
    if (kept !== null) return kept;
    this.#writer = null;
    this.#logs = rows.map((row, partition) => new PartitionLog(this.file, this.header.imageId, partition, row));
    for (const log of this.#logs) log.isWritable = true;
    // What it does not give back now it will use again.
    this.file.truncate(DATA_OFFSET);
    return this.memory.forgetFrom(rows.length);
  }

  /** What is behind the end of a log is given back to the file system. */
  wipeBehind(log: PartitionLog): TapeFault | null {
    const regionEnd = alignUp(log.regionEnd, REGION_ALIGNMENT_BYTES);
    return log.partition === this.#logs.length - 1 ? this.file.truncate(log.end.offset) : this.file.wipe(log.end.offset, regionEnd);
  }

  /** Everything else of the superblock stays. */
  countLoad(): TapeFault | null {
    return this.#write({ loadCount: this.#superblock.loadCount + 1 });
  }

  /** The fault when buffered objects may be lost. */
  close(): TapeFault | null {
    let fault: TapeFault | null = null;
    try {
      if (this.#isChanged) {
        fault = this.sync();
        if (fault === null) fault = this.#keep({ partitions: this.#rows(), isClean: true });
      }
    } finally {
      this.file.close();
      this.#lock?.release();
    }
    return fault;
  }

  #rows(): PartitionRow[] {
    return this.#logs.map(({ regionOffset, capacityBytes, floor, checkpoint, durable, end }) => ({
      regionOffset,
      capacityBytes,
      ...floor,
      checkpoint: durable.offset === end.offset ? end : checkpoint,
    }));
  }

  /** On stable storage when it answers. */
  #keep(changes: Partial<Superblock>): TapeFault | null {
    return this.#write(changes) ?? this.#syncFile();
  }

  #write(changes: Partial<Superblock>): TapeFault | null {
    if (this.#failure !== null) return this.#failure;
    const next = { ...this.#superblock, counts: this.traffic.lifetimeCounts(), ...changes, sequence: this.#superblock.sequence + 1 };
    const fault = this.file.write(encodeSuperblock(next, this.header.imageId), 0, SUPERBLOCK_BYTES, superblockOffset(next.sequence));
    this.#isChanged = true;
    if (fault === null) this.#superblock = next;
    return fault;
  }

  /** The kernel may forget what it could not write and call the next attempt a success. */
  #syncFile(): TapeFault | null {
    const fault = this.file.sync();
    if (fault !== null) this.#failure = fault;
    return fault;
  }
}

export function emptyRows(partitionBytes: readonly number[], generation: number): PartitionRow[] {
  const offsets = regionOffsets(partitionBytes);
  return partitionBytes.map((capacityBytes, index) => {
    const regionOffset = offsets[index] as number;
    return {
      regionOffset,
      capacityBytes,
      floorGeneration: generation,
      floorOffset: regionOffset,
      floorObjectCount: 0,
      checkpoint: { offset: regionOffset, objectCount: 0, filemarkCount: 0, lastOffset: 0 },
    };
  });
}

export function partitionsFit(partitionBytes: readonly number[], capacityBytes: number, countMax: number): boolean {
  const total = partitionBytes.reduce((sum, bytes) => sum + bytes, 0);
  const areLarge = partitionBytes.every((bytes) => Number.isInteger(bytes) && bytes >= PARTITION_BYTES_MIN);
  return partitionBytes.length >= 1 && partitionBytes.length <= countMax && areLarge && total <= capacityBytes;
}
