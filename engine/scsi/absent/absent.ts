import { CommandTable, type DeviceType } from '../command-table.js';
import { Asc, SenseKey } from '../sense.js';
import { inquiryRow } from '../spc/inquiry.js';
import { reportLunsRow } from '../spc/report-luns.js';
import { requestSenseRow } from '../spc/request-sense.js';

/** The device server is not capable of supporting a peripheral device on this LUN. SPC-4 §6.6.2, PERIPHERAL QUALIFIER. */
const NOT_SUPPORTED_QUALIFIER = 0b011;
const UNKNOWN_OR_NO_DEVICE_TYPE = 0x1f;

/**
 * What answers at a LUN without a logical unit, SAM-5 "Incorrect logical unit numbers": INQUIRY, REPORT LUNS and
 * REQUEST SENSE do, everything else is LOGICAL UNIT NOT SUPPORTED.
 */
export const absent: DeviceType = {
  name: 'absent',
  peripheralDeviceType: UNKNOWN_OR_NO_DEVICE_TYPE,
  unsupportedCommandAsc: Asc.logicalUnitNotSupported,
  commands: new CommandTable([
    requestSenseRow(() => ({ key: SenseKey.illegalRequest, asc: Asc.logicalUnitNotSupported })),
    inquiryRow({ peripheralQualifier: NOT_SUPPORTED_QUALIFIER, versionDescriptors: [], vpdPages: [] }),
    reportLunsRow,
  ]),
};
