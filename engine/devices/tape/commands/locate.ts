import { ALL_BITS, CONTROL_UNUSED, readUint64 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { TapeLocateOutcome, TapeLocateTarget } from '../image/tape-service.js';
import { endWithFault } from '../medium/tape-fault.js';
import type { TapeUnit } from '../tape-unit.js';
import { IMMED_BIT, isImmediate, runOnTape } from './tape-command.js';

/*
 * LOCATE, SSC-4 "LOCATE(10) command" and "LOCATE(16) command".
 *
 *     0| 0x2b | . BT CP IMMED | . | LOGICAL OBJECT IDENTIFIER (4) | . | PARTITION | CONTROL |
 *     0| 0x92 | . DEST_TYPE (3) . CP IMMED | . BAM | PARTITION | LOGICAL IDENTIFIER (8) | Reserved (3) | CONTROL |
 */
const BT_BIT = 0x04;
const CP_BIT = 0x02;
const DEST_TYPE_BITS = 0x38;
const DEST_TYPE_SHIFT = 3;
const DEST_TYPE_BIT = 5;
const PARTITION_10_AT = 8;
const PARTITION_16_AT = 3;
/** 010b is of setmarks. */
const destinations: readonly (TapeLocateTarget['to'] | undefined)[] = ['object', 'file', undefined, 'endOfData'];

const common = { runsOn: 'main', reservation: 'read', timeoutSeconds: { nominal: 60, recommended: 2300 } } as const;

export const locateRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x2b,
    name: 'LOCATE (10)',
    clause: 'SSC-4 "LOCATE(10) command"',
    cdbLength: 10,
    cdbUsage: [0x2b, CP_BIT | IMMED_BIT, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, ALL_BITS, CONTROL_UNUSED],
    // BT asks for addresses of the vendor's own, which are the same here.
    cdbIgnored: [0x00, BT_BIT, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
    execute(command, unit, _nexus, deferral) {
      const target = { partition: partitionOf(command, PARTITION_10_AT), to: 'object', number: command.cdbView.getUint32(3) } as const;
      runOnTape(command, unit, deferral, (drive) => locate(command, drive, target, PARTITION_10_AT));
    },
  },
  {
    ...common,
    opcode: 0x92,
    name: 'LOCATE (16)',
    clause: 'SSC-4 "LOCATE(16) command"',
    cdbLength: 16,
    cdbUsage: [0x92, DEST_TYPE_BITS | CP_BIT | IMMED_BIT, 0x00, ...new Array<number>(9).fill(ALL_BITS), 0x00, 0x00, 0x00, CONTROL_UNUSED],
    plan(command) {
      if (destinationOf(command) === undefined) invalidFieldInCdb(command, 1, DEST_TYPE_BIT);
    },
    execute(command, unit, _nexus, deferral) {
      const to = destinationOf(command) as TapeLocateTarget['to'];
      const target = { partition: partitionOf(command, PARTITION_16_AT), to, number: readUint64(command.cdbView, 4) };
      runOnTape(command, unit, deferral, (drive) => locate(command, drive, target, PARTITION_16_AT));
    },
  },
];

function destinationOf(command: CommandSlot): TapeLocateTarget['to'] | undefined {
  return destinations[((command.cdb[1] as number) & DEST_TYPE_BITS) >> DEST_TYPE_SHIFT];
}

/** Without CP the partition stays, whatever the field holds. */
function partitionOf(command: CommandSlot, at: number): number | null {
  return ((command.cdb[1] as number) & CP_BIT) === 0 ? null : (command.cdb[at] as number);
}

async function locate(command: CommandSlot, drive: TapeUnit, target: TapeLocateTarget, partitionAt: number): Promise<void> {
  if (target.partition !== null && target.partition >= (drive.facts?.partitions.length ?? 0)) {
    invalidFieldInCdb(command, partitionAt);
    return;
  }
  const located = drive.call('locate', target);
  if (!isImmediate(command)) return endLocate(command, await located);
  drive.leave(
    located.then(({ stop, fault }) => {
      drive.deferFault(fault);
      if (stop === 'endOfData') drive.defer({ key: SenseKey.blankCheck, asc: Asc.endOfData });
    }),
  );
}

function endLocate(command: CommandSlot, { stop, fault }: TapeLocateOutcome): void {
  if (fault !== null) endWithFault(command, fault);
  else if (stop === 'endOfData') checkCondition(command, SenseKey.blankCheck, Asc.endOfData);
}
