import { readUint64 } from '../cdb.js';

/*
 * Segment descriptors, SPC-4 "Segment descriptors".
 *
 *     0| Type | . DC . CAT | Descriptor Length (2)                                     |
 *     4| Source CSCD Descriptor ID (2) | Destination CSCD Descriptor ID (2)            |
 *
 * 02h, block device to block device:
 *     8| Reserved (2) | Number of Blocks (2)                                           |
 *    12| Source LBA (8)                                                                |
 *    20| Destination LBA (8)                                                           |
 *
 * 0Ah, block device to block device with offset:
 *     8| Number of Bytes (4)                                                           |
 *    12| Source LBA (8)                                                                |
 *    20| Destination LBA (8)                                                           |
 *    28| Source Byte Offset (2) | Destination Byte Offset (2)                          |
 *
 * Of 00h, block device to stream device, the header is all that matters: no logical unit here is a stream device.
 */
const HEADER_LENGTH = 4;
const AT = { flags: 1, length: 2, source: 4, destination: 6, byteCount: 8, blockCount: 10, sourceLba: 12, destinationLba: 20, sourceOffset: 28 } as const;
const DC_BIT = 0x02;
const CAT_BIT = 0x01;

export const SegmentType = { blockToStream: 0x00, blockToBlock: 0x02, blockToBlockWithOffset: 0x0a } as const;
export type SegmentType = (typeof SegmentType)[keyof typeof SegmentType];

/** DESCRIPTOR LENGTH of each. */
const lengths: Readonly<Record<SegmentType, number>> = {
  [SegmentType.blockToStream]: 0x14,
  [SegmentType.blockToBlock]: 0x18,
  [SegmentType.blockToBlockWithOffset]: 0x1c,
};

/** Offsets of the CSCD descriptor IDs, for segment pointers. */
export const SOURCE_ID_AT = AT.source;
export const DESTINATION_ID_AT = AT.destination;

export interface CopySegment {
  readonly type: SegmentType;
  /** The blocks counted are those of the destination. */
  readonly dc: boolean;
  readonly cat: boolean;
  readonly sourceId: number;
  readonly destinationId: number;
  /** Of 02h. */
  readonly blockCount: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
  /** Of 0Ah. */
  readonly byteCount: number;
  readonly sourceOffsetBytes: number;
  readonly destinationOffsetBytes: number;
}

export type SegmentReading =
  | { readonly kind: 'segment'; readonly segment: CopySegment; readonly lengthBytes: number }
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'cut off' }
  | { readonly kind: 'wrong length'; readonly at: number };

/** The segment descriptor at the start of `bytes`. */
export function readSegment(bytes: Uint8Array): SegmentReading {
  const type = bytes[0] as number;
  if (!isSupported(type)) return { kind: 'unsupported' };
  const lengthBytes = HEADER_LENGTH + lengths[type];
  if (bytes.length < lengthBytes) return { kind: 'cut off' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes);
  if (view.getUint16(AT.length) !== lengths[type]) return { kind: 'wrong length', at: AT.length };
  const flags = view.getUint8(AT.flags);
  const toBlocks = type !== SegmentType.blockToStream;
  const withOffset = type === SegmentType.blockToBlockWithOffset;
  const segment: CopySegment = {
    type,
    dc: (flags & DC_BIT) !== 0,
    cat: (flags & CAT_BIT) !== 0,
    sourceId: view.getUint16(AT.source),
    destinationId: view.getUint16(AT.destination),
    blockCount: type === SegmentType.blockToBlock ? view.getUint16(AT.blockCount) : 0,
    sourceLba: toBlocks ? readUint64(view, AT.sourceLba) : 0,
    destinationLba: toBlocks ? readUint64(view, AT.destinationLba) : 0,
    byteCount: withOffset ? view.getUint32(AT.byteCount) : 0,
    sourceOffsetBytes: withOffset ? view.getUint16(AT.sourceOffset) : 0,
    destinationOffsetBytes: withOffset ? view.getUint16(AT.sourceOffset + 2) : 0,
  };
  return { kind: 'segment', segment, lengthBytes };
}

function isSupported(type: number): type is SegmentType {
  return Object.hasOwn(lengths, type);
}
