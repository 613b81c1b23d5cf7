import { CommandTable, type DeviceType } from '../../scsi/command-table.js';
import { extendedInquiryPage, modePagePolicyPage } from '../../scsi/spc/extended-inquiry-pages.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import { inquiryRow } from '../../scsi/spc/inquiry.js';
import { informationalExceptionsLogPage } from '../../scsi/spc/log/common-pages.js';
import { logSelectRow } from '../../scsi/spc/log/log-select.js';
import { logSenseRow } from '../../scsi/spc/log/log-sense.js';
import { reportSupportedTaskManagementFunctionsRow } from '../../scsi/spc/maintenance-in.js';
import { ModePages } from '../../scsi/spc/mode-page-values.js';
import { modeSelectRows } from '../../scsi/spc/mode-select.js';
import { modeSenseRows } from '../../scsi/spc/mode-sense.js';
import { reportLunsRow } from '../../scsi/spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../../scsi/spc/report-supported-operation-codes.js';
import { pollUnit, requestSenseRow } from '../../scsi/spc/request-sense.js';
import { reservationParts, reservationRows } from '../../scsi/spc/reservations/index.js';
import { scsiPortsPage } from '../../scsi/spc/scsi-ports-page.js';
import { testUnitReadyRow } from '../../scsi/spc/test-unit-ready.js';
import { commandDefinitions } from './commands/index.js';
import { MasterKeyExchange } from './commands/key-commands.js';
import { capacityLogPage, osdInformationPage, osdModeProfile, securityTokenPage } from './osd-pages.js';
import { osdRow } from './osd-rows.js';
import { osdUnitOf } from './osd-unit.js';
import { performScsiCommandRow, performTaskManagementRow } from './perform-rows.js';
import { ServiceAction } from './protocol/service-action.js';

const OBJECT_STORAGE_DEVICE = 0x11;
const CONNECTED_QUALIFIER = 0b000;
/** SPC-4 §6.6.2: the standards without a claim on one revision of them. */
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, osd: 0x0340, osd2: 0x0440, iscsi: 0x0960 } as const;
const logPages = [informationalExceptionsLogPage, capacityLogPage];

/** The rows of all service actions. What an exchange of keys remembers is the thread's, not the table's. */
const osdRows = commandDefinitions(new MasterKeyExchange()).map((definition) => {
  if (definition.serviceAction === ServiceAction.performScsiCommand) return performScsiCommandRow(definition, () => commands);
  if (definition.serviceAction === ServiceAction.performTaskManagementFunction) return performTaskManagementRow(definition);
  return osdRow(definition);
});

const commands: CommandTable = new CommandTable([
  testUnitReadyRow,
  requestSenseRow(pollUnit),
  inquiryRow({
    peripheralQualifier: CONNECTED_QUALIFIER,
    versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.osd, VersionDescriptor.osd2, VersionDescriptor.iscsi],
    vpdPages: [unitSerialNumberPage, deviceIdentificationPage, extendedInquiryPage, modePagePolicyPage, scsiPortsPage, osdInformationPage, securityTokenPage],
  }),
  ...reservationRows,
  ...modeSenseRows,
  ...modeSelectRows,
  logSelectRow(logPages),
  logSenseRow(logPages),
  reportLunsRow,
  reportSupportedOperationCodesRow,
  reportSupportedTaskManagementFunctionsRow,
  ...osdRows,
]);

/** An object-based storage device, OSD-2. */
export const osd: DeviceType = {
  name: 'osd',
  peripheralDeviceType: OBJECT_STORAGE_DEVICE,
  normalAca: true,
  isSequential: true,
  modes: osdModeProfile,
  parts: [ModePages, ...reservationParts],
  readiness: (unit) => osdUnitOf(unit).readiness,
  commands,
};
