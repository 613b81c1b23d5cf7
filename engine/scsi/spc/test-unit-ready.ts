import { CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';

/** TEST UNIT READY, SPC-4 §6.47. Whatever stands in the way has been reported before the row is reached. */
export const testUnitReadyRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'persistent',
  opcode: 0x00,
  name: 'TEST UNIT READY',
  clause: 'SPC-4 §6.47',
  cdbLength: 6,
  cdbUsage: [0x00, 0x00, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  execute() {},
};
