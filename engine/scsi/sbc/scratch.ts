import { BufferArena } from '../../shm/buffer-arena.js';

/** What a command reads at a time when it needs the data but nobody gave it a place: the medium is checked in pieces. */
export const SCRATCH_BYTES = 256 * 1024;

/** The whole blocks of the scratch memory, in bytes: blocks may be of 520 bytes. */
export function scratchBytesOf(blockLengthBytes: number): number {
  return SCRATCH_BYTES - (SCRATCH_BYTES % blockLengthBytes);
}

let scratch: Uint8Array | undefined;

/** The scratch memory of this thread, made when first needed. Page-aligned, as stores with O_DIRECT ask for it. */
export function threadScratch(): Uint8Array {
  scratch ??= new BufferArena(SCRATCH_BYTES, SCRATCH_BYTES).bytes;
  return scratch;
}
