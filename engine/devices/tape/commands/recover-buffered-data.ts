import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import { admitsFixed } from './read.js';
import { FIXED_BIT } from './tape-command.js';

/*
 * RECOVER BUFFERED DATA, SSC-4 "RECOVER BUFFERED DATA command": blocks that were taken from the initiator and did not get to the medium.
 *
 *     0| 0x14 | . SILI FIXED | TRANSFER LENGTH (3) | CONTROL |
 *
 * There are none: a write that the image has no room for is refused whole, so that the initiator still has what it sent. What the drive says is what it
 * says when all of its buffer has been recovered.
 */
const SILI_BIT = 0x02;

export const recoverBufferedDataRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x14,
  name: 'RECOVER BUFFERED DATA',
  clause: 'SSC-4 "RECOVER BUFFERED DATA command"',
  cdbLength: 6,
  cdbUsage: [0x14, SILI_BIT | FIXED_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  plan(command, unit) {
    if (!admitsFixed(command, unit)) return;
    const both = SILI_BIT | FIXED_BIT;
    if (((command.cdb[1] as number) & both) === both) invalidFieldInCdb(command, 1, 1);
  },
  execute(command) {
    const length = readUint24(command.cdbView, 2);
    if (length > 0) checkCondition(command, SenseKey.blankCheck, Asc.endOfData, { information: length });
  },
};
