import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeUnit } from '../tape-unit.js';
import { admitsWriting, EXPLICIT, IMMED_BIT, isImmediate, runOnTape, seek } from './tape-command.js';
import { admitsOverwrite, endWrite, SEQUENCE_BITS } from './write.js';

/*
 * WRITE FILEMARKS, SSC-4 "WRITE FILEMARKS(6) command" and "WRITE FILEMARKS(16) command".
 *
 *     0| 0x10 | . IMMED | FILEMARK COUNT (3) | CONTROL |
 *     0| 0x80 | . FCS LCS . IMMED | . | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | FILEMARK COUNT (3) | CONTROL |
 *
 * Without IMMED all that was buffered and the marks are on the medium when it ends; a count of zero is how initiators ask for just that.
 */
const common = { runsOn: 'main', reservation: 'write', timeoutSeconds: { nominal: 60, recommended: 1700 } } as const;

export const writeFilemarksRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x10,
    name: 'WRITE FILEMARKS (6)',
    clause: 'SSC-4 "WRITE FILEMARKS(6) command"',
    cdbLength: 6,
    cdbUsage: [0x10, IMMED_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    plan(command, unit) {
      // To write nothing is allowed on what cannot be written: drivers flush before they rewind, whatever is in the drive.
      if (readUint24(command.cdbView, 2) > 0) admitsWriting(command, unit);
    },
    execute(command, unit, _nexus, deferral) {
      runOnTape(command, unit, deferral, (drive) => writeFilemarks(command, drive, readUint24(command.cdbView, 2)));
    },
  },
  {
    ...common,
    opcode: 0x80,
    name: 'WRITE FILEMARKS (16)',
    clause: 'SSC-4 "WRITE FILEMARKS(16) command"',
    cdbLength: 16,
    cdbUsage: [0x80, SEQUENCE_BITS | IMMED_BIT, 0x00, ...new Array<number>(12).fill(ALL_BITS), CONTROL_UNUSED],
    plan(command, unit) {
      if (readUint24(command.cdbView, EXPLICIT.length) > 0) admitsWriting(command, unit);
    },
    execute(command, unit, _nexus, deferral) {
      runOnTape(command, unit, deferral, async (drive) => {
        if (await seek(command, drive)) await writeFilemarks(command, drive, readUint24(command.cdbView, EXPLICIT.length));
      });
    },
  },
];

async function writeFilemarks(command: CommandSlot, drive: TapeUnit, count: number): Promise<void> {
  if (count > 0 && !admitsOverwrite(command, drive)) return;
  // On a cartridge that is not written to there is nothing to flush.
  if (count === 0 && drive.isWriteProtected) return;
  const outcome = await drive.call('writeFilemarks', count, !isImmediate(command));
  if (count > 0 || outcome.fault !== null) endWrite(command, outcome, count - outcome.count);
}
