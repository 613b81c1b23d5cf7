import { TargetError } from '../../../errors.js';
import { crc32c } from '../../../pdu/digest.js';
import { CAPACITY_BYTES_MIN } from './image-layout.js';
import type { TapeCreation, TapeImageCode } from './tape-service.js';
import { readUint64, writeUint64 } from './wide-fields.js';

/**
 * The header of an image: written once, when the image is made, with a copy that stands in when the first is damaged.
 *
 *       0  magic "LUNLTAPE"
 *       8  version, 4 bytes
 *      12  CRC32C of the header with this field zero, 4 bytes
 *      16  features that a program has to know, 4 bytes
 *      20  features that it may ignore, 4 bytes
 *      24  image id, 16 random bytes
 *      40  made at, milliseconds since 1970, 8 bytes
 *      48  native capacity in bytes, 8 bytes
 *      56  WORM, 1 byte
 *      57  density code, 1 byte
 *      58  length of the barcode, 1 byte
 *      59  reserved, 5 bytes
 *      64  barcode, 32 bytes of ASCII
 *      96  reserved up to 4096
 *
 * All numbers of the image are big-endian. The first 16 bytes stay as they are in all versions to come.
 */
export interface ImageHeader extends TapeCreation {
  readonly imageId: Uint8Array;
  readonly createdAtMs: number;
}

export const HEADER_BYTES = 4096;
export const IMAGE_ID_BYTES = 16;
const MAGIC = Buffer.from('LUNLTAPE', 'ascii');
const VERSION = 1;
const KNOWN_FEATURES = 0;
const BARCODE_BYTES_MAX = 32;

const AT = { version: 8, crc: 12, features: 16, imageId: 24, createdAt: 40, capacity: 48, worm: 56, densityCode: 57, barcodeLength: 58, barcode: 64 } as const;

export function encodeImageHeader(header: ImageHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(AT.version, VERSION);
  bytes.set(header.imageId, AT.imageId);
  writeUint64(view, AT.createdAt, header.createdAtMs);
  writeUint64(view, AT.capacity, header.capacityBytes);
  bytes[AT.worm] = header.worm ? 1 : 0;
  bytes[AT.densityCode] = header.densityCode;
  const barcode = Buffer.from(header.barcode ?? '', 'ascii');
  bytes[AT.barcodeLength] = barcode.length;
  bytes.set(barcode, AT.barcode);
  view.setUint32(AT.crc, headerCrc(bytes));
  return bytes;
}

/** Whether a file begins as an image does, or has the copy of its header. */
export function hasImageMagic(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

export function isImageHeaderWhole(bytes: Uint8Array): boolean {
  return bytes.length === HEADER_BYTES && hasImageMagic(bytes) && viewOf(bytes).getUint32(AT.crc) === headerCrc(bytes);
}

/** Of bytes that are whole. Throws `TargetError` `TAPE_IMAGE_TOO_NEW` and `TAPE_IMAGE_DAMAGED`. */
export function decodeImageHeader(bytes: Uint8Array, path: string, capacityBytesMax: number): ImageHeader {
  const view = viewOf(bytes);
  const version = view.getUint32(AT.version);
  if (version !== VERSION) {
    const message = `${path} is a tape image of version ${version}; this program knows version ${VERSION}: use a newer one. Nothing was changed`;
    throw imageError('TAPE_IMAGE_TOO_NEW', message);
  }
  const unknown = (view.getUint32(AT.features) & ~KNOWN_FEATURES) >>> 0;
  if (unknown !== 0) {
    throw imageError(
      'TAPE_IMAGE_TOO_NEW',
      `${path} is a tape image with features (0x${unknown.toString(16)}) that this program does not know: use a newer one`,
    );
  }
  const capacityBytes = readUint64(view, AT.capacity);
  const barcodeLength = bytes[AT.barcodeLength] as number;
  if (capacityBytes < CAPACITY_BYTES_MIN || capacityBytes > capacityBytesMax || barcodeLength > BARCODE_BYTES_MAX) {
    throw imageError('TAPE_IMAGE_DAMAGED', `the header of the tape image ${path} has values out of bounds`);
  }
  return {
    imageId: bytes.slice(AT.imageId, AT.imageId + IMAGE_ID_BYTES),
    createdAtMs: readUint64(view, AT.createdAt),
    capacityBytes,
    worm: bytes[AT.worm] === 1,
    densityCode: bytes[AT.densityCode] as number,
    barcode: barcodeLength === 0 ? null : Buffer.from(bytes.subarray(AT.barcode, AT.barcode + barcodeLength)).toString('latin1'),
  };
}

/** Throws `TargetError` when no such image can be made. */
export function checkCreation(creation: TapeCreation, capacityBytesMax: number): void {
  const { capacityBytes, barcode } = creation;
  if (!Number.isInteger(capacityBytes) || capacityBytes < CAPACITY_BYTES_MIN || capacityBytes > capacityBytesMax) {
    throw imageError('TAPE_IMAGE_CAPACITY', `the capacity of a tape image is from ${CAPACITY_BYTES_MIN} to ${capacityBytesMax} bytes, not ${capacityBytes}`);
  }
  if (barcode !== null && !/^[\x20-\x7e]{1,32}$/.test(barcode)) {
    throw imageError('TAPE_IMAGE_BARCODE', `a barcode has 1 to ${BARCODE_BYTES_MAX} printable ASCII characters, not ${JSON.stringify(barcode)}`);
  }
}

export function imageError(code: TapeImageCode, message: string, cause?: unknown): TargetError {
  return new TargetError(code, message, cause === undefined ? undefined : { cause });
}

function headerCrc(bytes: Uint8Array): number {
  const copy = bytes.slice();
  viewOf(copy).setUint32(AT.crc, 0);
  return crc32c(copy, 0, copy.length);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
