import type { Lba } from './block-cdbs.js';

/** Part of a transfer that one command does. */
export interface Piece {
  readonly index: number;
  readonly lba: bigint;
  readonly lbaCount: number;
  /** Blocks in front of it. */
  readonly offset: number;
}

/**
 * Runs `run` for pieces of up to `countMax` blocks, `depth` at a time, in the order of their LBAs. After a failure no further
 * one starts; the first error is thrown when those that run have ended, so that no buffer is in use any more.
 */
export async function runPieces(lba: Lba, lbaCount: number, countMax: number, depth: number, run: (piece: Piece) => Promise<void>): Promise<void> {
  const pieceCount = Math.ceil(lbaCount / countMax);
  let next = 0;
  let failure: { readonly error: unknown } | null = null;
  const lane = async (): Promise<void> => {
    while (next < pieceCount && failure === null) {
      const index = next++;
      const offset = index * countMax;
      try {
        await run({ index, lba: BigInt(lba) + BigInt(offset), lbaCount: Math.min(countMax, lbaCount - offset), offset });
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(depth, pieceCount) }, lane));
  const failed = failure as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
}
