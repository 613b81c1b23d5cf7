import { assert } from '../../../errors.js';
import { parseSealedBlock } from './block-cipher.js';
import { BlockReader, type ReadRequest } from './block-reader.js';
import { violatesWorm, writeBlocks, writeFilemarks } from './block-writer.js';
import { PARTITION_BYTES_MIN, RECORD_ALIGNMENT_BYTES } from './image-layout.js';
import { type DriveSettings, type LoadedTape, positionOf } from './loaded-tape.js';
import type { LogPlace } from './log-place.js';
import { openImage } from './open-image.js';
import type { PartitionLog } from './partition-log.js';
import { BLOCK_LENGTH_BYTES_MAX, CIPHER_OVERHEAD_BYTES_MAX, RECORD_HEADER_BYTES, RecordFlag, type RecordHeader } from './record-header.js';
import { partitionsFit } from './tape-image.js';
import { spaceFrom } from './tape-motion.js';
import type {
  TapeAttribute,
  TapeBlockEncryption,
  TapeChangeOutcome,
  TapeEncryption,
  TapeFacts,
  TapeFault,
  TapeLoadReport,
  TapeLoadRequest,
  TapeLocateOutcome,
  TapeLocateTarget,
  TapeNextObject,
  TapePosition,
  TapeReadOutcome,
  TapeService,
  TapeServiceOptions,
  TapeSpaceOutcome,
  TapeSpaceUnit,
  TapeWriteOutcome,
} from './tape-service.js';

const PROPORTION_MAX = 65535;

/** The methods of `TapeService` over an open image; their contracts stand there. */
export class TapeDrive implements TapeService {
  readonly #options: TapeServiceOptions;
  #settings: DriveSettings = { compression: false, encryption: null, programmableEarlyWarningBytes: 0 };
  #loaded: { readonly tape: LoadedTape; readonly reader: BlockReader } | null = null;

  constructor(options: TapeServiceOptions) {
    this.#options = options;
  }

  load(request: TapeLoadRequest): TapeLoadReport {
    assert(this.#loaded === null, 'one cartridge at a time');
    const { image, wasCreated, wasRecovered, notices } = openImage(request, this.#options);
    const log = image.log(0);
    const tape: LoadedTape = { image, log, place: log.beginning };
    this.#loaded = { tape, reader: new BlockReader(tape) };
    return { facts: this.facts() as TapeFacts, wasCreated, wasRecovered, notices };
  }

  unload(): { readonly fault: TapeFault | null } {
    const fault = this.#loaded?.tape.image.close() ?? null;
    this.#loaded = null;
    return { fault };
  }

  facts(): TapeFacts | null {
    if (this.#loaded === null) return null;
    const { image } = this.#loaded.tape;
    const { imageId, barcode, densityCode, worm, capacityBytes: nativeCapacityBytes, createdAtMs } = image.header;
    return {
      path: image.path,
      serial: Buffer.from(imageId).toString('hex'),
      barcode,
      densityCode,
      worm,
      writeProtected: image.readOnly,
      blockLengthBytesMax: Math.min(this.#options.limits.tapeBlockLengthBytesMax, BLOCK_LENGTH_BYTES_MAX),
      nativeCapacityBytes,
      capacityBytes: image.capacityBytes,
      recordOverheadBytes: RECORD_HEADER_BYTES + RECORD_ALIGNMENT_BYTES - 1 + (this.#settings.encryption?.encrypt === true ? CIPHER_OVERHEAD_BYTES_MAX : 0),
      partitionBytesMin: PARTITION_BYTES_MIN,
      partitions: image.partitionFacts(),
      loadCount: image.loadCount,
      createdAtMs,
      lifetime: image.traffic.lifetime,
      sinceLoad: image.traffic.sinceLoad,
      compression: this.#settings.compression,
      writesFailed: image.failure !== null,
      changeReference: image.changeReference,
    };
  }

  position(): TapePosition {
    return positionOf(this.#tape, this.#settings);
  }

  readBlock(target: Uint8Array): TapeReadOutcome {
    return this.#read({ blockLengthBytes: null, blockCount: 1, target, expected: null });
  }

  readBlocks(target: Uint8Array, blockLengthBytes: number, blockCount: number): TapeReadOutcome {
    assert(target.length >= blockLengthBytes * blockCount, 'the target has room for all blocks');
    return this.#read({ blockLengthBytes, blockCount, target, expected: null });
  }

  verifyBlock(lengthBytes: number, expected: Uint8Array | null): TapeReadOutcome {
    return this.#read({ blockLengthBytes: null, blockCount: 1, target: null, expected: expected?.subarray(0, lengthBytes) ?? null });
  }

  verifyBlocks(blockLengthBytes: number, blockCount: number, expected: Uint8Array | null): TapeReadOutcome {
    return this.#read({ blockLengthBytes, blockCount, target: null, expected });
  }

  nextObject(): TapeNextObject {
    const { log, place } = this.#tape;
    const object = log.objectAt(place, false);
    if (object === null) return { kind: 'endOfData' };
    if (object.kind === 'filemark') return { kind: 'filemark' };
    const { header } = object;
    if (header === null) return { kind: 'unreadable' };
    const isEncrypted = (header.flags & RecordFlag.encrypted) !== 0;
    const encryption = isEncrypted ? this.#encryptionOf(header) : null;
    if (isEncrypted && encryption === null) return { kind: 'unreadable' };
    return { kind: 'block', lengthBytes: header.lengthBytes, isCompressed: (header.flags & RecordFlag.compressed) !== 0, encryption };
  }

  writeBlock(source: Uint8Array): TapeWriteOutcome {
    return writeBlocks(this.#tape, source, source.length, this.#settings);
  }

  writeBlocks(source: Uint8Array, blockLengthBytes: number): TapeWriteOutcome {
    return writeBlocks(this.#tape, source, blockLengthBytes, this.#settings);
  }

  writeFilemarks(count: number, durable: boolean): TapeWriteOutcome {
    return writeFilemarks(this.#tape, count, durable, this.#settings);
  }

  flush(): { readonly fault: TapeFault | null; readonly position: TapePosition } {
    return this.#changed(this.#tape.image.sync());
  }

  space(what: TapeSpaceUnit, count: number): TapeSpaceOutcome {
    const { place, stop, residualCount } = spaceFrom(this.#tape, what, count);
    this.#tape.place = place;
    return { stop, residualCount, fault: null, position: this.position() };
  }

  locate({ partition, to, number }: TapeLocateTarget): TapeLocateOutcome {
    const tape = this.#tape;
    if (partition !== null && partition !== tape.log.partition) {
      const log = tape.image.log(partition);
      const fault = tape.image.sync();
      if (fault !== null) return { stop: 'fault', fault, position: this.position() };
      tape.log = log;
    }
    const { log } = tape;
    const place = to === 'endOfData' ? log.endPlace : to === 'object' ? objectPlace(log, number) : filePlace(log, number);
    tape.place = place ?? log.endPlace;
    return { stop: place === null ? 'endOfData' : 'done', fault: null, position: this.position() };
  }

  rewind(): { readonly fault: TapeFault | null; readonly position: TapePosition } {
    const tape = this.#tape;
    const fault = tape.image.sync();
    tape.place = tape.log.beginning;
    return this.#changed(fault);
  }

  erase(long: boolean): TapeChangeOutcome {
    const { image, log, place } = this.#tape;
    const isAtEnd = place.objectNumber === log.end.objectCount;
    if (image.readOnly) return this.#changed({ kind: 'writeProtected' });
    if (!isAtEnd && image.header.worm) return this.#changed({ kind: 'wormViolation' });
    const fault = isAtEnd ? image.sync() : image.cut(log, place);
    return this.#changed(fault ?? (long ? image.wipeBehind(log) : null));
  }

  formatMedium(partitionBytes: readonly number[]): TapeChangeOutcome {
    return this.#format(this.#tape.image.header.capacityBytes, partitionBytes);
  }

  setCapacity(proportion: number): TapeChangeOutcome {
    const { capacityBytes } = this.#tape.image.header;
    const left = Math.max(PARTITION_BYTES_MIN, Math.floor((capacityBytes * Math.min(proportion, PROPORTION_MAX)) / PROPORTION_MAX));
    return this.#format(left, [left]);
  }

  attributes(): readonly TapeAttribute[] {
    return this.#tape.image.memory.attributes;
  }

  writeAttributes(changes: readonly TapeAttribute[]): { readonly fault: TapeFault | null } {
    const { image } = this.#tape;
    return { fault: image.readOnly ? { kind: 'writeProtected' } : image.memory.write(changes) };
  }

  setCompression(enabled: boolean): void {
    this.#settings = { ...this.#settings, compression: enabled };
  }

  setEncryption(settings: TapeEncryption | null): void {
    assert(
      settings === null || (settings.key.length === 32 && settings.ukad.length <= 255 && settings.akad.length <= 255),
      'an AES-256 key and its descriptors',
    );
    this.#settings = { ...this.#settings, encryption: settings };
  }

  setProgrammableEarlyWarning(distanceBytes: number): void {
    this.#settings = { ...this.#settings, programmableEarlyWarningBytes: distanceBytes };
  }

  get #tape(): LoadedTape {
    assert(this.#loaded !== null, 'a cartridge is loaded');
    return this.#loaded.tape;
  }

  #read(request: ReadRequest): TapeReadOutcome {
    assert(this.#loaded !== null, 'a cartridge is loaded');
    return this.#loaded.reader.read(request, this.#settings);
  }

  #encryptionOf(header: RecordHeader): TapeBlockEncryption | null {
    const reader = this.#loaded?.reader;
    const stored = reader?.readStored(header) ?? null;
    const sealed = stored === null ? null : parseSealedBlock(stored);
    return sealed === null ? null : { ...sealed.encryption, isReadable: reader?.canDecrypt(header, this.#settings) ?? false };
  }

  #format(capacityBytes: number, partitionBytes: readonly number[]): TapeChangeOutcome {
    const tape = this.#tape;
    const { image } = tape;
    if (image.readOnly) return this.#changed({ kind: 'writeProtected' });
    if (!partitionsFit(partitionBytes, capacityBytes, this.#options.limits.tapePartitionCountMax)) return this.#changed({ kind: 'partitions' });
    const isWritten = image.partitionFacts().some((_, partition) => violatesWorm(image.header.worm, image.log(partition), image.log(partition).beginning));
    if (isWritten) return this.#changed({ kind: 'wormViolation' });
    const fault = image.format(capacityBytes, partitionBytes);
    if (fault === null) {
      tape.log = image.log(0);
      tape.place = tape.log.beginning;
    }
    return this.#changed(fault);
  }

  #changed(fault: TapeFault | null): TapeChangeOutcome {
    return { fault, position: this.position() };
  }
}

/** Null when there is no such object, and it is not the next one to be written either. */
function objectPlace(log: PartitionLog, number: number): LogPlace | null {
  return number > log.end.objectCount ? null : log.find(number);
}

/** The place of the first object of a file; null when there are not so many marks. */
function filePlace(log: PartitionLog, number: number): LogPlace | null {
  if (number === 0) return log.beginning;
  return log.objectAt(log.findFilemark(number - 1), false)?.next ?? null;
}
