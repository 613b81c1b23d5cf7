import { CommandTable, type DeviceType } from '../../scsi/command-table.js';
import { readBufferRow, writeBufferRow } from '../../scsi/spc/buffers.js';
import { extendedInquiryPage } from '../../scsi/spc/extended-inquiry-pages.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import { inquiryRow } from '../../scsi/spc/inquiry.js';
import { ModePages } from '../../scsi/spc/mode-page-values.js';
import { modeSelectRows } from '../../scsi/spc/mode-select.js';
import { modeSenseRows } from '../../scsi/spc/mode-sense.js';
import { reportLunsRow } from '../../scsi/spc/report-luns.js';
import { pollUnit, requestSenseRow } from '../../scsi/spc/request-sense.js';
import { reservationParts, reservationRows } from '../../scsi/spc/reservations/index.js';
import { testUnitReadyRow } from '../../scsi/spc/test-unit-ready.js';
import { recordingRows } from './commands/close.js';
import { readDiscInformationRow, readTrackInformationRow } from './commands/disc-information.js';
import { readDiscStructureRow } from './commands/disc-structure.js';
import { getEventStatusNotificationRow } from './commands/event-status.js';
import { formatUnitRow, readFormatCapacitiesRow } from './commands/format.js';
import { getConfigurationRow } from './commands/get-configuration.js';
import { mechanismRows } from './commands/mechanism.js';
import { performanceRows } from './commands/performance.js';
import { readRows } from './commands/read.js';
import { readCdRows } from './commands/read-cd.js';
import { readSubChannelRow } from './commands/read-sub-channel.js';
import { readTocRow } from './commands/read-toc.js';
import { preventAllowMediumRemovalRow, startStopUnitRow } from './commands/tray.js';
import { writeRows } from './commands/write.js';
import { driveOf } from './drive/optical-drive.js';
import { opticalModeProfile } from './pages/mode-profile.js';

const CD_DVD_DEVICE = 0x05;
const CONNECTED_QUALIFIER = 0b000;
/** Version descriptors, SPC-4 §6.6.2: the standard without a claim on one revision of it. */
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, mmc6: 0x04e0, iscsi: 0x0960 } as const;

/**
 * There is no REPORT SUPPORTED OPERATION CODES: A3h is SEND KEY in MMC, and A4h REPORT KEY. GET CONFIGURATION tells what the drive can do.
 */
const rows = [
  testUnitReadyRow,
  requestSenseRow(pollUnit),
  inquiryRow({
    peripheralQualifier: CONNECTED_QUALIFIER,
    versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.mmc6, VersionDescriptor.iscsi],
    vpdPages: [unitSerialNumberPage, deviceIdentificationPage, extendedInquiryPage],
  }),
  startStopUnitRow,
  preventAllowMediumRemovalRow,
  getConfigurationRow,
  getEventStatusNotificationRow,
  ...mechanismRows,
  ...performanceRows,
  readTocRow,
  readSubChannelRow,
  readDiscInformationRow,
  readTrackInformationRow,
  readDiscStructureRow,
  readFormatCapacitiesRow,
  ...readRows,
  ...readCdRows,
  ...writeRows,
  ...recordingRows,
  formatUnitRow,
  ...modeSenseRows,
  ...modeSelectRows,
  ...reservationRows,
  readBufferRow,
  writeBufferRow,
  reportLunsRow,
];

/** A drive for CDs, DVDs and BDs, MMC-6. Its commands run one after the other, as those of drives do: what may be written where depends on the one before. */
export const opticalType: DeviceType = {
  name: 'optical',
  peripheralDeviceType: CD_DVD_DEVICE,
  commands: new CommandTable(rows),
  modes: opticalModeProfile,
  isSequential: true,
  normalAca: true,
  parts: [ModePages, ...reservationParts],
  readiness: (unit) => driveOf(unit).absence,
};
