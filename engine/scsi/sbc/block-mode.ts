import { CommandFlag } from '../../shm/layout.js';
import { writeUint64 } from '../cdb.js';
import type { LogicalUnit } from '../logical-unit.js';
import { canFlush, controlExtensionPage, controlPage } from '../spc/control-page.js';
import type { ModePage, ModeProfile } from '../spc/mode-page.js';
import { disconnectReconnectPage, informationalExceptionsPage, powerConditionPage } from '../spc/mode-pages.js';
import { synchronizeMedium } from './internal-cdb.js';
import { provisioningModePage } from './provisioning-mode-page.js';

/** DEVICE-SPECIFIC PARAMETER, SBC-3 "Mode parameters for direct access block devices". */
const WP_BIT = 0x80;
const DPOFUA_BIT = 0x10;

const SHORT_DESCRIPTOR_LENGTH = 8;
const LONG_DESCRIPTOR_LENGTH = 16;
const TOO_MANY_BLOCKS = 0xffffffff;

const READ_WRITE_ERROR_RECOVERY_LENGTH = 0x0a;
/** Read-Write Error Recovery mode page, SBC-3: the store recovers what it can, nothing can be asked of it. */
const readWriteErrorRecoveryPage: ModePage = { code: 0x01, subpage: 0, defaults: () => new Uint8Array(READ_WRITE_ERROR_RECOVERY_LENGTH) };

const CACHING_LENGTH = 0x12;
const WCE_BIT = 0x04;

/**
 * Caching mode page, SBC-3. WCE can be turned off where there is a volatile write cache; where there is none it stays off, since turning it on would
 * promise initiators a gain, and make them flush, for nothing.
 */
export const cachingPage: ModePage = {
  code: 0x08,
  subpage: 0,
  defaults: wceIfVolatile,
  changeable: wceIfVolatile,
  apply(parameters, unit) {
    unit.setCommandFlag(CommandFlag.writeThrough, hasVolatileWriteCache(unit) && ((parameters[0] as number) & WCE_BIT) === 0);
  },
  // What was written while the cache was on must not be less durable than what is written from now on.
  needsFlush: (before, after, unit) => canFlush(unit) && ((before[0] as number) & ~(after[0] as number) & WCE_BIT) !== 0,
};

function wceIfVolatile(unit: LogicalUnit): Uint8Array {
  const parameters = new Uint8Array(CACHING_LENGTH);
  if (hasVolatileWriteCache(unit)) parameters[0] = WCE_BIT;
  return parameters;
}

/**
 * WCE tells initiators that SYNCHRONIZE CACHE and FUA buy durability. They do where the store can reach stable storage:
 * there a plain write stops in the host's page cache. Where a flush adds nothing, asking for one is only a round trip.
 */
function hasVolatileWriteCache(unit: LogicalUnit): boolean {
  return unit.medium?.store.durability === 'power-loss';
}

export const blockModeProfile: ModeProfile = {
  deviceSpecificParameter: (unit) => (isWriteProtected(unit) ? WP_BIT : 0) | DPOFUA_BIT,
  deviceSpecificTold: WP_BIT | DPOFUA_BIT,
  blockDescriptor,
  blockDescriptorFault,
  flush: synchronizeMedium,
  pages: [
    readWriteErrorRecoveryPage,
    disconnectReconnectPage,
    cachingPage,
    controlPage,
    controlExtensionPage,
    powerConditionPage,
    informationalExceptionsPage,
    provisioningModePage,
  ],
};

/** SBC-3: WP is one when the medium is write protected or SWP is set. */
function isWriteProtected({ medium, softwareWriteProtected }: LogicalUnit): boolean {
  return softwareWriteProtected || medium?.readOnly === true;
}

const BLOCK_COUNT_LENGTH = { short: 4, long: 8 } as const;
const UNCHANGED = 0x00;
const AS_MANY_AS_THERE_ARE = 0xff;

/**
 * A block descriptor may repeat what is, or leave the number of blocks to us (all zeros: unchanged, all ones: as many as there are). Capacity and block
 * length are the store's and the configuration's. SBC-3 "Mode parameter block descriptors".
 */
function blockDescriptorFault(given: Uint8Array, unit: LogicalUnit, longLba: boolean): number {
  const current = blockDescriptor(unit, longLba);
  const countLength = longLba ? BLOCK_COUNT_LENGTH.long : BLOCK_COUNT_LENGTH.short;
  const count = given.subarray(0, countLength);
  const isLeft = [UNCHANGED, AS_MANY_AS_THERE_ARE].some((byte) => count.every((found) => found === byte));
  return given.findIndex((byte, at) => byte !== current[at] && !(isLeft && at < countLength));
}

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
