import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { controlExtensionPage, controlPage } from '../../../scsi/spc/control-page.js';
import type { ModeHeader, ModePage, ModeProfile } from '../../../scsi/spc/mode-page.js';
import { disconnectReconnectPage, powerConditionPage } from '../../../scsi/spc/mode-pages.js';
import { ScsiStatus } from '../../../scsi/status.js';
import { BufferedMode, type BufferedMode as BufferedModeType } from '../medium/drive-settings.js';
import { tapeOf } from '../tape-unit.js';
import { dataCompressionPage, deviceConfigurationExtensionPage, deviceConfigurationPage } from './device-configuration-page.js';
import { tapeExceptionsPage } from './exceptions-page.js';
import { mediumConfigurationPage } from './medium-configuration-page.js';
import { mediumPartitionPage } from './medium-partition-page.js';

/*
 * DEVICE-SPECIFIC PARAMETER, SSC-4 "Mode parameter header":
 *
 *     WP | BUFFERED MODE (3) | SPEED (4)
 */
const WP_BIT = 0x80;
const BUFFERED_MODE_BITS = 0x70;
const BUFFERED_MODE_SHIFT = 4;
const BUFFERED_MODE_BIT = 6;
const SPEED_BITS = 0x0f;
const SPEED_BIT = 3;

/*
 * Block descriptor, SSC-4 "Mode parameter block descriptor":
 *
 *     0| DENSITY CODE | NUMBER OF LOGICAL BLOCKS (3) | . | BLOCK LENGTH (3) |
 */
const BLOCK_DESCRIPTOR_LENGTH = 8;
const RESERVED_AT = 4;
const BLOCK_LENGTH_AT = 5;
/** Of MODE SELECT: the default one, and the one that there is. */
const DensityCode = { default: 0x00, unchanged: 0x7f } as const;

const READ_WRITE_ERROR_RECOVERY_LENGTH = 0x0a;
/** Read-Write Error Recovery mode page, SSC-4: what an image does not give it does not give at the second try either. */
const readWriteErrorRecoveryPage: ModePage = { code: 0x01, subpage: 0, defaults: () => new Uint8Array(READ_WRITE_ERROR_RECOVERY_LENGTH) };

export const tapeModeProfile: ModeProfile = {
  mediumType(unit) {
    const { density, facts } = tapeOf(unit);
    if (facts === null) return 0;
    return facts.worm ? density.wormMediumType : density.mediumType;
  },
  deviceSpecificParameter(unit) {
    const drive = tapeOf(unit);
    return (drive.isWriteProtected ? WP_BIT : 0) | (drive.settings.bufferedMode << BUFFERED_MODE_SHIFT);
  },
  deviceSpecificTold: WP_BIT | BUFFERED_MODE_BITS | SPEED_BITS,
  deviceSpecificFault(given) {
    if ((given & BUFFERED_MODE_BITS) >> BUFFERED_MODE_SHIFT > BufferedMode.bufferedForAll) return BUFFERED_MODE_BIT;
    // There is one speed, the default.
    return (given & SPEED_BITS) !== 0 ? SPEED_BIT : -1;
  },
  blockDescriptor,
  blockDescriptorFault,
  applyHeader,
  async flush(unit) {
    const drive = tapeOf(unit);
    const fault = drive.isLoaded ? (await drive.call('flush')).fault : null;
    return { status: fault === null ? ScsiStatus.good : ScsiStatus.busy, sense: new Uint8Array(0), dataIn: new Uint8Array(0) };
  },
  hasPageZero: true,
  pages: [
    readWriteErrorRecoveryPage,
    disconnectReconnectPage,
    { ...controlPage, needsFlush: (before, after, unit) => tapeOf(unit).isLoaded && isWriteProtectSet(before, after) },
    controlExtensionPage,
    dataCompressionPage,
    deviceConfigurationPage,
    deviceConfigurationExtensionPage,
    mediumPartitionPage,
    powerConditionPage,
    tapeExceptionsPage,
    mediumConfigurationPage,
  ],
};

const SWP_AT = 2;
const SWP_BIT = 0x08;

/** SWP inhibits writing after what was buffered has been written. */
function isWriteProtectSet(before: Uint8Array, after: Uint8Array): boolean {
  return ((after[SWP_AT] as number) & ~(before[SWP_AT] as number) & SWP_BIT) !== 0;
}

function blockDescriptor(unit: LogicalUnit): Uint8Array {
  const drive = tapeOf(unit);
  const descriptor = new Uint8Array(BLOCK_DESCRIPTOR_LENGTH);
  new DataView(descriptor.buffer).setUint32(RESERVED_AT, drive.settings.blockLengthBytes);
  descriptor[0] = drive.density.code;
  return descriptor;
}

/** The number of blocks is that of a part of the medium with a density of its own, which there is not: whatever it is, all of it is meant. */
function blockDescriptorFault(given: Uint8Array, unit: LogicalUnit, longLba: boolean): number {
  const drive = tapeOf(unit);
  if (longLba || given.length !== BLOCK_DESCRIPTOR_LENGTH) return 0;
  const density = given[0] as number;
  const isKnown =
    density === DensityCode.default || density === DensityCode.unchanged || density === drive.density.code || density === drive.options.density.code;
  if (!isKnown) return 0;
  if (given[RESERVED_AT] !== 0) return RESERVED_AT;
  return blockLengthOf(given) > drive.blockLengthBytesMax ? BLOCK_LENGTH_AT : -1;
}

function blockLengthOf(descriptor: Uint8Array): number {
  return ((descriptor[BLOCK_LENGTH_AT] as number) << 16) | ((descriptor[BLOCK_LENGTH_AT + 1] as number) << 8) | (descriptor[BLOCK_LENGTH_AT + 2] as number);
}

function applyHeader({ deviceSpecificParameter, blockDescriptor: descriptor }: ModeHeader, unit: LogicalUnit): (() => void) | null {
  const { settings } = tapeOf(unit);
  const before = { blockLengthBytes: settings.blockLengthBytes, bufferedMode: settings.bufferedMode };
  settings.bufferedMode = ((deviceSpecificParameter & BUFFERED_MODE_BITS) >> BUFFERED_MODE_SHIFT) as BufferedModeType;
  if (descriptor !== null) settings.blockLengthBytes = blockLengthOf(descriptor);
  const isSame = before.blockLengthBytes === settings.blockLengthBytes && before.bufferedMode === settings.bufferedMode;
  return isSame ? null : () => Object.assign(settings, before);
}
