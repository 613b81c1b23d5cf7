import { CommandTable, type DeviceType } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit, UnitCondition } from '../logical-unit.js';
import { Asc, SenseKey } from '../sense.js';
import { targetIdentificationPage } from '../spc/identification-pages.js';
import { inquiryRow } from '../spc/inquiry.js';
import { reportLunsRow } from '../spc/report-luns.js';
import { reportSupportedOperationCodesRow } from '../spc/report-supported-operation-codes.js';
import { requestSenseRow } from '../spc/request-sense.js';
import { testUnitReadyRow } from '../spc/test-unit-ready.js';

const WELL_KNOWN_DEVICE_TYPE = 0x1e;
const CONNECTED_QUALIFIER = 0b000;
const VersionDescriptor = { sam5: 0x00a0, spc4: 0x0460, iscsi: 0x0960 } as const;

/** It has no medium that could be missing: there is a unit attention to be told, or nothing. */
function pollAttention(unit: LogicalUnit, nexus: ITNexus): UnitCondition {
  const attention = unit.takeUnitAttention(nexus);
  return attention === undefined ? { key: SenseKey.noSense, asc: Asc.none } : { key: SenseKey.unitAttention, asc: attention.asc };
}

/** The REPORT LUNS well-known logical unit, C101h: the same at every target, for who does not know any LUN yet. SPC-4 "REPORT LUNS well known logical unit". */
export const reportLunsUnit: DeviceType = {
  name: 'reportLunsUnit',
  peripheralDeviceType: WELL_KNOWN_DEVICE_TYPE,
  commands: new CommandTable([
    { ...testUnitReadyRow, accessState: 'transitioning', passesNotReady: true },
    requestSenseRow(pollAttention),
    inquiryRow({
      peripheralQualifier: CONNECTED_QUALIFIER,
      versionDescriptors: [VersionDescriptor.sam5, VersionDescriptor.spc4, VersionDescriptor.iscsi],
      vpdPages: [targetIdentificationPage],
    }),
    reportLunsRow,
    reportSupportedOperationCodesRow,
  ]),
};
