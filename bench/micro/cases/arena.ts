import { assert } from '../../../engine/errors.js';
import { ARENA_FULL, BufferArena } from '../../../engine/shm/buffer-arena.js';
import type { MicroCase, OpenCase } from '../model.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const ARENA_BYTES = 64 * MIB;
const PIECE_BYTES_MAX = 8 * MIB;
/** Pieces that are out meanwhile, so that the free lists look as they do in a busy engine. */
const OUTSTANDING_COUNT = 64;
const MIXED_SIZES = [4 * KIB, 64 * KIB, 4 * KIB, 8 * KIB, 256 * KIB, 4 * KIB, 16 * KIB, 1 * MIB] as const;

/** The oldest of `OUTSTANDING_COUNT` pieces is freed and another one allocated, in steps of `sizes`. */
function openArena(sizes: readonly number[]): OpenCase {
  const arena = new BufferArena(ARENA_BYTES, PIECE_BYTES_MAX);
  const pieces = new Int32Array(OUTSTANDING_COUNT);
  const sizeOf = (turn: number): number => sizes[turn % sizes.length] as number;
  for (let i = 0; i < OUTSTANDING_COUNT; i++) pieces[i] = arena.allocate(sizeOf(i));
  return {
    run(count) {
      for (let i = 0; i < count; i++) {
        const at = i % OUTSTANDING_COUNT;
        arena.free(pieces[at] as number);
        const piece = arena.allocate(sizeOf(i));
        assert(piece !== ARENA_FULL, 'the arena of the bench is too small');
        pieces[at] = piece;
      }
      return pieces[0] as number;
    },
  };
}

export const arenaCases: readonly MicroCase[] = [
  { name: 'arena/4-KiB', title: 'free and allocate 4 KiB, 64 pieces out', open: () => openArena([4 * KIB]) },
  { name: 'arena/64-KiB', title: 'free and allocate 64 KiB, 64 pieces out', open: () => openArena([64 * KIB]) },
  { name: 'arena/mixed', title: 'free and allocate 4 KiB to 1 MiB, 64 pieces out', open: () => openArena(MIXED_SIZES) },
];
