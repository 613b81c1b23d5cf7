import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { controlPage } from '../../../scsi/spc/control-page.js';
import type { ModeProfile } from '../../../scsi/spc/mode-page.js';
import { ScsiStatus } from '../../../scsi/status.js';
import { driveOf } from '../drive/optical-drive.js';
import { capabilitiesPage } from './capabilities-page.js';
import { audioControlPage, cdParametersPage, errorRecoveryPage, powerConditionPage, timeOutPage } from './fixed-pages.js';
import { writeParametersPage } from './write-parameters.js';

const noBytes = new Uint8Array(0);

/** The mode parameters of a drive, MMC-6 "Mode parameters": there are no block descriptors, and the device-specific parameter is reserved. */
export const opticalModeProfile: ModeProfile = {
  deviceSpecificParameter: () => 0,
  deviceSpecificTold: 0,
  blockDescriptor: () => noBytes,
  // There is nothing that one could repeat.
  blockDescriptorFault: () => 0,
  async flush(unit: LogicalUnit) {
    await driveOf(unit).sync();
    return { status: ScsiStatus.good, sense: noBytes, dataIn: noBytes };
  },
  pages: [errorRecoveryPage, writeParametersPage, controlPage, cdParametersPage, audioControlPage, powerConditionPage, timeOutPage, capabilitiesPage],
};
