import { AccessStateGate } from '../alua/access-state-gate.js';
import { reportTargetPortGroupsRow } from '../alua/report-target-port-groups.js';
import { setTargetPortGroupsRow } from '../alua/set-target-port-groups.js';
import { type CommandRow, CommandTable, type DeviceType } from '../command-table.js';
import { thirdPartyCopyRows } from '../copy/third-party-copy.js';
import { thirdPartyCopyPage } from '../copy/third-party-copy-page.js';
import { readBufferRow, writeBufferRow } from '../spc/buffers.js';
import { extendedInquiryPage, managementNetworkAddressesPage, modePagePolicyPage } from '../spc/extended-inquiry-pages.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../spc/identification-pages.js';
import { inquiryRow } from '../spc/inquiry.js';
import { logSelectRow } from '../spc/log/log-select.js';
import { logSenseRow } from '../spc/log/log-sense.js';
import { reportSupportedTaskManagementFunctionsRow } from '../spc/maintenance-in.js';
import { MediumRemoval, preventAllowMediumRemovalRow } from '../spc/medium-removal.js';
import { ModePages } from '../spc/mode-page-values.js';
import { modeSelectRows } from '../spc/mode-select.js';
import { modeSenseRows } from '../spc/mode-sense.js';
import { reportLunsRow } from '../spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../spc/report-supported-operation-codes.js';
import { pollUnit, requestSenseRow } from '../spc/request-sense.js';
import { reservationParts, reservationRows } from '../spc/reservations/index.js';
import { scsiPortsPage } from '../spc/scsi-ports-page.js';
import { testUnitReadyRow } from '../spc/test-unit-ready.js';
import { reportTimestampRow, setTimestampRow } from '../spc/timestamp.js';
import { blockModeProfile } from './block-mode.js';
import { blockDeviceCharacteristicsPage, blockLimitsPage, logicalBlockProvisioningPage } from './block-pages.js';
import { compareAndWriteRow } from './compare-and-write.js';
import { diagnosticRows } from './diagnostics.js';
import { diskLogPages } from './disk-log-pages.js';
import { FormatOperation } from './format-operation.js';
import { formatUnitRow } from './format-unit.js';
import { getLbaStatusRow } from './get-lba-status.js';
import { orWriteRow } from './orwrite.js';
import { preFetchRows } from './pre-fetch.js';
import { protectedTransferRows } from './protection/protected-transfer-rows.js';
import { readRows } from './read.js';
import { readCapacityRows } from './read-capacity.js';
import { readDefectDataRows } from './read-defect-data.js';
import { sanitizeRows } from './sanitize.js';
import { SanitizeOperation } from './sanitize-operation.js';
import { startStopUnitRow } from './start-stop-unit.js';
import { synchronizeCacheRows } from './synchronize-cache.js';
import { unmapRow } from './unmap.js';
import { verifyRows } from './verify.js';
import { writeRows } from './write.js';
import { writeAndVerifyRows } from './write-and-verify.js';
import { writeAtomicRow } from './write-atomic.js';
import { writeSameRows } from './write-same.js';
import { xdWriteReadRows } from './xdwriteread.js';

const DIRECT_ACCESS_BLOCK_DEVICE = 0x00;
const CONNECTED_QUALIFIER = 0b000;

/** Version descriptors, SPC-4 §6.6.2: the standard without a claim on one revision of it. */
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, sbc3: 0x04c0, iscsi: 0x0960 } as const;

/** The commands that move or compare logical blocks between initiators and the medium: protection information concerns these. */
const transferRows: readonly CommandRow[] = [
  ...readRows,
  ...writeRows,
  ...verifyRows,
  ...writeAndVerifyRows,
  ...xdWriteReadRows,
  compareAndWriteRow,
  orWriteRow,
  writeAtomicRow,
  ...writeSameRows,
];

/** The others; which come before and which behind is the order of the list that REPORT SUPPORTED OPERATION CODES returns. */
const rowsBefore: readonly CommandRow[] = [
  testUnitReadyRow,
  requestSenseRow(pollUnit),
  inquiryRow({
    peripheralQualifier: CONNECTED_QUALIFIER,
    hasTargetPortGroups: true,
    versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.sbc3, VersionDescriptor.iscsi],
    vpdPages: [
      unitSerialNumberPage,
      deviceIdentificationPage,
      managementNetworkAddressesPage,
      extendedInquiryPage,
      modePagePolicyPage,
      scsiPortsPage,
      thirdPartyCopyPage,
      blockLimitsPage,
      blockDeviceCharacteristicsPage,
      logicalBlockProvisioningPage,
    ],
  }),
  startStopUnitRow,
  preventAllowMediumRemovalRow,
  formatUnitRow,
  ...sanitizeRows,
  ...reservationRows,
  ...diagnosticRows,
  ...modeSenseRows,
  ...modeSelectRows,
  ...readCapacityRows,
];
const rowsBehind: readonly CommandRow[] = [
  unmapRow,
  getLbaStatusRow,
  ...preFetchRows,
  ...readDefectDataRows,
  ...synchronizeCacheRows,
  logSelectRow(diskLogPages),
  logSenseRow(diskLogPages),
  readBufferRow,
  writeBufferRow,
  reportTimestampRow,
  setTimestampRow,
  reportLunsRow,
  reportSupportedOperationCodesRow,
  reportSupportedTaskManagementFunctionsRow,
  reportTargetPortGroupsRow,
  setTargetPortGroupsRow,
  ...thirdPartyCopyRows,
];

const common = {
  peripheralDeviceType: DIRECT_ACCESS_BLOCK_DEVICE,
  normalAca: true,
  modes: blockModeProfile,
  parts: [ModePages, AccessStateGate, ...reservationParts, FormatOperation, MediumRemoval, SanitizeOperation],
} as const satisfies Partial<DeviceType>;

/** A direct access block device, SBC-3. */
export const disk: DeviceType = { ...common, name: 'disk', commands: new CommandTable([...rowsBefore, ...transferRows, ...rowsBehind]) };

/**
 * One whose blocks have protection information. Its own device type, so that a disk without pays nothing for it: what REPORT SUPPORTED OPERATION CODES
 * says and which bits of a CDB may be set stand in the rows.
 */
export const protectedDisk: DeviceType = {
  ...common,
  name: 'protectedDisk',
  hasProtection: true,
  commands: new CommandTable([...rowsBefore, ...protectedTransferRows, ...rowsBehind]),
};
