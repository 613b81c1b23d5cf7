import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, returnData } from '../cdb.js';
import type { CommandRow, UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { invalidFieldInCdb } from '../sense.js';
import { ALLOCATION_LENGTH_AT, maintenanceInRow } from './maintenance-in.js';

/*
 * REPORT SUPPORTED OPERATION CODES, SPC-4 §6.35.
 *
 *     0| 0xa3 | . 0x0c | RCTD . Reporting Options | Requested Operation Code |
 *     4| Requested Service Action | Allocation Length (4) | Reserved | Control |
 */
const OPTIONS_AT = 2;
const RCTD_BIT = 0x80;
const REPORTING_OPTIONS_MASK = 0x07;
const REPORTING_OPTIONS_BIT = 2;
const OPERATION_CODE_AT = 3;
const SERVICE_ACTION_AT = 4;
const ReportingOptions = { all: 0b000, operationCode: 0b001, serviceAction: 0b010, either: 0b011 } as const;

/** Command descriptor, SPC-4 §6.35.2. */
const DESCRIPTOR_LENGTH = 8;
const SERVACTV_BIT = 0x01;
const DESCRIPTOR_CTDP_BIT = 0x02;
const LIST_HEADER_LENGTH = 4;
/**
 * The list leaves out longer CDBs, which the reports of one command tell of. libiscsi's suite asks for the usage data of all that is listed and has room
 * for 16 bytes of it: it would fail READ (32), which it takes for zeros (ReportSupportedOpcodes.OneCommand).
 */
const LISTED_CDB_LENGTH_MAX = 16;

/** Parameter data of one command, SPC-4 §6.35.3. */
const ONE_HEADER_LENGTH = 4;
const ONE_CTDP_BIT = 0x80;
const Support = { notSupported: 0b001, asStandard: 0b011 } as const;

/** Command timeouts descriptor, SPC-4 §6.35.4. */
const TIMEOUTS_LENGTH = 12;
const TIMEOUTS_ADDITIONAL_LENGTH = 0x0a;

/** Answers from the command table of the unit's device type, so that it can never say anything else than what is done. */
export const reportSupportedOperationCodesRow: UnitCommandRow = maintenanceInRow(0x0c, [RCTD_BIT | REPORTING_OPTIONS_MASK, ALL_BITS, ALL_BITS, ALL_BITS], {
  name: 'REPORT SUPPORTED OPERATION CODES',
  clause: 'SPC-4 §6.35',
  reservation: 'read',
  execute(command, unit) {
    const options = command.cdb[OPTIONS_AT] as number;
    const timeouts = (options & RCTD_BIT) !== 0;
    const data = (options & REPORTING_OPTIONS_MASK) === ReportingOptions.all ? allCommands(unit, timeouts) : oneCommand(command, unit, timeouts);
    if (data !== null) returnData(command, data, command.cdbView.getUint32(ALLOCATION_LENGTH_AT));
  },
});

/** Undefined also where only other units of the device type have the command. */
function ofUnit(row: CommandRow | undefined, unit: LogicalUnit): CommandRow | undefined {
  return row?.isSupported?.(unit) === false ? undefined : row;
}

function allCommands(unit: LogicalUnit, timeouts: boolean): Uint8Array {
  const stride = DESCRIPTOR_LENGTH + (timeouts ? TIMEOUTS_LENGTH : 0);
  const rows = unit.deviceType.commands.rows.filter((row) => row.cdbLength <= LISTED_CDB_LENGTH_MAX && ofUnit(row, unit) !== undefined);
  const data = new Uint8Array(LIST_HEADER_LENGTH + stride * rows.length);
  const view = new DataView(data.buffer);
  view.setUint32(0, data.length - LIST_HEADER_LENGTH);
  let at = LIST_HEADER_LENGTH;
  for (const row of rows) {
    data[at] = row.opcode;
    view.setUint16(at + 2, row.serviceAction ?? 0);
    data[at + 5] = (row.serviceAction === undefined ? 0 : SERVACTV_BIT) | (timeouts ? DESCRIPTOR_CTDP_BIT : 0);
    view.setUint16(at + 6, row.cdbLength);
    if (timeouts) writeTimeouts(view, at + DESCRIPTOR_LENGTH, row);
    at += stride;
  }
  return data;
}

/** Seconds. What runs on the main thread answers at once; a medium may have to wait for a device, and for those that wait before it. */
const UNIT_COMMAND_SECONDS = { nominal: 1, recommended: 10 } as const;
const MEDIUM_COMMAND_SECONDS = { nominal: 1, recommended: 30 } as const;

function writeTimeouts(view: DataView, at: number, row: CommandRow): void {
  const { nominal, recommended } = row.timeoutSeconds ?? (row.runsOn === 'main' ? UNIT_COMMAND_SECONDS : MEDIUM_COMMAND_SECONDS);
  view.setUint16(at, TIMEOUTS_ADDITIONAL_LENGTH);
  view.setUint32(at + 4, nominal);
  view.setUint32(at + 8, recommended);
}

/** Null when the command has ended: the reporting option does not suit the opcode. SPC-4 §6.35.1. */
function oneCommand(command: CommandSlot, unit: LogicalUnit, timeouts: boolean): Uint8Array | null {
  const table = unit.deviceType.commands;
  const opcode = command.cdb[OPERATION_CODE_AT] as number;
  const serviceAction = command.cdbView.getUint16(SERVICE_ACTION_AT);
  const hasServiceActions = table.hasServiceActions(opcode);
  const isSupported = hasServiceActions || table.findNamed(opcode) !== undefined;
  switch ((command.cdb[OPTIONS_AT] as number) & REPORTING_OPTIONS_MASK) {
    case ReportingOptions.operationCode:
      if (hasServiceActions) break;
      return encodeOne(ofUnit(table.findNamed(opcode), unit), timeouts);
    case ReportingOptions.serviceAction:
      if (isSupported && !hasServiceActions) break;
      return encodeOne(ofUnit(table.findNamed(opcode, serviceAction), unit), timeouts);
    case ReportingOptions.either:
      return encodeOne(ofUnit(table.findNamed(opcode, hasServiceActions || serviceAction !== 0 ? serviceAction : undefined), unit), timeouts);
  }
  invalidFieldInCdb(command, OPTIONS_AT, REPORTING_OPTIONS_BIT);
  return null;
}

function encodeOne(row: CommandRow | undefined, timeouts: boolean): Uint8Array {
  if (row === undefined) return Uint8Array.of(0, Support.notSupported, 0, 0);
  const data = new Uint8Array(ONE_HEADER_LENGTH + row.cdbLength + (timeouts ? TIMEOUTS_LENGTH : 0));
  data[1] = Support.asStandard | (timeouts ? ONE_CTDP_BIT : 0);
  const view = new DataView(data.buffer);
  view.setUint16(2, row.cdbLength);
  data.set(row.cdbUsage, ONE_HEADER_LENGTH);
  if (timeouts) writeTimeouts(view, ONE_HEADER_LENGTH + row.cdbLength, row);
  return data;
}
