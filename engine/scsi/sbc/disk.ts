import { CommandTable, type DeviceType } from '../command-table.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../spc/identification-pages.js';
import { inquiryRow } from '../spc/inquiry.js';
import { reportSupportedTaskManagementFunctionsRow } from '../spc/maintenance-in.js';
import { modeSenseRows } from '../spc/mode-sense.js';
import { reportLunsRow } from '../spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../spc/report-supported-operation-codes.js';
import { pollUnit, requestSenseRow } from '../spc/request-sense.js';
import { testUnitReadyRow } from '../spc/test-unit-ready.js';
import { blockModeProfile } from './block-mode.js';
import { blockDeviceCharacteristicsPage, blockLimitsPage, logicalBlockProvisioningPage } from './block-pages.js';
import { readRows } from './read.js';
import { readCapacityRows } from './read-capacity.js';
import { startStopUnitRow } from './start-stop-unit.js';
import { synchronizeCacheRows } from './synchronize-cache.js';
import { verifyRows } from './verify.js';
import { writeRows } from './write.js';
import { writeAndVerifyRows } from './write-and-verify.js';
import { xdWriteReadRows } from './xdwriteread.js';

const DIRECT_ACCESS_BLOCK_DEVICE = 0x00;
const CONNECTED_QUALIFIER = 0b000;

/** Version descriptors, SPC-4 §6.6.2: the standard without a claim on one revision of it. */
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, sbc3: 0x04c0, iscsi: 0x0960 } as const;

/** A direct access block device, SBC-3. */
export const disk: DeviceType = {
  name: 'disk',
  peripheralDeviceType: DIRECT_ACCESS_BLOCK_DEVICE,
  commands: new CommandTable([
    testUnitReadyRow,
    requestSenseRow(pollUnit),
    inquiryRow({
      peripheralQualifier: CONNECTED_QUALIFIER,
      versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.sbc3, VersionDescriptor.iscsi],
      vpdPages: [unitSerialNumberPage, deviceIdentificationPage, blockLimitsPage, blockDeviceCharacteristicsPage, logicalBlockProvisioningPage],
    }),
    startStopUnitRow,
    ...modeSenseRows(blockModeProfile),
    ...readCapacityRows,
    ...readRows,
    ...writeRows,
    ...verifyRows,
    ...writeAndVerifyRows,
    ...xdWriteReadRows,
    ...synchronizeCacheRows,
    reportLunsRow,
    reportSupportedOperationCodesRow,
    reportSupportedTaskManagementFunctionsRow,
  ]),
};
