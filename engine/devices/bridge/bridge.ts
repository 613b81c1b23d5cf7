import { CommandTable, type DeviceType } from '../../scsi/command-table.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import { inquiryRow } from '../../scsi/spc/inquiry.js';
import { reportSupportedTaskManagementFunctionsRow } from '../../scsi/spc/maintenance-in.js';
import { reportLunsRow } from '../../scsi/spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../../scsi/spc/report-supported-operation-codes.js';
import { pollUnit, requestSenseRow } from '../../scsi/spc/request-sense.js';
import { testUnitReadyRow } from '../../scsi/spc/test-unit-ready.js';
import { BridgeMembers } from './bridge-members.js';

/** Bridge controller commands, SPC-4 "PERIPHERAL DEVICE TYPE field". */
const BRIDGE_CONTROLLER = 0x10;
const CONNECTED_QUALIFIER = 0b000;
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, iscsi: 0x0960 } as const;

/** Stands for a group of passthrough units: ready when the way to each of them is. */
export const bridge: DeviceType = {
  name: 'bridge',
  peripheralDeviceType: BRIDGE_CONTROLLER,
  readiness: (unit) => unit.givenPart(BridgeMembers).readiness,
  commands: new CommandTable([
    testUnitReadyRow,
    requestSenseRow(pollUnit),
    inquiryRow({
      peripheralQualifier: CONNECTED_QUALIFIER,
      versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.iscsi],
      vpdPages: [unitSerialNumberPage, deviceIdentificationPage],
    }),
    reportLunsRow,
    reportSupportedOperationCodesRow,
    reportSupportedTaskManagementFunctionsRow,
  ]),
};
