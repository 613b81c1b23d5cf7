import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { openSealedBlock, parseSealedBlock, sealBlock } from './block-cipher.js';
import { RecordFlag, type RecordHeader } from './record-header.js';
import type { TapeEncryption, TapeEncryptionFault } from './tape-service.js';
import { writeUint64 } from './wide-fields.js';

/** Raw deflate at its fastest: of what Node 20 has it costs the least time for a block, and other programs can read it. */
const DEFLATE_OPTIONS = { level: 1 } as const;
/** Below this nothing is to be gained: records are padded. */
const COMPRESSED_BYTES_MIN = 64;
/** From here on it pays to try a sample first: deflate takes longest, some milliseconds for 64 KiB, for what does not get any shorter. */
const SAMPLED_BYTES_MIN = 32 * 1024;
const SAMPLE_PIECE_COUNT = 4;
const SAMPLE_PIECE_BYTES = 1024;
/** A small window and little memory: a sample needs no more, and they are cleared for each call. */
const SAMPLE_DEFLATE_OPTIONS = { level: 1, windowBits: 12, memLevel: 5 } as const;
/** A sample that stays as long as this part of it stands for data that are compressed or encrypted already. */
const INCOMPRESSIBLE_SAMPLE_RATIO = 0.97;

export interface CodecSettings {
  readonly compression: boolean;
  readonly encryption: TapeEncryption | null;
}

/** Which object a block is, for what encryption binds it to. */
export interface BlockIdentity {
  readonly imageId: Uint8Array;
  readonly partition: number;
  readonly objectNumber: number;
}

export interface EncodedBlock {
  readonly flags: number;
  readonly stored: Uint8Array;
}

export type DecodedBlock = { readonly plain: Uint8Array } | { readonly fault: 'damaged' | TapeEncryptionFault };

/** A block as it is stored: compressed when that is shorter, then encrypted. */
export function encodeBlock(block: Uint8Array, settings: CodecSettings, identity: BlockIdentity): EncodedBlock {
  let flags = 0;
  let stored = block;
  if (settings.compression && block.length >= COMPRESSED_BYTES_MIN && isWorthCompressing(block)) {
    const compressed = deflateRawSync(block, DEFLATE_OPTIONS);
    if (compressed.length < block.length) {
      flags |= RecordFlag.compressed;
      stored = compressed;
    }
  }
  if (settings.encryption?.encrypt !== true) return { flags, stored };
  flags |= RecordFlag.encrypted;
  return { flags, stored: sealBlock(stored, settings.encryption, boundTo(identity, flags, block.length)) };
}

function isWorthCompressing(block: Uint8Array): boolean {
  if (block.length < SAMPLED_BYTES_MIN) return true;
  const sample = new Uint8Array(SAMPLE_PIECE_COUNT * SAMPLE_PIECE_BYTES);
  const strideBytes = Math.floor((block.length - SAMPLE_PIECE_BYTES) / (SAMPLE_PIECE_COUNT - 1));
  for (let piece = 0; piece < SAMPLE_PIECE_COUNT; piece++) {
    sample.set(block.subarray(piece * strideBytes, piece * strideBytes + SAMPLE_PIECE_BYTES), piece * SAMPLE_PIECE_BYTES);
  }
  return deflateRawSync(sample, SAMPLE_DEFLATE_OPTIONS).length < sample.length * INCOMPRESSIBLE_SAMPLE_RATIO;
}

/** A block from what is stored of it, whose CRC is right. */
export function decodeBlock(header: RecordHeader, stored: Uint8Array, settings: CodecSettings, imageId: Uint8Array): DecodedBlock {
  const isEncrypted = (header.flags & RecordFlag.encrypted) !== 0;
  if (!isEncrypted && settings.encryption?.decrypt === 'encryptedOnly') return { fault: 'unencrypted' };
  let plain = stored;
  if (isEncrypted) {
    const opened = decrypt(header, stored, settings.encryption, imageId);
    if ('fault' in opened) return opened;
    plain = opened.plain;
  }
  if ((header.flags & RecordFlag.compressed) !== 0) {
    const inflated = inflate(plain, header.lengthBytes);
    if (inflated === null) return { fault: 'damaged' };
    plain = inflated;
  }
  return plain.length === header.lengthBytes ? { plain } : { fault: 'damaged' };
}

function decrypt(header: RecordHeader, stored: Uint8Array, settings: TapeEncryption | null, imageId: Uint8Array): DecodedBlock {
  const sealed = parseSealedBlock(stored);
  if (sealed === null) return { fault: 'damaged' };
  if (settings === null || settings.decrypt === 'off') return { fault: 'noKey' };
  const { partition, objectNumber, flags, lengthBytes } = header;
  const plain = openSealedBlock(sealed, settings.key, boundTo({ imageId, partition, objectNumber }, flags, lengthBytes));
  return plain === null ? { fault: 'wrongKey' } : { plain };
}

/** Null for what does not inflate to that length: what somebody made of few bytes does not fill the memory. */
function inflate(compressed: Uint8Array, lengthBytes: number): Uint8Array | null {
  try {
    return inflateRawSync(compressed, { maxOutputLength: lengthBytes });
  } catch {
    return null;
  }
}

function boundTo({ imageId, partition, objectNumber }: BlockIdentity, flags: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(imageId.length + 16);
  const view = new DataView(bytes.buffer);
  bytes.set(imageId);
  view.setUint8(imageId.length, partition);
  view.setUint8(imageId.length + 1, flags);
  view.setUint32(imageId.length + 4, lengthBytes);
  writeUint64(view, imageId.length + 8, objectNumber);
  return bytes;
}
