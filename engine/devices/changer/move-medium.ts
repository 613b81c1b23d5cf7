import { ALL_BITS, CONTROL_UNUSED } from '../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../scsi/command-table.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { runDeferred } from '../deferred.js';
import { asksForNoInversion, elementIn, endWithFault, hasTransport, invalidElementAddress } from './element-cdb.js';
import { libraryOf } from './library.js';
import type { Hop } from './library-contents.js';

/** Seconds. A drive has to write back what it has buffered, and to open another image. */
const MOVE_SECONDS = { nominal: 5, recommended: 300 } as const;
const common = { runsOn: 'main', reservation: 'write', cdbLength: 12, timeoutSeconds: MOVE_SECONDS } as const;

const TRANSPORT_AT = 2;
const SOURCE_AT = 4;
const DESTINATION_AT = 6;
const SECOND_DESTINATION_AT = 8;
const INVERT_AT = 10;
const INVERT_BIT = 0x01;
const INV1_INV2_BITS = 0x03;

/*
 * MOVE MEDIUM, SMC-3 "MOVE MEDIUM command".
 *
 *     0| 0xa5 | . | Medium Transport Address (2) | Source Address (2) | Destination Address (2) | . (2) |
 *    10| . INVERT | Control                                                                             |
 */
const moveMediumRow: UnitCommandRow = {
  ...common,
  opcode: 0xa5,
  name: 'MOVE MEDIUM',
  clause: 'SMC-3 "MOVE MEDIUM command"',
  cdbUsage: [0xa5, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, 0x00, INVERT_BIT, CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    const { layout } = libraryOf(unit);
    if (!hasTransport(command, layout, TRANSPORT_AT) || !asksForNoInversion(command, INVERT_AT, INVERT_BIT)) return;
    const from = elementIn(command, layout, SOURCE_AT);
    const to = from === null ? null : elementIn(command, layout, DESTINATION_AT);
    if (from !== null && to !== null) transfer(command, unit, deferral, [{ from, to }]);
  },
};

/*
 * EXCHANGE MEDIUM, SMC-3 "EXCHANGE MEDIUM command": what is in the first destination makes room and goes to the second, which may be the source.
 *
 *     0| 0xa6 | . | Medium Transport Address (2) | Source Address (2) | First Destination Address (2) | Second Destination Address (2) |
 *    10| . INV1 INV2 | Control                                                                                                        |
 */
const exchangeMediumRow: UnitCommandRow = {
  ...common,
  opcode: 0xa6,
  name: 'EXCHANGE MEDIUM',
  clause: 'SMC-3 "EXCHANGE MEDIUM command"',
  cdbUsage: [0xa6, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, INV1_INV2_BITS, CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    const { layout } = libraryOf(unit);
    if (!hasTransport(command, layout, TRANSPORT_AT) || !asksForNoInversion(command, INVERT_AT, INV1_INV2_BITS)) return;
    const source = elementIn(command, layout, SOURCE_AT);
    const first = source === null ? null : elementIn(command, layout, DESTINATION_AT);
    const second = first === null ? null : elementIn(command, layout, SECOND_DESTINATION_AT);
    if (source === null || first === null || second === null) return;
    // Two cartridges cannot be in one element, neither before nor behind.
    if (first === source || first === second) invalidElementAddress(command);
    else {
      transfer(command, unit, deferral, [
        { from: source, to: first },
        { from: first, to: second },
      ]);
    }
  },
};

/** An abort comes too late: the picker puts down what it holds. */
function transfer(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, hops: readonly Hop[]): void {
  runDeferred(command, deferral, async () => {
    const fault = await libraryOf(unit).transfer(hops);
    if (fault !== null) endWithFault(command, fault);
  });
}

export const moveMediumRows: readonly UnitCommandRow[] = [moveMediumRow, exchangeMediumRow];
