import { crc32c } from '../../../pdu/digest.js';
import type { ImageFile } from './image-file.js';
import { MEMORY_BYTES, MEMORY_OFFSETS } from './image-layout.js';
import type { TapeAttribute, TapeFault } from './tape-service.js';
import { readUint64, writeUint64 } from './wide-fields.js';

/**
 * The host's attributes of a medium: all of them together, written in turn to two places.
 *
 *       0  magic "LTma"
 *       4  CRC32C of what follows, up to the last attribute
 *       8  sequence, 8 bytes
 *      16  image id, 16 bytes
 *      32  attributes, 4 bytes
 *      36  bytes of all attributes, 4 bytes
 *      40  the attributes: partition (1), format (1), identifier (2), length (2), value
 */
const MAGIC_WORD = 0x4c546d61;
const CRC_FROM = 8;
const ATTRIBUTES_AT = 40;
const ATTRIBUTE_HEAD_BYTES = 6;
/** Bytes of values; with 16 KiB of room their heads fit for all but the very small. */
export const ATTRIBUTE_VALUES_BYTES_MAX = 8192;

/** The medium auxiliary memory of a cartridge, as far as hosts write it. SPC-4 "Medium auxiliary memory". */
export class MediumMemory {
  readonly #file: ImageFile;
  readonly #imageId: Uint8Array;
  #sequence = 0;
  #attributes: readonly TapeAttribute[] = [];
  /** There were attributes, and no place has them whole. */
  readonly isDamaged: boolean;

  constructor(file: ImageFile, imageId: Uint8Array) {
    this.#file = file;
    this.#imageId = imageId;
    let damagedCount = 0;
    for (const offset of MEMORY_OFFSETS) {
      const bytes = new Uint8Array(MEMORY_BYTES);
      const length = file.read(bytes, 0, MEMORY_BYTES, offset);
      const found = decode(bytes.subarray(0, length), imageId);
      if (found === null && bytes.some((byte) => byte !== 0)) damagedCount++;
      if (found === null || found.sequence < this.#sequence) continue;
      this.#sequence = found.sequence;
      this.#attributes = found.attributes;
    }
    this.isDamaged = damagedCount > 0 && this.#sequence === 0;
  }

  get attributes(): readonly TapeAttribute[] {
    return this.#attributes;
  }

  /** On stable storage when it answers. Those of the same partition and identifier are replaced; one of no bytes is none. */
  write(changes: readonly TapeAttribute[]): TapeFault | null {
    const isChanged = (each: TapeAttribute) => changes.some(({ partition, identifier }) => partition === each.partition && identifier === each.identifier);
    const kept = this.#attributes.filter((each) => !isChanged(each));
    return this.#keep([...kept, ...changes.filter(({ value }) => value.length > 0)]);
  }

  /** Those of partitions that are there no more are gone. */
  forgetFrom(partitionCount: number): TapeFault | null {
    const kept = this.#attributes.filter(({ partition }) => partition < partitionCount);
    return kept.length === this.#attributes.length ? null : this.#keep(kept);
  }

  #keep(attributes: readonly TapeAttribute[]): TapeFault | null {
    const sorted = attributes.toSorted((a, b) => a.partition - b.partition || a.identifier - b.identifier);
    const sequence = this.#sequence + 1;
    const bytes = encode(sorted, sequence, this.#imageId);
    if (bytes === null) return { kind: 'attributes' };
    const fault = this.#file.write(bytes, 0, bytes.length, MEMORY_OFFSETS[sequence % 2] as number) ?? this.#file.sync();
    if (fault !== null) return fault;
    this.#sequence = sequence;
    this.#attributes = sorted;
    return null;
  }
}

/** Null when they have no room. */
function encode(attributes: readonly TapeAttribute[], sequence: number, imageId: Uint8Array): Uint8Array | null {
  const valueBytes = attributes.reduce((sum, { value }) => sum + value.length, 0);
  const lengthBytes = valueBytes + attributes.length * ATTRIBUTE_HEAD_BYTES;
  if (valueBytes > ATTRIBUTE_VALUES_BYTES_MAX || ATTRIBUTES_AT + lengthBytes > MEMORY_BYTES) return null;
  const bytes = new Uint8Array(ATTRIBUTES_AT + lengthBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_WORD);
  writeUint64(view, 8, sequence);
  bytes.set(imageId, 16);
  view.setUint32(32, attributes.length);
  view.setUint32(36, lengthBytes);
  let at = ATTRIBUTES_AT;
  for (const { partition, format, identifier, value } of attributes) {
    view.setUint8(at, partition);
    view.setUint8(at + 1, format);
    view.setUint16(at + 2, identifier);
    view.setUint16(at + 4, value.length);
    bytes.set(value, at + ATTRIBUTE_HEAD_BYTES);
    at += ATTRIBUTE_HEAD_BYTES + value.length;
  }
  view.setUint32(4, crc32c(bytes, CRC_FROM, bytes.length));
  return bytes;
}

/** Null when there are none, or not whole. */
function decode(bytes: Uint8Array, imageId: Uint8Array): { sequence: number; attributes: TapeAttribute[] } | null {
  if (bytes.length < ATTRIBUTES_AT) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = ATTRIBUTES_AT + view.getUint32(36);
  if (view.getUint32(0) !== MAGIC_WORD || end > bytes.length || view.getUint32(4) !== crc32c(bytes, CRC_FROM, end)) return null;
  if (imageId.some((byte, index) => bytes[16 + index] !== byte)) return null;
  const attributes: TapeAttribute[] = [];
  let at = ATTRIBUTES_AT;
  for (let left = view.getUint32(32); left > 0; left--) {
    if (at + ATTRIBUTE_HEAD_BYTES > end) return null;
    const valueEnd = at + ATTRIBUTE_HEAD_BYTES + view.getUint16(at + 4);
    if (valueEnd > end) return null;
    const value = bytes.slice(at + ATTRIBUTE_HEAD_BYTES, valueEnd);
    attributes.push({ partition: view.getUint8(at), format: view.getUint8(at + 1), identifier: view.getUint16(at + 2), value });
    at = valueEnd;
  }
  return { sequence: readUint64(view, 8), attributes };
}
