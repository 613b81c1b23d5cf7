import { ALL_BITS, CONTROL_UNUSED, readUint64 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import { ModePages, PageControl } from '../../../scsi/spc/mode-page-values.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { WriteMode } from '../medium/drive-settings.js';
import { partitionBytesOf } from '../medium/partition-plan.js';
import { mediumPartitionPage } from '../pages/medium-partition-page.js';
import type { TapeUnit } from '../tape-unit.js';
import { admitsWriting, EXPLICIT, IMMED_BIT, runImmediate, runOnTape, seek } from './tape-command.js';
import { admitsOverwrite, SEQUENCE_BITS } from './write.js';

/*
 * ERASE, SSC-4 "ERASE(6) command" and "ERASE(16) command".
 *
 *     0| 0x19 | . IMMED LONG | Reserved (3) | CONTROL |
 *     0| 0x93 | . FCS LCS IMMED LONG | . | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | Reserved (3) | CONTROL |
 */
const ERASE_IMMED_BIT = 0x02;
const LONG_BIT = 0x01;
const HOURS_SECONDS = 3600;

const common = { runsOn: 'main', reservation: 'write' } as const;
const eraseCommon = { ...common, timeoutSeconds: { nominal: 60, recommended: 8 * HOURS_SECONDS } } as const;

export const eraseRows: readonly UnitCommandRow[] = [
  {
    ...eraseCommon,
    opcode: 0x19,
    name: 'ERASE (6)',
    clause: 'SSC-4 "ERASE(6) command"',
    cdbLength: 6,
    cdbUsage: [0x19, ERASE_IMMED_BIT | LONG_BIT, 0x00, 0x00, 0x00, CONTROL_UNUSED],
    plan: (command, unit) => void admitsWriting(command, unit),
    execute: (command, unit, _nexus, deferral) =>
      runImmediate(
        command,
        unit,
        deferral,
        (drive) => drive.call('erase', isLong(command)),
        (drive) => admitsOverwrite(command, drive),
      ),
  },
  {
    ...eraseCommon,
    opcode: 0x93,
    name: 'ERASE (16)',
    clause: 'SSC-4 "ERASE(16) command"',
    cdbLength: 16,
    cdbUsage: [0x93, SEQUENCE_BITS | ERASE_IMMED_BIT | LONG_BIT, 0x00, ...new Array<number>(9).fill(ALL_BITS), 0x00, 0x00, 0x00, CONTROL_UNUSED],
    plan: (command, unit) => void admitsWriting(command, unit),
    execute(command, unit, nexus, deferral) {
      // The position has to be found first, and is what an error of the command is about, so that IMMED saves nothing.
      runOnTape(command, unit, deferral, async (drive) => {
        drive.useEncryptionOf(nexus);
        if (!(await seek(command, drive)) || !admitsOverwrite(command, drive)) return;
        const { fault } = await drive.call('erase', isLong(command));
        drive.deferFault(fault);
      });
    },
  },
];

function isLong(command: CommandSlot): boolean {
  return ((command.cdb[1] as number) & LONG_BIT) !== 0;
}

/** SSC-4: both commands below want the beginning of partition 0, and give up all that is on the medium. False when the command has ended. */
function admitsFormat(command: CommandSlot, { settings, position, facts }: TapeUnit): boolean {
  if (position?.partition !== 0 || !position.isBeginning) checkCondition(command, SenseKey.illegalRequest, Asc.positionPastBeginning);
  else if (facts?.worm === true && facts.partitions.some(({ objectCount }) => objectCount > 0)) {
    checkCondition(command, SenseKey.dataProtect, Asc.wormOverwriteAttempted);
  } else if (settings.writeMode === WriteMode.appendOnly && settings.permission?.kind !== 'format') {
    checkCondition(command, SenseKey.dataProtect, Asc.writeAppendPositionError);
  } else return true;
  return false;
}

/** The partitions are other ones: the mode page that tells of them starts anew. */
async function afterFormat(unit: LogicalUnit, drive: TapeUnit): Promise<void> {
  drive.settings.permission = null;
  await drive.refresh();
  unit.part(ModePages).change(new Map([[mediumPartitionPage, mediumPartitionPage.defaults(unit)]]));
}

/*
 * FORMAT MEDIUM, SSC-4 "FORMAT MEDIUM command".
 *
 *     0| 0x04 | . VERIFY IMMED | . FORMAT (4) | TRANSFER LENGTH (2) | CONTROL |
 */
const VERIFY_BIT = 0x02;
const FORMAT_MASK = 0x0f;
const FORMAT_BIT = 3;
const TRANSFER_LENGTH_AT = 3;
/** Default format, partition as the mode page says, both. */
const FormatKind = { default: 0x0, partition: 0x1, both: 0x2 } as const;

export const formatMediumRow: UnitCommandRow = {
  ...common,
  timeoutSeconds: { nominal: 60, recommended: 2 * HOURS_SECONDS },
  opcode: 0x04,
  name: 'FORMAT MEDIUM',
  clause: 'SSC-4 "FORMAT MEDIUM command"',
  cdbLength: 6,
  // VERIFY: what was formatted is read afterwards; there is nothing to be read on an empty medium.
  cdbUsage: [0x04, VERIFY_BIT | IMMED_BIT, FORMAT_MASK, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  plan(command, unit) {
    if (((command.cdb[2] as number) & FORMAT_MASK) > FormatKind.both) return invalidFieldInCdb(command, 2, FORMAT_BIT);
    // The list is of the vendor, and this vendor has none.
    if (command.cdbView.getUint16(TRANSFER_LENGTH_AT) !== 0) return invalidFieldInCdb(command, TRANSFER_LENGTH_AT);
    admitsWriting(command, unit);
  },
  execute(command, unit, _nexus, deferral) {
    let sizes: readonly number[] | null = null;
    const admits = (drive: TapeUnit) => {
      if (!admitsFormat(command, drive)) return false;
      sizes = partitionsFor(command, unit, drive);
      if (sizes === null) invalidFieldInCdb(command, 2, FORMAT_BIT);
      return sizes !== null;
    };
    const format = async (drive: TapeUnit) => {
      const outcome = await drive.call('formatMedium', sizes ?? []);
      if (outcome.fault === null) await afterFormat(unit, drive);
      return outcome;
    };
    runImmediate(command, unit, deferral, format, admits);
  },
};

/** Null when what the mode page says cannot be done on this cartridge. */
function partitionsFor(command: CommandSlot, unit: LogicalUnit, { facts }: TapeUnit): readonly number[] | null {
  if (facts === null) return null;
  const isDefault = ((command.cdb[2] as number) & FORMAT_MASK) === FormatKind.default;
  return isDefault ? [facts.capacityBytes] : partitionBytesOf(unit.part(ModePages).read(mediumPartitionPage, PageControl.current), facts);
}

/*
 * SET CAPACITY, SSC-4 "SET CAPACITY command".
 *
 *     0| 0x0b | . IMMED | . | CAPACITY PROPORTION VALUE (2) | CONTROL |
 */
export const setCapacityRow: UnitCommandRow = {
  ...common,
  timeoutSeconds: { nominal: 60, recommended: 600 },
  opcode: 0x0b,
  name: 'SET CAPACITY',
  clause: 'SSC-4 "SET CAPACITY command"',
  cdbLength: 6,
  cdbUsage: [0x0b, IMMED_BIT, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  plan: (command, unit) => void admitsWriting(command, unit),
  execute(command, unit, _nexus, deferral) {
    const proportion = command.cdbView.getUint16(3);
    const set = async (drive: TapeUnit) => {
      const outcome = await drive.call('setCapacity', proportion);
      if (outcome.fault === null) await afterFormat(unit, drive);
      return outcome;
    };
    runImmediate(command, unit, deferral, set, (drive) => admitsFormat(command, drive));
  },
};

/*
 * ALLOW OVERWRITE, SSC-4 "ALLOW OVERWRITE command".
 *
 *     0| 0x82 | . | . ALLOW OVERWRITE (4) | PARTITION | LOGICAL OBJECT IDENTIFIER (8) | Reserved (3) | CONTROL |
 */
const ALLOW_OVERWRITE_MASK = 0x0f;
const ALLOW_OVERWRITE_BIT = 3;
const AllowOverwrite = { disabled: 0x0, position: 0x1, format: 0x2 } as const;

export const allowOverwriteRow: UnitCommandRow = {
  ...common,
  opcode: 0x82,
  name: 'ALLOW OVERWRITE',
  clause: 'SSC-4 "ALLOW OVERWRITE command"',
  cdbLength: 16,
  cdbUsage: [0x82, 0x00, ALLOW_OVERWRITE_MASK, ...new Array<number>(9).fill(ALL_BITS), 0x00, 0x00, 0x00, CONTROL_UNUSED],
  plan(command) {
    if (((command.cdb[2] as number) & ALLOW_OVERWRITE_MASK) > AllowOverwrite.format) invalidFieldInCdb(command, 2, ALLOW_OVERWRITE_BIT);
  },
  execute(command, unit, _nexus, deferral) {
    runOnTape(command, unit, deferral, async (drive) => allowOverwrite(command, drive));
  },
};

/** A permission is for where the tape stands, or for a format at the beginning, and there is one at a time. */
function allowOverwrite(command: CommandSlot, { settings, position, facts }: TapeUnit): void {
  const partition = command.cdb[EXPLICIT.partition] as number;
  const objectNumber = readUint64(command.cdbView, EXPLICIT.objectNumber);
  const value = (command.cdb[2] as number) & ALLOW_OVERWRITE_MASK;
  settings.permission = null;
  if (value === AllowOverwrite.disabled) return;
  // SSC-4: it is of the append-only mode alone. A WORM cartridge permits nothing.
  if (settings.writeMode !== WriteMode.appendOnly) {
    checkCondition(command, SenseKey.illegalRequest, Asc.commandSequenceError);
    return;
  }
  if (facts?.worm === true) {
    checkCondition(command, SenseKey.dataProtect, Asc.wormOverwriteAttempted);
    return;
  }
  const isHere = position?.partition === partition && position.objectNumber === objectNumber;
  if (!isHere) {
    checkCondition(command, SenseKey.illegalRequest, Asc.sequentialPositioningError);
    return;
  }
  if (value === AllowOverwrite.position) settings.permission = { kind: 'position', partition, objectNumber };
  else if (partition !== 0 || objectNumber !== 0) checkCondition(command, SenseKey.illegalRequest, Asc.positionPastBeginning);
  else settings.permission = { kind: 'format' };
}
