import type { MediumCommandRow } from '../../command-table.js';
import { protectedCompareAndWriteRow } from './protected-compare-and-write.js';
import { protectedOrWriteRow, protectedXdWriteReadRows } from './protected-modify.js';
import { protectedReadRows } from './protected-read.js';
import { protectedVerifyRows, protectedWriteAndVerifyRows } from './protected-verify.js';
import { protectedWriteRows } from './protected-write.js';
import { protectedWriteAtomicRow } from './protected-write-atomic.js';
import { protectedWriteSameRows } from './protected-write-same.js';

/** The commands that move or compare logical blocks, as units with protection information have them. */
export const protectedTransferRows: readonly MediumCommandRow[] = [
  ...protectedReadRows,
  ...protectedWriteRows,
  ...protectedVerifyRows,
  ...protectedWriteAndVerifyRows,
  ...protectedXdWriteReadRows,
  protectedCompareAndWriteRow,
  protectedOrWriteRow,
  protectedWriteAtomicRow,
  ...protectedWriteSameRows,
];
