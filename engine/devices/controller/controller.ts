import { CommandTable, type DeviceType } from '../../scsi/command-table.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import { inquiryRow } from '../../scsi/spc/inquiry.js';
import { reportSupportedTaskManagementFunctionsRow } from '../../scsi/spc/maintenance-in.js';
import { reportLunsRow } from '../../scsi/spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../../scsi/spc/report-supported-operation-codes.js';
import { pollUnit, requestSenseRow } from '../../scsi/spc/request-sense.js';
import { testUnitReadyRow } from '../../scsi/spc/test-unit-ready.js';

/** Storage array controller device, SPC-4 "PERIPHERAL DEVICE TYPE field". */
const STORAGE_ARRAY_CONTROLLER = 0x0c;
const CONNECTED_QUALIFIER = 0b000;
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, scc2: 0x01e0, iscsi: 0x0960 } as const;

/** A storage array controller, SCC-2: what some initiators expect to find at LUN 0 when no disk is there. */
export const controller: DeviceType = {
  name: 'controller',
  peripheralDeviceType: STORAGE_ARRAY_CONTROLLER,
  readiness: () => null,
  commands: new CommandTable([
    testUnitReadyRow,
    requestSenseRow(pollUnit),
    inquiryRow({
      peripheralQualifier: CONNECTED_QUALIFIER,
      versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.scc2, VersionDescriptor.iscsi],
      vpdPages: [unitSerialNumberPage, deviceIdentificationPage],
    }),
    reportLunsRow,
    reportSupportedOperationCodesRow,
    reportSupportedTaskManagementFunctionsRow,
  ]),
};
