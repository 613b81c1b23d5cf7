import { AccessStateGate } from '../../scsi/alua/access-state-gate.js';
import { reportTargetPortGroupsRow } from '../../scsi/alua/report-target-port-groups.js';
import { setTargetPortGroupsRow } from '../../scsi/alua/set-target-port-groups.js';
import { CommandTable, type DeviceType } from '../../scsi/command-table.js';
import { readBufferRow, writeBufferRow } from '../../scsi/spc/buffers.js';
import { extendedInquiryPage, managementNetworkAddressesPage, modePagePolicyPage } from '../../scsi/spc/extended-inquiry-pages.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import { inquiryRow } from '../../scsi/spc/inquiry.js';
import { logSelectRow } from '../../scsi/spc/log/log-select.js';
import { logSenseRow } from '../../scsi/spc/log/log-sense.js';
import { reportSupportedTaskManagementFunctionsRow } from '../../scsi/spc/maintenance-in.js';
import { MediumRemoval, preventAllowMediumRemovalRow } from '../../scsi/spc/medium-removal.js';
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
import { changerLogPages } from './changer-log-pages.js';
import { changerModeProfile } from './changer-mode.js';
import { elementRows } from './element-rows.js';
import { moveMediumRows } from './move-medium.js';
import { readElementStatusRow } from './read-element-status.js';
import { sendDiagnosticRow } from './send-diagnostic.js';
import { volumeTagRows } from './volume-tags.js';

const MEDIA_CHANGER = 0x08;
const CONNECTED_QUALIFIER = 0b000;
/** Version descriptors, SPC-4 §6.6.2: the standard without a claim on one revision of it. */
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, smc3: 0x0480, iscsi: 0x0960 } as const;

/** A media changer, SMC-3. */
export const changer: DeviceType = {
  name: 'changer',
  peripheralDeviceType: MEDIA_CHANGER,
  normalAca: true,
  isSequential: true,
  readiness: () => null,
  modes: changerModeProfile,
  parts: [ModePages, AccessStateGate, ...reservationParts, MediumRemoval],
  commands: new CommandTable([
    testUnitReadyRow,
    requestSenseRow(pollUnit),
    inquiryRow({
      peripheralQualifier: CONNECTED_QUALIFIER,
      hasTargetPortGroups: true,
      versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.smc3, VersionDescriptor.iscsi],
      vpdPages: [unitSerialNumberPage, deviceIdentificationPage, managementNetworkAddressesPage, extendedInquiryPage, modePagePolicyPage, scsiPortsPage],
    }),
    preventAllowMediumRemovalRow,
    ...elementRows,
    ...moveMediumRows,
    readElementStatusRow,
    ...volumeTagRows,
    ...reservationRows,
    sendDiagnosticRow,
    ...modeSenseRows,
    ...modeSelectRows,
    logSelectRow(changerLogPages),
    logSenseRow(changerLogPages),
    readBufferRow,
    writeBufferRow,
    reportTimestampRow,
    setTimestampRow,
    reportLunsRow,
    reportSupportedOperationCodesRow,
    reportSupportedTaskManagementFunctionsRow,
    reportTargetPortGroupsRow,
    setTargetPortGroupsRow,
  ]),
};
