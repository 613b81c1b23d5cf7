import type { Medium } from '../medium.js';
import type { VpdPage } from '../spc/inquiry.js';

const BLOCK_LIMITS_LENGTH = 0x3c;
const HEADER_LENGTH = 4;
/** Offsets in the page, SBC-3 "Block Limits VPD page". What is not named is zero: no UNMAP, WRITE SAME or COMPARE AND WRITE. */
const BLOCK_LIMITS = { optimalTransferGranularity: 6, maximumTransferLength: 8, optimalTransferLength: 12 } as const;
/** Advice to initiators: pages are what stores and hosts move. */
const OPTIMAL_GRANULARITY_BYTES = 4096;
/** Advice to initiators: what fits one PDU and needs no R2T with our default key values. */
const OPTIMAL_TRANSFER_BYTES = 256 * 1024;

export const blockLimitsPage: VpdPage = {
  code: 0xb0,
  build(unit) {
    const body = new Uint8Array(BLOCK_LIMITS_LENGTH);
    const medium = unit.medium;
    // Limits of a medium that is not there are not reported.
    if (medium === null) return body;
    const view = new DataView(body.buffer);
    view.setUint16(BLOCK_LIMITS.optimalTransferGranularity - HEADER_LENGTH, blocksOf(medium, OPTIMAL_GRANULARITY_BYTES));
    view.setUint32(BLOCK_LIMITS.maximumTransferLength - HEADER_LENGTH, medium.transferBlocksMax);
    view.setUint32(BLOCK_LIMITS.optimalTransferLength - HEADER_LENGTH, Math.min(blocksOf(medium, OPTIMAL_TRANSFER_BYTES), medium.transferBlocksMax));
    return body;
  },
};

function blocksOf(medium: Medium, lengthBytes: number): number {
  return Math.max(1, Math.floor(lengthBytes / medium.blockLengthBytes));
}

const BLOCK_DEVICE_CHARACTERISTICS_LENGTH = 0x3c;
/** MEDIUM ROTATION RATE 0001h: it does not rotate, so that hosts neither sort nor wait for neighbours. */
const NON_ROTATING = 0x0001;

/** SBC-3 "Block Device Characteristics VPD page". */
export const blockDeviceCharacteristicsPage: VpdPage = {
  code: 0xb1,
  build() {
    const body = new Uint8Array(BLOCK_DEVICE_CHARACTERISTICS_LENGTH);
    new DataView(body.buffer).setUint16(0, NON_ROTATING);
    return body;
  },
};

const LOGICAL_BLOCK_PROVISIONING_LENGTH = 4;

/** SBC-3 "Logical Block Provisioning VPD page": all zero says fully provisioned. */
export const logicalBlockProvisioningPage: VpdPage = { code: 0xb2, build: () => new Uint8Array(LOGICAL_BLOCK_PROVISIONING_LENGTH) };
