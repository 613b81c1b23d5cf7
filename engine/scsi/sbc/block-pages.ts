import { writeUint64 } from '../cdb.js';
import type { Medium } from '../medium.js';
import type { VpdPage } from '../spc/inquiry.js';
import { compareAndWriteBlocksMax } from './compare-and-write.js';
import { thresholdExponentOf } from './threshold-sets.js';
import { supportsAnchor } from './unmap-range.js';
import { atomicLimitsOf } from './write-atomic.js';

const BLOCK_LIMITS_LENGTH = 0x3c;
const HEADER_LENGTH = 4;
/** Offsets in the page, SBC-4 "Block Limits VPD page". WSNZ is zero: WRITE SAME of no blocks is one up to the end. */
const BLOCK_LIMITS = {
  maximumCompareAndWriteLength: 5,
  optimalTransferGranularity: 6,
  maximumTransferLength: 8,
  optimalTransferLength: 12,
  maximumPrefetchLength: 16,
  maximumUnmapLbaCount: 20,
  maximumUnmapBlockDescriptorCount: 24,
  optimalUnmapGranularity: 28,
  unmapGranularityAlignment: 32,
  maximumWriteSameLength: 36,
  maximumAtomicTransferLength: 44,
  atomicAlignment: 48,
  atomicTransferLengthGranularity: 52,
  maximumAtomicTransferLengthWithBoundary: 56,
  maximumAtomicBoundarySize: 60,
} as const;
/** UGAVALID: the alignment that follows is told; it is 0. */
const UGAVALID = 0x8000_0000;
/** Advice to initiators: pages are what stores and hosts move. */
const OPTIMAL_GRANULARITY_BYTES = 4096;
/** Advice to initiators: what fits one PDU and needs no R2T with our default key values. */
const OPTIMAL_TRANSFER_BYTES = 256 * 1024;

export const blockLimitsPage: VpdPage = {
  code: 0xb0,
  build(unit) {
    const page = new Uint8Array(HEADER_LENGTH + BLOCK_LIMITS_LENGTH);
    // Limits of a medium that is not there are not reported.
    if (unit.medium !== null) writeBlockLimits(page, unit.medium);
    return page.subarray(HEADER_LENGTH);
  },
};

function writeBlockLimits(page: Uint8Array, medium: Medium): void {
  const view = new DataView(page.buffer);
  page[BLOCK_LIMITS.maximumCompareAndWriteLength] = compareAndWriteBlocksMax(medium);
  view.setUint16(BLOCK_LIMITS.optimalTransferGranularity, blocksOf(medium, OPTIMAL_GRANULARITY_BYTES));
  view.setUint32(BLOCK_LIMITS.maximumTransferLength, medium.transferBlocksMax);
  view.setUint32(BLOCK_LIMITS.optimalTransferLength, Math.min(blocksOf(medium, OPTIMAL_TRANSFER_BYTES), medium.transferBlocksMax));
  view.setUint32(BLOCK_LIMITS.maximumPrefetchLength, medium.transferBlocksMax);
  writeUint64(view, BLOCK_LIMITS.maximumWriteSameLength, medium.writeSameBlocksMax);
  const { transferBlocksMax, granularityBlocks, boundaryBlocksMax } = atomicLimitsOf(medium);
  view.setUint32(BLOCK_LIMITS.maximumAtomicTransferLength, transferBlocksMax);
  view.setUint32(BLOCK_LIMITS.atomicAlignment, granularityBlocks);
  view.setUint32(BLOCK_LIMITS.atomicTransferLengthGranularity, granularityBlocks);
  view.setUint32(BLOCK_LIMITS.maximumAtomicTransferLengthWithBoundary, transferBlocksMax);
  view.setUint32(BLOCK_LIMITS.maximumAtomicBoundarySize, boundaryBlocksMax);
  if (medium.thin) writeUnmapLimits(view, medium);
}

/** Zero for a unit without UNMAP. */
function writeUnmapLimits(view: DataView, medium: Medium): void {
  view.setUint32(BLOCK_LIMITS.maximumUnmapLbaCount, medium.unmapBlocksMax);
  view.setUint32(BLOCK_LIMITS.maximumUnmapBlockDescriptorCount, medium.unmapDescriptorsMax);
  const granularityBlocks = unmapGranularityBlocks(medium);
  // Blocks of 520 bytes share no grid with the pieces of a store: then there is no granularity to tell.
  if (granularityBlocks === 0) return;
  view.setUint32(BLOCK_LIMITS.optimalUnmapGranularity, granularityBlocks);
  view.setUint32(BLOCK_LIMITS.unmapGranularityAlignment, UGAVALID);
}

function unmapGranularityBlocks({ store, blockLengthBytes }: Medium): number {
  const granularityBytes = store.provisioning?.granularityBytes ?? 0;
  if (granularityBytes % blockLengthBytes === 0) return granularityBytes / blockLengthBytes;
  return blockLengthBytes % granularityBytes === 0 ? 1 : 0;
}

function blocksOf(medium: Medium, lengthBytes: number): number {
  return Math.max(1, Math.floor(lengthBytes / medium.blockLengthBytes));
}

const BLOCK_DEVICE_CHARACTERISTICS_LENGTH = 0x3c;
/** MEDIUM ROTATION RATE 0001h: it does not rotate, so that hosts neither sort nor wait for neighbours. */
const NON_ROTATING = 0x0001;
/** WABEREQ and WACEREQ 01b: what was erased can be read like anything else. SBC-3 "Block Device Characteristics VPD page". */
const ERASED_BLOCKS_AT = 3;
const ERASED_BLOCKS_ARE_READ = 0b0101_0000;
/** FUAB: FUA concerns the blocks of its own command. VBULS: VERIFY can compare blocks that are not mapped. SBC-4. */
const BEHAVIOUR_AT = 4;
const FUAB_BIT = 0x02;
const VBULS_BIT = 0x01;

export const blockDeviceCharacteristicsPage: VpdPage = {
  code: 0xb1,
  build() {
    const body = new Uint8Array(BLOCK_DEVICE_CHARACTERISTICS_LENGTH);
    new DataView(body.buffer).setUint16(0, NON_ROTATING);
    body[ERASED_BLOCKS_AT] = ERASED_BLOCKS_ARE_READ;
    body[BEHAVIOUR_AT] = FUAB_BIT | VBULS_BIT;
    return body;
  },
};

const LOGICAL_BLOCK_PROVISIONING_LENGTH = 4;
/** LBPU, LBPWS, LBPWS10: by UNMAP and both lengths of WRITE SAME. LBPRZ: unmapped blocks read as zeros. */
const PROVISIONING_FLAGS = 0x80 | 0x40 | 0x20 | 0x04;
/** They can be anchored. */
const ANC_SUP_BIT = 0x02;
const PROVISIONING_TYPE_THIN = 0x02;

/** SBC-3 "Logical Block Provisioning VPD page": all zero says fully provisioned. */
export const logicalBlockProvisioningPage: VpdPage = {
  code: 0xb2,
  build({ medium }) {
    const body = new Uint8Array(LOGICAL_BLOCK_PROVISIONING_LENGTH);
    if (medium?.thin !== true) return body;
    body[0] = thresholdExponentOf(medium);
    body[1] = PROVISIONING_FLAGS | (supportsAnchor(medium) ? ANC_SUP_BIT : 0);
    body[2] = PROVISIONING_TYPE_THIN;
    return body;
  },
};
