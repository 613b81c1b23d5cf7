import { ALL_BITS, CONTROL_UNUSED } from '../../scsi/cdb.js';
import type { UnitCommandRow } from '../../scsi/command-table.js';
import { invalidFieldInCdb } from '../../scsi/sense.js';
import { runDeferred } from '../deferred.js';
import { libraryOf } from './library.js';

/*
 * SEND DIAGNOSTIC, SPC-4 "SEND DIAGNOSTIC command": the default self-test, which is an inventory.
 *
 *     0| 0x1d | SELF-TEST CODE (3) . PF . Reserved . SELFTEST DEVOFFL UNITOFFL | . | Parameter List Length (2) | Control |
 */
const SELFTEST_BIT = 0x04;
const DEVOFFL_UNITOFFL_BITS = 0x03;
const SELFTEST_BIT_NUMBER = 2;
const PARAMETER_LIST_LENGTH_AT = 3;
const INVENTORY_SECONDS = { nominal: 5, recommended: 300 } as const;

export const sendDiagnosticRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  accessState: 'standby',
  opcode: 0x1d,
  name: 'SEND DIAGNOSTIC',
  clause: 'SPC-4 "SEND DIAGNOSTIC command"',
  cdbLength: 6,
  cdbUsage: [0x1d, SELFTEST_BIT | DEVOFFL_UNITOFFL_BITS, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  timeoutSeconds: INVENTORY_SECONDS,
  execute(command, unit, _nexus, deferral) {
    // There are no diagnostic pages to be sent.
    if (command.cdbView.getUint16(PARAMETER_LIST_LENGTH_AT) !== 0) return invalidFieldInCdb(command, PARAMETER_LIST_LENGTH_AT);
    if (((command.cdb[1] as number) & SELFTEST_BIT) === 0) return invalidFieldInCdb(command, 1, SELFTEST_BIT_NUMBER);
    runDeferred(command, deferral, () => libraryOf(unit).takeInventory());
  },
};
