import type { ImageFile } from './image-file.js';
import { RECORD_ALIGNMENT_BYTES } from './image-layout.js';
import { decodeRecordHeader, RECORD_HEADER_BYTES, RECORD_MAGIC, type RecordHeader } from './record-header.js';

const STEP_BYTES = 1024 * 1024;

/**
 * The first record from `offset` on, before `end`, that `accepts`; null when there is none. It finds the way back into a log whose chain is broken: contents
 * that look like a record are none unless they name their own place in this very image.
 */
export function searchRecord(
  file: ImageFile,
  imageId: Uint8Array,
  offset: number,
  end: number,
  accepts: (header: RecordHeader) => boolean,
): RecordHeader | null {
  const piece = Buffer.allocUnsafe(STEP_BYTES + RECORD_HEADER_BYTES);
  for (let from = offset; from < end; from += STEP_BYTES) {
    const length = file.read(piece, 0, Math.min(piece.length, end - from), from);
    if (length < RECORD_HEADER_BYTES) return null;
    const readable = piece.subarray(0, length);
    for (let at = readable.indexOf(RECORD_MAGIC); at !== -1 && at < STEP_BYTES; at = readable.indexOf(RECORD_MAGIC, at + 1)) {
      if ((from + at) % RECORD_ALIGNMENT_BYTES !== 0) continue;
      const header = decodeRecordHeader(readable, at, from + at, imageId);
      if (header !== null && accepts(header)) return header;
    }
  }
  return null;
}
