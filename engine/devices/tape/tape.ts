import { AccessStateGate } from '../../scsi/alua/access-state-gate.js';
import { reportTargetPortGroupsRow } from '../../scsi/alua/report-target-port-groups.js';
import { setTargetPortGroupsRow } from '../../scsi/alua/set-target-port-groups.js';
import { CommandTable, type DeviceType, type UnitCommandRow } from '../../scsi/command-table.js';
import { readBufferRow, writeBufferRow } from '../../scsi/spc/buffers.js';
import { managementNetworkAddressesPage, modePagePolicyPage } from '../../scsi/spc/extended-inquiry-pages.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import { inquiryRow } from '../../scsi/spc/inquiry.js';
import { logSelectRow } from '../../scsi/spc/log/log-select.js';
import { logSenseRow } from '../../scsi/spc/log/log-sense.js';
import { reportSupportedTaskManagementFunctionsRow } from '../../scsi/spc/maintenance-in.js';
import { preventAllowMediumRemovalRow } from '../../scsi/spc/medium-removal.js';
import { ModePages } from '../../scsi/spc/mode-page-values.js';
import { modeSelectRows } from '../../scsi/spc/mode-select.js';
import { modeSenseRows } from '../../scsi/spc/mode-sense.js';
import { reportLunsRow } from '../../scsi/spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../../scsi/spc/report-supported-operation-codes.js';
import { pollUnit, requestSenseRow } from '../../scsi/spc/request-sense.js';
import { reservationParts, reservationRows } from '../../scsi/spc/reservations/index.js';
import { scsiPortsPage } from '../../scsi/spc/scsi-ports-page.js';
import { testUnitReadyRow } from '../../scsi/spc/test-unit-ready.js';
import { reportTimestampRow, setTimestampRow } from '../../scsi/spc/timestamp.js';
import { TapeAlerts } from './alerts/tape-alerts.js';
import { readAttributeRows, writeAttributeRow } from './commands/attributes.js';
import { allowOverwriteRow, eraseRows, formatMediumRow, setCapacityRow } from './commands/change-medium.js';
import { loadUnloadRow } from './commands/load-unload.js';
import { locateRows } from './commands/locate.js';
import { readBlockLimitsRow, rewindRow } from './commands/motion.js';
import { readRows } from './commands/read.js';
import { readPositionRows } from './commands/read-position.js';
import { recoverBufferedDataRow } from './commands/recover-buffered-data.js';
import { reportDensitySupportRow } from './commands/report-density-support.js';
import { securityProtocolInRow, securityProtocolOutRow } from './commands/security-protocol.js';
import { sendDiagnosticRow } from './commands/send-diagnostic.js';
import { spaceRows } from './commands/space.js';
import { withFreshFacts } from './commands/tape-command.js';
import { verifyRows } from './commands/verify.js';
import { writeRows } from './commands/write.js';
import { writeFilemarksRows } from './commands/write-filemarks.js';
import { DataEncryption } from './encryption/data-encryption.js';
import { PartitionsTold } from './pages/partitions-told.js';
import { TAPE_ALERT_PAGE, tapeLogPages } from './pages/tape-log-pages.js';
import { tapeModeProfile } from './pages/tape-mode.js';
import { manufacturerSerialPage, sequentialCapabilitiesPage, tapeAlertSupportedFlagsPage, tapeExtendedInquiryPage } from './pages/vpd-pages.js';
import { tapeOf } from './tape-unit.js';

const SEQUENTIAL_ACCESS_DEVICE = 0x01;
const CONNECTED_QUALIFIER = 0b000;

/** Version descriptors, SPC-4 §6.6.2: the standard without a claim on one revision of it. */
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, ssc4: 0x0520, iscsi: 0x0960 } as const;

const LOG_PAGE_CODE_MASK = 0x3f;

/** What the TapeAlert page tells a nexus it has been told. */
const plainLogSense = logSenseRow(tapeLogPages);
const logSense = withFreshFacts({
  ...plainLogSense,
  execute(command, unit, nexus, deferral) {
    const alerts = unit.part(TapeAlerts);
    alerts.reader = nexus;
    plainLogSense.execute(command, unit, nexus, deferral);
    alerts.reader = null;
    if (((command.cdb[2] as number) & LOG_PAGE_CODE_MASK) === TAPE_ALERT_PAGE && command.senseLength === 0) alerts.markRead(nexus);
  },
});

const rows: readonly UnitCommandRow[] = [
  testUnitReadyRow,
  rewindRow,
  requestSenseRow(pollUnit),
  formatMediumRow,
  readBlockLimitsRow,
  inquiryRow({
    peripheralQualifier: CONNECTED_QUALIFIER,
    hasTargetPortGroups: true,
    versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.ssc4, VersionDescriptor.iscsi],
    vpdPages: [
      unitSerialNumberPage,
      deviceIdentificationPage,
      managementNetworkAddressesPage,
      tapeExtendedInquiryPage,
      modePagePolicyPage,
      scsiPortsPage,
      sequentialCapabilitiesPage,
      manufacturerSerialPage,
      tapeAlertSupportedFlagsPage,
    ],
  }),
  ...readRows,
  ...writeRows,
  setCapacityRow,
  ...writeFilemarksRows,
  ...spaceRows,
  ...verifyRows,
  recoverBufferedDataRow,
  ...modeSelectRows,
  ...reservationRows,
  ...eraseRows,
  ...modeSenseRows.map((row) => withFreshFacts(row)),
  loadUnloadRow,
  sendDiagnosticRow,
  preventAllowMediumRemovalRow,
  ...locateRows,
  ...readPositionRows,
  writeBufferRow,
  readBufferRow,
  reportDensitySupportRow,
  withFreshFacts(logSelectRow(tapeLogPages)),
  logSense,
  allowOverwriteRow,
  ...readAttributeRows,
  writeAttributeRow,
  reportLunsRow,
  securityProtocolInRow,
  reportSupportedOperationCodesRow,
  reportSupportedTaskManagementFunctionsRow,
  reportTargetPortGroupsRow,
  setTargetPortGroupsRow,
  reportTimestampRow,
  setTimestampRow,
  securityProtocolOutRow,
];

/** A sequential-access device, SSC-4. */
export const tape: DeviceType = {
  name: 'tape',
  peripheralDeviceType: SEQUENTIAL_ACCESS_DEVICE,
  normalAca: true,
  isSequential: true,
  modes: tapeModeProfile,
  parts: [ModePages, AccessStateGate, ...reservationParts, TapeAlerts, DataEncryption, PartitionsTold],
  readiness: (unit) => tapeOf(unit).readiness,
  commands: new CommandTable(rows),
};
