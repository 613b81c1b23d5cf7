import type { Medium } from '../medium.js';

/** A threshold set is about this large: fine enough for a soft threshold of any unit that is worth one. */
const SET_BYTES = 1024 * 1024;
/** Counts of sets have 32 bits. */
const SET_COUNT_MAX = 0xffffffff;

/**
 * THRESHOLD EXPONENT, SBC-3 "Logical Block Provisioning VPD page": a threshold set has two to the power of this logical blocks. The Logical Block
 * Provisioning log and mode pages count in sets. 0 for a medium that is not thin.
 */
export function thresholdExponentOf(medium: Medium): number {
  if (!medium.thin) return 0;
  let exponent = Math.floor(Math.log2(SET_BYTES / medium.blockLengthBytes));
  while (medium.blockCount / 2 ** exponent > SET_COUNT_MAX) exponent++;
  return exponent;
}
