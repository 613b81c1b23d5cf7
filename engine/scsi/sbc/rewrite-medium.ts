import type { LogicalUnit } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { ScsiStatus } from '../status.js';
import type { InternalOutcome } from '../unit-host.js';
import { repeatBlock, synchronizeMedium, transferredBlock, unmapBlocks, writeRepeated } from './internal-cdb.js';

/** What one command of the work does at most: so long may another command of the logical unit have to wait for its blocks. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** After so much work it is put on stable storage and may be marked as done. */
const MARK_BYTES = 256 * 1024 * 1024;

/** What every logical block is to hold. */
export type RewriteContent =
  /** Zeros, and no space where the medium is thin. */
  | { readonly kind: 'erased' }
  /** This block. */
  | { readonly kind: 'block'; readonly block: Uint8Array };

export interface RewriteOptions {
  readonly content: RewriteContent;
  /** Where to begin: what lies before it has been done. */
  readonly fromLba: number;
  /** Asked between two commands. */
  readonly isCancelled: () => boolean;
  /** The blocks before `lba` have their content now. */
  readonly onProgress: (lba: number) => void;
  /** The blocks before `lba` have it on stable storage. */
  readonly onMark: (lba: number) => Promise<void>;
}

export type RewriteOutcome = 'done' | 'cancelled' | 'medium-changed' | 'failed';

/** Gives all blocks of a medium new content by commands of bounded size, as work in the background, and puts it on stable storage. */
export async function rewriteMedium(unit: LogicalUnit, medium: Medium, options: RewriteOptions): Promise<RewriteOutcome> {
  const piece = Math.max(1, Math.min(medium.unmapBlocksMax, Math.floor(PIECE_BYTES / medium.blockLengthBytes)));
  const rewrite = pieceRewriter(unit, medium, options.content);
  let lba = options.fromLba;
  let unmarkedBytes = 0;
  while (lba < medium.blockCount) {
    if (options.isCancelled()) return 'cancelled';
    if (unit.medium !== medium) return 'medium-changed';
    const from = rewrite.skipsHoles ? nextAllocated(medium, lba) : lba;
    const count = Math.min(piece, medium.blockCount - from);
    if (count > 0) {
      if ((await rewrite.piece(from, count)).status !== ScsiStatus.good) return unit.medium === medium ? 'failed' : 'medium-changed';
      unmarkedBytes += count * medium.blockLengthBytes;
      // Giving space back moves no data.
      await unit.host.io.pace(rewrite.skipsHoles ? 0 : count * medium.blockLengthBytes);
    }
    lba = from + count;
    options.onProgress(lba);
    if (unmarkedBytes < MARK_BYTES) continue;
    if ((await synchronizeMedium(unit)).status !== ScsiStatus.good) return 'failed';
    await options.onMark(lba);
    unmarkedBytes = 0;
  }
  if (options.isCancelled()) return 'cancelled';
  return (await synchronizeMedium(unit)).status === ScsiStatus.good ? 'done' : 'failed';
}

interface PieceRewriter {
  /** What has no space has its content. */
  readonly skipsHoles: boolean;
  readonly piece: (lba: number, count: number) => Promise<InternalOutcome>;
}

function pieceRewriter(unit: LogicalUnit, medium: Medium, content: RewriteContent): PieceRewriter {
  if (content.kind === 'erased' && medium.thin) return { skipsHoles: true, piece: (lba, count) => unmapBlocks(unit, lba, count) };
  const block = transferredBlock(unit, content.kind === 'block' ? content.block : new Uint8Array(medium.blockLengthBytes));
  const data = repeatBlock(unit, block);
  return { skipsHoles: false, piece: (lba, count) => writeRepeated(unit, data, block.length, lba, count) };
}

/** The first block at or behind `lba` that has space: what has none reads as zeros already, and a sparse file may be larger than a life is long. */
function nextAllocated(medium: Medium, lba: number): number {
  const { store, blockCount, blockLengthBytes } = medium;
  const endBytes = blockCount * blockLengthBytes;
  let at = lba * blockLengthBytes;
  while (at < endBytes) {
    const extent = store.provisioning?.extentAt(at, endBytes - at);
    if (extent === undefined || extent.allocated) return Math.floor(at / blockLengthBytes);
    at += extent.lengthBytes;
  }
  return blockCount;
}
