import { CONTROL_UNUSED } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { invalidFieldInCdb } from '../../../scsi/sense.js';

/*
 * SEND DIAGNOSTIC, SPC-4 "SEND DIAGNOSTIC command": the default self-test, which finds the drive well as long as it answers.
 *
 *     0| 0x1d | SELF-TEST CODE (3) . PF . SELFTEST DEVOFFL UNITOFFL | . | PARAMETER LIST LENGTH (2) | CONTROL |
 */
const SELFTEST_BIT = 0x04;
const OFFLINE_BITS = 0x03;
const PF_BIT = 0x10;

export const sendDiagnosticRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x1d,
  name: 'SEND DIAGNOSTIC',
  clause: 'SPC-4 "SEND DIAGNOSTIC command"',
  cdbLength: 6,
  cdbUsage: [0x1d, PF_BIT | SELFTEST_BIT | OFFLINE_BITS, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command) {
    if (((command.cdb[1] as number) & SELFTEST_BIT) === 0) invalidFieldInCdb(command, 1, 2);
  },
};
