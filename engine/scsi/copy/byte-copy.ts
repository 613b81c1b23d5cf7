import { type CopyDevice, isFailure } from './copy-device.js';
import type { CopyFailure } from './copy-failure.js';

/** A place in a device: bytes behind the start of a block, perhaps more than a block has. Byte positions alone would lose precision on very large units. */
export interface BytePlace {
  readonly device: CopyDevice;
  readonly lba: number;
  readonly offsetBytes: number;
}

/** Bytes of the source to bytes of the destination, wherever they begin. */
export interface ByteCopy {
  readonly source: BytePlace;
  readonly destination: BytePlace;
  readonly lengthBytes: number;
  /** Asked between reading and writing a piece: what was read may no longer be what is to be copied. */
  readonly isStale?: () => CopyFailure | null;
}

/**
 * Copies in pieces that end where blocks of the destination end; what the first and the last block hold beside the copied bytes stays. As with whole blocks an
 * overlap does no harm. Answers why it stopped, or null.
 */
export async function copyBytes(copy: ByteCopy): Promise<CopyFailure | null> {
  const { source, destination, lengthBytes } = copy;
  if (lengthBytes === 0) return null;
  const failure = rangeFailureOf(source, lengthBytes) ?? rangeFailureOf(destination, lengthBytes);
  if (failure !== null) return failure;
  const ends = pieceEndsOf(copy);
  const isBackwards = source.device.unit === destination.device.unit && distanceOf(source, destination) > 0;
  for (let turn = 0; turn < ends.length && !destination.device.operation.isAborted; turn++) {
    const index = isBackwards ? ends.length - 1 - turn : turn;
    const from = index === 0 ? 0 : (ends[index - 1] as number);
    const pieceFailure = await copyPiece(copy, from, (ends[index] as number) - from);
    if (pieceFailure !== null) return pieceFailure;
  }
  return null;
}

/** How far behind `one` the other lies, on the same unit. */
function distanceOf(one: BytePlace, other: BytePlace): number {
  return (other.lba - one.lba) * one.device.blockLengthBytes + other.offsetBytes - one.offsetBytes;
}

/** The place so many bytes further, with an offset within its block. */
function placeBehind({ device, lba, offsetBytes }: BytePlace, bytes: number): BytePlace {
  const sum = offsetBytes + bytes;
  return { device, lba: lba + Math.floor(sum / device.blockLengthBytes), offsetBytes: sum % device.blockLengthBytes };
}

function blockCountOf({ device, offsetBytes }: BytePlace, lengthBytes: number): number {
  return Math.ceil((offsetBytes + lengthBytes) / device.blockLengthBytes);
}

function rangeFailureOf(place: BytePlace, lengthBytes: number): CopyFailure | null {
  return place.device.rangeFailure(place.lba, blockCountOf(place, lengthBytes));
}

/** Where pieces end, counted from the start. A piece with its edges is no longer than what either device moves at a time. */
function pieceEndsOf({ source, destination, lengthBytes }: ByteCopy): number[] {
  const { blockLengthBytes } = destination.device;
  const most = Math.min((source.device.pieceBlocksMax - 1) * source.device.blockLengthBytes, (destination.device.pieceBlocksMax - 1) * blockLengthBytes);
  const step = Math.max(1, Math.floor(most / blockLengthBytes)) * blockLengthBytes;
  const ends: number[] = [];
  for (let at = step - (destination.offsetBytes % blockLengthBytes); at < lengthBytes; at += step) ends.push(at);
  ends.push(lengthBytes);
  return ends;
}

async function copyPiece(copy: ByteCopy, from: number, lengthBytes: number): Promise<CopyFailure | null> {
  const bytes = await readBytes(placeBehind(copy.source, from), lengthBytes);
  if (isFailure(bytes)) return bytes;
  const failure = copy.isStale?.() ?? (await writeBytes(placeBehind(copy.destination, from), bytes));
  if (failure === null) copy.destination.device.operation.transferredBytes += lengthBytes;
  return failure;
}

async function readBytes(place: BytePlace, lengthBytes: number): Promise<Uint8Array | CopyFailure> {
  const blocks = await place.device.read(place.lba, blockCountOf(place, lengthBytes));
  return isFailure(blocks) ? blocks : blocks.subarray(place.offsetBytes, place.offsetBytes + lengthBytes);
}

async function writeBytes(place: BytePlace, bytes: Uint8Array): Promise<CopyFailure | null> {
  const { device, lba, offsetBytes } = place;
  if (offsetBytes === 0 && bytes.length % device.blockLengthBytes === 0) return device.write(lba, bytes);
  const blocks = await device.read(lba, blockCountOf(place, bytes.length));
  if (isFailure(blocks)) return blocks;
  blocks.set(bytes, offsetBytes);
  return device.write(lba, blocks);
}
