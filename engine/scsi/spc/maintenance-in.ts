import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import { invalidFieldInCdb } from '../sense.js';

/** MAINTENANCE IN: the reports of a device server on itself. */
const MAINTENANCE_IN = 0xa3;
export const ALLOCATION_LENGTH_AT = 6;

export function maintenanceInRow(
  serviceAction: number,
  parameterUsage: readonly [number, number, number, number],
  row: Pick<UnitCommandRow, 'name' | 'clause' | 'execute' | 'reservation'>,
): UnitCommandRow {
  return {
    ...row,
    runsOn: 'main',
    accessState: 'standby',
    opcode: MAINTENANCE_IN,
    serviceAction,
    cdbLength: 12,
    cdbUsage: [MAINTENANCE_IN, serviceAction, ...parameterUsage, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
    passesNotReady: true,
  };
}

/*
 * REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, SPC-4 "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS command".
 *
 *     0| 0xa3 | . 0x0d | REPD . | Reserved (3) |
 *     6| Allocation Length (4) | Reserved | Control |
 */
const REPD_BIT = 0x80;
const BASIC_LENGTH = 4;
const EXTENDED_LENGTH = 16;
const EXTENDED_ADDITIONAL_LENGTH = EXTENDED_LENGTH - BASIC_LENGTH;

/** Byte 0 of the report: what `engine/session/handlers/task-management.ts` carries out. */
const ABORT_TASK_SUPPORTED = 0x80;
const ABORT_TASK_SET_SUPPORTED = 0x40;
const CLEAR_ACA_SUPPORTED = 0x20;
const CLEAR_TASK_SET_SUPPORTED = 0x10;
const LOGICAL_UNIT_RESET_SUPPORTED = 0x08;
const QUERY_TASK_SUPPORTED = 0x04;
/** Byte 1. */
const QUERY_ASYNCHRONOUS_EVENT_SUPPORTED = 0x04;
const QUERY_TASK_SET_SUPPORTED = 0x02;
const I_T_NEXUS_RESET_SUPPORTED = 0x01;

export const reportSupportedTaskManagementFunctionsRow: UnitCommandRow = maintenanceInRow(0x0d, [REPD_BIT, 0x00, 0x00, 0x00], {
  name: 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
  clause: 'SPC-4 "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS command"',
  reservation: 'read',
  execute(command) {
    const allocationLength = command.cdbView.getUint32(ALLOCATION_LENGTH_AT);
    if (allocationLength < BASIC_LENGTH) return invalidFieldInCdb(command, ALLOCATION_LENGTH_AT);
    const extended = ((command.cdb[2] as number) & REPD_BIT) !== 0;
    const data = new Uint8Array(extended ? EXTENDED_LENGTH : BASIC_LENGTH);
    data[0] =
      ABORT_TASK_SUPPORTED | ABORT_TASK_SET_SUPPORTED | CLEAR_ACA_SUPPORTED | CLEAR_TASK_SET_SUPPORTED | LOGICAL_UNIT_RESET_SUPPORTED | QUERY_TASK_SUPPORTED;
    data[1] = QUERY_ASYNCHRONOUS_EVENT_SUPPORTED | QUERY_TASK_SET_SUPPORTED | I_T_NEXUS_RESET_SUPPORTED;
    data[3] = extended ? EXTENDED_ADDITIONAL_LENGTH : 0;
    returnData(command, data, allocationLength);
  },
});
