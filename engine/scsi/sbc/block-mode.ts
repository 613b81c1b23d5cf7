import { writeUint64 } from '../cdb.js';
import type { LogicalUnit } from '../logical-unit.js';
import { controlPage, informationalExceptionsPage, powerConditionPage } from '../spc/mode-pages.js';
import type { ModePage, ModeProfile } from '../spc/mode-sense.js';

/** DEVICE-SPECIFIC PARAMETER, SBC-3 "Mode parameters for direct access block devices". */
const WP_BIT = 0x80;
const DPOFUA_BIT = 0x10;

const SHORT_DESCRIPTOR_LENGTH = 8;
const LONG_DESCRIPTOR_LENGTH = 16;
const TOO_MANY_BLOCKS = 0xffffffff;

const READ_WRITE_ERROR_RECOVERY_LENGTH = 0x0a;
/** Read-Write Error Recovery mode page, SBC-3: the store recovers what it can, nothing can be asked of it. */
const readWriteErrorRecoveryPage: ModePage = { code: 0x01, subpage: 0, current: () => new Uint8Array(READ_WRITE_ERROR_RECOVERY_LENGTH) };

const CACHING_LENGTH = 0x12;
const WCE_BIT = 0x04;

/** Caching mode page, SBC-3. */
const cachingPage: ModePage = {
  code: 0x08,
  subpage: 0,
  current(unit) {
    const parameters = new Uint8Array(CACHING_LENGTH);
    if (hasVolatileWriteCache(unit)) parameters[0] = WCE_BIT;
    return parameters;
  },
};

/**
 * WCE tells initiators that SYNCHRONIZE CACHE and FUA buy durability. They do where the store can reach stable storage:
 * there a plain write stops in the host's page cache. Where a flush adds nothing, asking for one is only a round trip.
 */
function hasVolatileWriteCache(unit: LogicalUnit): boolean {
  return unit.medium?.store.durability === 'power-loss';
}

export const blockModeProfile: ModeProfile = {
  deviceSpecificParameter: (unit) => (unit.medium?.readOnly === true ? WP_BIT : 0) | DPOFUA_BIT,
  blockDescriptor,
  pages: [readWriteErrorRecoveryPage, cachingPage, controlPage, powerConditionPage, informationalExceptionsPage],
};

/** Short and long LBA mode parameter block descriptor, SBC-3 "Mode parameter block descriptors". */
function blockDescriptor(unit: LogicalUnit, longLba: boolean): Uint8Array {
  const blockCount = unit.medium?.blockCount ?? 0;
  const blockLengthBytes = unit.medium?.blockLengthBytes ?? 0;
  const descriptor = new Uint8Array(longLba ? LONG_DESCRIPTOR_LENGTH : SHORT_DESCRIPTOR_LENGTH);
  const view = new DataView(descriptor.buffer);
  if (longLba) {
    writeUint64(view, 0, blockCount);
    view.setUint32(12, blockLengthBytes);
  } else {
    view.setUint32(0, Math.min(blockCount, TOO_MANY_BLOCKS));
    // Three bytes behind a reserved one, and never more than 2^24 - 1.
    view.setUint32(4, blockLengthBytes);
  }
  return descriptor;
}
