import { crc32c } from '../../../pdu/digest.js';
import { decodeBlock } from './block-codec.js';
import { type DriveSettings, type LoadedTape, positionOf } from './loaded-tape.js';
import type { LogObject } from './log-place.js';
import { LONG_BLOCK_BYTES } from './partition-log.js';
import { RECORD_HEADER_BYTES, type RecordHeader } from './record-header.js';
import type { TapeFault, TapeReadOutcome } from './tape-service.js';

export interface ReadRequest {
  /** Null: blocks of any length, which is variable block mode. */
  readonly blockLengthBytes: number | null;
  readonly blockCount: number;
  /** Null: nothing is transferred. */
  readonly target: Uint8Array | null;
  /** What blocks are compared with, as far as it goes. */
  readonly expected: Uint8Array | null;
}

const SCRATCH_BYTES = 256 * 1024;

/** Reads and verifies blocks of a loaded tape from where it stands. */
export class BlockReader {
  readonly #tape: LoadedTape;
  #scratch: Uint8Array = Buffer.allocUnsafe(SCRATCH_BYTES);
  /** Of the block that was read last. */
  #storedBytes = 0;

  constructor(tape: LoadedTape) {
    this.#tape = tape;
  }

  read(request: ReadRequest, settings: DriveSettings): TapeReadOutcome {
    const tape = this.#tape;
    const { blockLengthBytes: wantedBytes, blockCount, target, expected } = request;
    let done = 0;
    let doneBytes = 0;
    let transferredBytes = 0;
    let blockLengthBytes = 0;
    const stopped = (stop: TapeReadOutcome['stop'], fault: TapeFault | null = null, miscompareAtBytes = -1): TapeReadOutcome => {
      return { stop, blockCount: done, transferredBytes, blockLengthBytes, miscompareAtBytes, fault, position: positionOf(tape, settings) };
    };
    while (done < blockCount) {
      const object = tape.log.objectAt(tape.place, this.#storedBytes <= LONG_BLOCK_BYTES);
      if (object === null) return stopped(tape.log.isFull ? 'endOfPartition' : 'endOfData');
      tape.place = object.next;
      if (object.kind === 'filemark') return stopped('filemark');
      blockLengthBytes = object.header?.lengthBytes ?? 0;
      if (object.header !== null && wantedBytes !== null && wantedBytes !== blockLengthBytes) return stopped('length');
      const content = this.#readContent(object, target?.subarray(transferredBytes) ?? null, settings);
      if (!(content instanceof Uint8Array)) return stopped('fault', content);
      const differsAt = expected === null ? -1 : firstDifference(content, expected.subarray(doneBytes));
      if (differsAt !== -1) return stopped('miscompare', null, doneBytes + differsAt);
      doneBytes += content.length;
      transferredBytes += target === null ? 0 : content.length;
      done++;
    }
    return stopped('done');
  }

  /** Whether the block at `header` can be decrypted with the settings of the drive. */
  canDecrypt(header: RecordHeader, settings: DriveSettings): boolean {
    const stored = this.#readStored(header, this.#scratchOf(header.storedBytes));
    return stored !== null && 'plain' in decodeBlock(header, stored, settings, this.#tape.image.header.imageId);
  }

  readStored(header: RecordHeader): Uint8Array | null {
    return this.#readStored(header, this.#scratchOf(header.storedBytes));
  }

  /** What is in `target` of the block, or all of it in memory of our own; or why there is nothing. */
  #readContent({ header, next }: LogObject, target: Uint8Array | null, settings: DriveSettings): Uint8Array | TapeFault {
    const { traffic } = this.#tape.image;
    const content = header === null ? 'damaged' : this.#decode(header, target, settings);
    if (typeof content === 'string') {
      traffic.add('readErrorCount', 1);
      const objectNumber = next.objectNumber - 1;
      return content === 'damaged' ? { kind: 'medium', objectNumber } : { kind: 'encryption', reason: content, objectNumber };
    }
    traffic.add('readBlockCount', 1);
    traffic.add('readBytes', header?.lengthBytes ?? 0);
    traffic.add('readStoredBytes', header?.storedBytes ?? 0);
    return content;
  }

  #decode(header: RecordHeader, target: Uint8Array | null, settings: DriveSettings): Uint8Array | 'damaged' | 'noKey' | 'wrongKey' | 'unencrypted' {
    this.#storedBytes = header.storedBytes;
    const isPlain = header.flags === 0 && settings.encryption?.decrypt !== 'encryptedOnly';
    if (isPlain && header.storedBytes !== header.lengthBytes) return 'damaged';
    if (isPlain && target !== null && target.length >= header.lengthBytes) {
      return this.#readStored(header, target.subarray(0, header.lengthBytes)) ?? 'damaged';
    }
    const stored = this.#readStored(header, this.#scratchOf(header.storedBytes));
    if (stored === null) return 'damaged';
    const decoded = isPlain ? { plain: stored } : decodeBlock(header, stored, settings, this.#tape.image.header.imageId);
    if ('fault' in decoded) return decoded.fault;
    if (target === null) return decoded.plain;
    const part = decoded.plain.subarray(0, Math.min(target.length, decoded.plain.length));
    target.set(part);
    return part;
  }

  /** The stored bytes in `target`, which is as long; null when they are not what was written. */
  #readStored({ offset, storedBytes, storedCrc }: RecordHeader, target: Uint8Array): Uint8Array | null {
    const { file } = this.#tape.image;
    const from = offset + RECORD_HEADER_BYTES;
    const peeked = storedBytes <= LONG_BLOCK_BYTES ? file.peek(from, storedBytes, true) : file.peekWhole(from, storedBytes);
    if (peeked !== null && peeked.length < storedBytes) return null;
    if (peeked !== null) target.set(peeked);
    else if (file.read(target, 0, storedBytes, from) < storedBytes) return null;
    return crc32c(target, 0, storedBytes) === storedCrc ? target : null;
  }

  #scratchOf(lengthBytes: number): Uint8Array {
    if (lengthBytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(lengthBytes);
    return this.#scratch.subarray(0, lengthBytes);
  }
}

/** In the bytes that both have; -1 when those are the same. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  if (Buffer.compare(a.subarray(0, length), b.subarray(0, length)) === 0) return -1;
  let at = 0;
  while (a[at] === b[at]) at++;
  return at;
}
