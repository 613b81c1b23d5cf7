import { ALL_BITS, CONTROL_UNUSED, returnData, writeUint64 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { tapeOf } from '../tape-unit.js';
import { IMMED_BIT, runImmediate } from './tape-command.js';

/*
 * REWIND, SSC-4 "REWIND command".
 *
 *     0| 0x01 | . IMMED | Reserved (3) | CONTROL |
 */
export const rewindRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  timeoutSeconds: { nominal: 60, recommended: 600 },
  opcode: 0x01,
  name: 'REWIND',
  clause: 'SSC-4 "REWIND command"',
  cdbLength: 6,
  cdbUsage: [0x01, IMMED_BIT, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    // To the beginning of the partition that it is in, with what was written on the medium: who rewinds has done.
    runImmediate(command, unit, deferral, (drive) => drive.call('rewind'));
  },
};

/*
 * READ BLOCK LIMITS, SSC-4 "READ BLOCK LIMITS command".
 *
 *     0| 0x05 | . MLOI | Reserved (3) | CONTROL |
 *
 *     0| . GRANULARITY (5) | MAXIMUM BLOCK LENGTH LIMIT (3) | MINIMUM BLOCK LENGTH LIMIT (2) |
 */
const MLOI_BIT = 0x01;
const LIMITS_LENGTH = 6;
const MLOI_LENGTH = 20;
const MLOI_AT = 12;
const BLOCK_LENGTH_FIELD_MAX = 0xffffff;

export const readBlockLimitsRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0x05,
  name: 'READ BLOCK LIMITS',
  clause: 'SSC-4 "READ BLOCK LIMITS command"',
  cdbLength: 6,
  cdbUsage: [0x05, MLOI_BIT, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    const isOfIdentifiers = ((command.cdb[1] as number) & MLOI_BIT) !== 0;
    const data = new Uint8Array(isOfIdentifiers ? MLOI_LENGTH : LIMITS_LENGTH);
    const view = new DataView(data.buffer);
    if (isOfIdentifiers) writeUint64(view, MLOI_AT, Number.MAX_SAFE_INTEGER);
    else {
      view.setUint32(0, Math.min(tapeOf(unit).blockLengthBytesMax, BLOCK_LENGTH_FIELD_MAX));
      view.setUint16(4, 1);
    }
    returnData(command, data, ALL_BITS);
  },
};
