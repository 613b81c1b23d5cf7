import type { Limits } from '../../../limits.js';
import { TapeDrive } from './tape-drive.js';

/**
 * The storage side of a tape drive, as a service for a `BoundThread`: it has at most one cartridge image open and keeps a position in it.
 * Every method is synchronous, one SCSI command is at most one call, and what comes back are plain values. What a medium can do to a command
 * is in `fault` and in the other fields of an outcome; only `load` throws, a `TargetError` with one of `TapeImageCode`. All other methods assert
 * that an image is loaded, apart from those that say otherwise.
 *
 * Numbers are those of SSC-4 "Logical objects within a partition": objects are logical blocks and filemarks, counted together from 0 in each
 * partition; the logical object number of a position is the number of the object behind it.
 */
export interface TapeService {
  /** Opens an image and stands at the beginning of partition 0. Throws `TargetError`; then nothing is loaded, and no file was changed. */
  load(request: TapeLoadRequest): TapeLoadReport;
  /**
   * Brings everything to stable storage and lets the image go. May be called when nothing is loaded. The image is gone afterwards in any case;
   * a fault says that buffered objects may be lost.
   */
  unload(): { readonly fault: TapeFault | null };
  /** May be called when nothing is loaded: null then. Counts are as of this moment. */
  facts(): TapeFacts | null;
  position(): TapePosition;

  /**
   * One logical block, variable block mode. Its first bytes up to `target.length` come into `target`; `blockLengthBytes` is its true length.
   * The position is behind it, also when it is longer than `target`, or damaged (`fault.kind` 'medium' and 'encryption').
   */
  readBlock(target: Uint8Array): TapeReadOutcome;
  /**
   * Up to `blockCount` blocks of `blockLengthBytes`, fixed block mode. Stops behind a block of another length (`stop` 'length', which is not counted
   * and not transferred; its true length is told), behind a filemark, behind a block at fault, or at the end of data.
   */
  readBlocks(target: Uint8Array, blockLengthBytes: number, blockCount: number): TapeReadOutcome;
  /**
   * Like `readBlock` and `readBlocks` without a transfer. With `expected`, contents are compared (BYTCMP): `stop` 'miscompare' behind the block
   * that differs.
   */
  verifyBlock(lengthBytes: number, expected: Uint8Array | null): TapeReadOutcome;
  verifyBlocks(blockLengthBytes: number, blockCount: number, expected: Uint8Array | null): TapeReadOutcome;
  /** What stands behind the position, without moving: for the Next Block Encryption Status page. */
  nextObject(): TapeNextObject;

  /**
   * One logical block of all of `source`. Whatever was behind the position is gone, from before the first byte is written.
   * `source` of no bytes is the caller's business: it is not written, and nothing is truncated.
   */
  writeBlock(source: Uint8Array): TapeWriteOutcome;
  /** `source.length / blockLengthBytes` blocks, in fixed block mode. */
  writeBlocks(source: Uint8Array, blockLengthBytes: number): TapeWriteOutcome;
  /**
   * With `durable` (IMMED zero) everything up to and with the marks is on stable storage when it answers; `count` 0 only flushes.
   * Without it the marks are buffered like blocks.
   */
  writeFilemarks(count: number, durable: boolean): TapeWriteOutcome;
  /** What is buffered goes to stable storage. */
  flush(): { readonly fault: TapeFault | null; readonly position: TapePosition };

  /** Negative counts go backward. `endOfData` takes no count. */
  space(what: TapeSpaceUnit, count: number): TapeSpaceOutcome;
  /** A partition that does not exist is the caller's error: see `facts().partitions`. */
  locate(target: TapeLocateTarget): TapeLocateOutcome;
  /** To the beginning of the partition that it is in. */
  rewind(): { readonly fault: TapeFault | null; readonly position: TapePosition };

  /** From the position to the end of the partition; `long` also gives the bytes away (zeros or a hole in the file). The position stays. */
  erase(long: boolean): TapeChangeOutcome;
  /**
   * Everything on the medium is gone; there are partitions of these sizes afterwards (1 to `tapePartitionCountMax`), and the position is the
   * beginning of partition 0. `fault.kind` 'partitions' when they do not fit the capacity or one is smaller than `facts().partitionBytesMin`.
   */
  formatMedium(partitionBytes: readonly number[]): TapeChangeOutcome;
  /** SET CAPACITY: `proportion` / 65535 of the native capacity (0 counts as the least possible) in one partition; everything on the medium is gone. */
  setCapacity(proportion: number): TapeChangeOutcome;

  /** What hosts keep in the auxiliary memory of the medium, by ascending partition and identifier. */
  attributes(): readonly TapeAttribute[];
  /**
   * Those of the same partition and identifier are replaced, and removed by a value of no bytes. On stable storage when it answers.
   * `fault.kind` 'attributes' when all together have no room (8 KiB of values); then nothing changes. A format takes those of partitions that are gone.
   */
  writeAttributes(changes: readonly TapeAttribute[]): { readonly fault: TapeFault | null };

  /** Settings of the drive, kept over loads; may be called when nothing is loaded. */
  setCompression(enabled: boolean): void;
  /** Null: blocks are written in the clear, and encrypted ones cannot be read. The key stays in the memory of this thread. */
  setEncryption(settings: TapeEncryption | null): void;
  /** Distance of programmable early warning before early warning (PEWS in bytes, 0: none). */
  setProgrammableEarlyWarning(distanceBytes: number): void;
}

export type TapeLimits = Pick<Limits, 'tapeBlockLengthBytesMax' | 'tapePartitionCountMax' | 'tapeCapacityBytesMax' | 'tapeCheckpointBytes'>;

export interface TapeServiceOptions {
  readonly limits: TapeLimits;
  /**
   * Names the drive, the same for every thread that serves it in its life and for no other drive of the process: a thread that takes over from one
   * that died gets its image back by it (`crypto.randomUUID()` made once by the drive's part will do).
   */
  readonly owner: string;
}

export interface TapeLoadRequest {
  readonly path: string;
  /** Not to be written, as with the cartridge's write-protect tab. The image is opened for reading and neither locked nor counted as a load. */
  readonly readOnly: boolean;
  /** What a new image is to be. Null, or the file is there: it is opened as it is. */
  readonly create: TapeCreation | null;
}

export interface TapeCreation {
  /** Native capacity; at least 64 KiB. */
  readonly capacityBytes: number;
  readonly worm: boolean;
  /** Of the label; at most 32 characters of printable ASCII. */
  readonly barcode: string | null;
  /** Reported by REPORT DENSITY SUPPORT and the block descriptor; one byte. */
  readonly densityCode: number;
}

/** Codes of the `TargetError` that `load` throws. */
export type TapeImageCode =
  | 'TAPE_IMAGE_NOT_FOUND'
  | 'TAPE_IMAGE_NOT_A_FILE'
  | 'TAPE_IMAGE_ACCESS_DENIED'
  | 'TAPE_IMAGE_OPEN_FAILED'
  | 'TAPE_IMAGE_NO_SPACE'
  /** Other content: it has not our magic. */
  | 'TAPE_IMAGE_UNKNOWN'
  /** A version or a feature that this program does not know. */
  | 'TAPE_IMAGE_TOO_NEW'
  /** The header or both superblocks are torn. */
  | 'TAPE_IMAGE_DAMAGED'
  | 'TAPE_IMAGE_IN_USE'
  | 'TAPE_IMAGE_CAPACITY'
  | 'TAPE_IMAGE_BARCODE';

export interface TapeLoadReport {
  readonly facts: TapeFacts;
  readonly wasCreated: boolean;
  /** The image was not closed: its end was found by scanning. */
  readonly wasRecovered: boolean;
  /** Sentences for the operator: what was torn and is gone, what is damaged. Empty for an image in order. */
  readonly notices: readonly string[];
}

export interface TapeFacts {
  readonly path: string;
  /** 16 bytes as hex: made with the image, never changed. */
  readonly serial: string;
  readonly barcode: string | null;
  readonly densityCode: number;
  readonly worm: boolean;
  /** The image was loaded with `readOnly`. */
  readonly writeProtected: boolean;
  readonly blockLengthBytesMax: number;
  /** As made, and what of it SET CAPACITY left. Both count all that is stored: contents, and `recordOverheadBytes` at most for each object. */
  readonly nativeCapacityBytes: number;
  readonly capacityBytes: number;
  readonly recordOverheadBytes: number;
  readonly partitionBytesMin: number;
  readonly partitions: readonly TapePartitionFacts[];
  /** Loads of this image for writing, this one included. */
  readonly loadCount: number;
  readonly createdAtMs: number;
  /** Over the life of the medium and since this load: bytes of logical blocks as hosts saw them, and as stored. */
  readonly lifetime: TapeTraffic;
  readonly sinceLoad: TapeTraffic;
  readonly compression: boolean;
  /** The file of the image failed to be written: it takes no more writes until it is loaded again. */
  readonly writesFailed: boolean;
  /** 32 bits that are others after every change of what is on the medium, and stay as long as there is none. */
  readonly changeReference: number;
}

export interface TapePartitionFacts {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly remainingBytes: number;
  /** Early warning begins when so many bytes are used. */
  readonly earlyWarningAtBytes: number;
  readonly objectCount: number;
  readonly filemarkCount: number;
}

export interface TapeTraffic {
  readonly writtenBytes: number;
  readonly writtenStoredBytes: number;
  readonly writtenBlockCount: number;
  readonly readBytes: number;
  readonly readStoredBytes: number;
  readonly readBlockCount: number;
  /** Blocks that could not be read. */
  readonly readErrorCount: number;
  readonly writeErrorCount: number;
  readonly filemarkCount: number;
}

export interface TapePosition {
  readonly partition: number;
  readonly objectNumber: number;
  /** Filemarks before the position: the logical file identifier. */
  readonly fileNumber: number;
  /** There are no setmarks: 0. */
  readonly setNumber: number;
  /** BOP. */
  readonly isBeginning: boolean;
  /** Between early warning and the end of the partition: what READ POSITION calls EOP. */
  readonly isBeyondEarlyWarning: boolean;
  /** Beyond programmable early warning (BPEW): never when there is no distance. */
  readonly isBeyondProgrammableEarlyWarning: boolean;
  readonly isEndOfData: boolean;
  /** Of the partition, before the position: as `usedBytes` of its facts is before the end of data. */
  readonly usedBytes: number;
  /** Not on stable storage yet; they are always the last ones of the partition that is written to. */
  readonly bufferedObjectCount: number;
  readonly bufferedBytes: number;
}

export type TapeFault =
  /** The object cannot be read: a CRC is wrong or the file ends or fails there. MEDIUM ERROR. */
  | { readonly kind: 'medium'; readonly objectNumber: number }
  | { readonly kind: 'encryption'; readonly reason: TapeEncryptionFault; readonly objectNumber: number }
  /** Loaded with `readOnly`. */
  | { readonly kind: 'writeProtected' }
  /** What is written would replace data of a WORM cartridge. */
  | { readonly kind: 'wormViolation' }
  /** The file system has no room although the cartridge has. */
  | { readonly kind: 'hostNoSpace' }
  /** The file cannot be written, or could not be before. `systemCode` as in `EIO`. */
  | { readonly kind: 'hostIo'; readonly systemCode: string }
  /** A block of no bytes or of more than `blockLengthBytesMax`. */
  | { readonly kind: 'blockLength' }
  | { readonly kind: 'partitions' }
  | { readonly kind: 'attributes' };

/** SPC-4 "MAM attribute format": numbers of one, two and one byte; a value has at most 65535. */
export interface TapeAttribute {
  readonly partition: number;
  readonly identifier: number;
  readonly format: number;
  readonly value: Uint8Array;
}

export type TapeEncryptionFault =
  /** The block is encrypted and the drive does not decrypt. ASC 74h/01h UNABLE TO DECRYPT DATA. */
  | 'noKey'
  /** 74h/03h INCORRECT DATA ENCRYPTION KEY. */
  | 'wrongKey'
  /** The block is in the clear and the drive reads encrypted blocks only. 74h/02h UNENCRYPTED DATA ENCOUNTERED WHILE DECRYPTING. */
  | 'unencrypted';

export interface TapeReadOutcome {
  /**
   * Why it ended: all was done, behind a block of another length than asked for (`readBlocks`, `verifyBlocks`; `readBlock` and `verifyBlock` are always
   * 'done' and leave the comparison to the caller), behind a filemark, at the end of data, at the end of the partition when it is full
   * to its last byte, behind a block that differs, or at a fault.
   */
  readonly stop: 'done' | 'length' | 'filemark' | 'endOfData' | 'endOfPartition' | 'miscompare' | 'fault';
  /** Blocks transferred (or verified) whole and without fault. */
  readonly blockCount: number;
  /** Bytes that are in `target`. */
  readonly transferredBytes: number;
  /** True length of the block that was last met; 0 when none was. */
  readonly blockLengthBytes: number;
  /** Offset of the first byte that differs, counted over all blocks of the call, or -1. */
  readonly miscompareAtBytes: number;
  readonly fault: TapeFault | null;
  readonly position: TapePosition;
}

export interface TapeWriteOutcome {
  /** 'endOfPartition': the next block or mark had no room; what stands before it is written. */
  readonly stop: 'done' | 'endOfPartition' | 'fault';
  /** Blocks or marks written. */
  readonly count: number;
  /** This call came over the line of programmable early warning, which is told once. Early warning itself is in `position`. */
  readonly crossedProgrammableEarlyWarning: boolean;
  readonly crossedEarlyWarning: boolean;
  readonly fault: TapeFault | null;
  readonly position: TapePosition;
}

export type TapeSpaceUnit = 'blocks' | 'filemarks' | 'sequentialFilemarks' | 'endOfData';

export interface TapeSpaceOutcome {
  /**
   * 'filemark': spacing over blocks met one, and stands behind it in the direction of motion. 'endOfData' is also the end of a full partition
   * (see `position`); to have been sent to the end of data is 'done'.
   */
  readonly stop: 'done' | 'filemark' | 'beginningOfPartition' | 'endOfData' | 'fault';
  /** Of what was asked for, so many were not done; never negative. For sequential filemarks all or nothing. */
  readonly residualCount: number;
  readonly fault: TapeFault | null;
  readonly position: TapePosition;
}

export interface TapeLocateTarget {
  /** Null: the one that it is in. */
  readonly partition: number | null;
  /** Logical object number, logical file identifier (its first object: behind that many filemarks), or the end of data. */
  readonly to: 'object' | 'file' | 'endOfData';
  readonly number: number;
}

export interface TapeLocateOutcome {
  /** 'endOfData': there is no such object or file; the position is the end of data of the partition. */
  readonly stop: 'done' | 'endOfData' | 'fault';
  readonly fault: TapeFault | null;
  readonly position: TapePosition;
}

export interface TapeChangeOutcome {
  readonly fault: TapeFault | null;
  readonly position: TapePosition;
}

export type TapeNextObject =
  | { readonly kind: 'filemark' | 'endOfData' | 'unreadable' }
  | {
      readonly kind: 'block';
      readonly lengthBytes: number;
      readonly isCompressed: boolean;
      /** Null: in the clear. */
      readonly encryption: TapeBlockEncryption | null;
    };

export interface TapeBlockEncryption extends TapeKeyDescriptors {
  readonly algorithmIndex: number;
  /** The settings of the drive decrypt it. */
  readonly isReadable: boolean;
}

export interface TapeKeyDescriptors {
  /** U-KAD: unauthenticated key-associated data, up to 255 bytes; empty when there is none. */
  readonly ukad: Uint8Array;
  /** A-KAD: authenticated, likewise. */
  readonly akad: Uint8Array;
}

export interface TapeEncryption extends TapeKeyDescriptors {
  /** Blocks are written encrypted. */
  readonly encrypt: boolean;
  /** What is read: nothing encrypted, encrypted blocks only, or both. */
  readonly decrypt: 'off' | 'encryptedOnly' | 'mixed';
  /** AES-256: 32 bytes. */
  readonly key: Uint8Array;
  /** Stored with each block; what SECURITY PROTOCOL IN calls the algorithm index. */
  readonly algorithmIndex: number;
}

/** What `BoundThread` calls on its thread. */
export function create(options: TapeServiceOptions): TapeService {
  return new TapeDrive(options);
}
