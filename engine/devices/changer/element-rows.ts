import { ALL_BITS, CONTROL_UNUSED } from '../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../scsi/command-table.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../scsi/sense.js';
import { MediumRemoval } from '../../scsi/spc/medium-removal.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { runDeferred } from '../deferred.js';
import { asksForNoInversion, elementIn, hasTransport, invalidElementAddress } from './element-cdb.js';
import { ElementType } from './element-layout.js';
import { libraryOf } from './library.js';

const common = { runsOn: 'main', reservation: 'write' } as const;

/** Looks whether the images of the cartridges are there, as a picker reads labels. Seconds. */
const INVENTORY_SECONDS = { nominal: 5, recommended: 300 } as const;

function takeInventory(command: CommandSlot, unit: LogicalUnit, deferral: Deferral): void {
  runDeferred(command, deferral, () => libraryOf(unit).takeInventory());
}

/*
 * INITIALIZE ELEMENT STATUS, SMC-3 "INITIALIZE ELEMENT STATUS command".
 *
 *     0| 0x07 | Reserved (4) | Control |
 */
const initializeElementStatusRow: UnitCommandRow = {
  ...common,
  opcode: 0x07,
  name: 'INITIALIZE ELEMENT STATUS',
  clause: 'SMC-3 "INITIALIZE ELEMENT STATUS command"',
  cdbLength: 6,
  cdbUsage: [0x07, 0x00, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  timeoutSeconds: INVENTORY_SECONDS,
  execute: (command, unit, _nexus, deferral) => takeInventory(command, unit, deferral),
};

/*
 * INITIALIZE ELEMENT STATUS WITH RANGE, SMC-3; the opcode E7h is that of SMC, whose FAST bit was reserved and whose NBL bit is ours to ignore.
 *
 *     0| 0x37, 0xe7 | . FAST RANGE | Starting Element Address (2) | . (2) | Number of Elements (2) | . | Control |
 */
const FAST_BIT = 0x02;
const RANGE_BIT = 0x01;
const STARTING_ADDRESS_AT = 2;
/** NO BARCODE LABEL of the vendors that used E7h: the last byte is no CONTROL byte there. */
const NBL_BIT = 0x80;

function initializeWithRange(opcode: 0x37 | 0xe7): UnitCommandRow {
  const isLegacy = opcode === 0xe7;
  const flags = isLegacy ? RANGE_BIT : FAST_BIT | RANGE_BIT;
  return {
    ...common,
    opcode,
    name: `INITIALIZE ELEMENT STATUS WITH RANGE${isLegacy ? ' (E7h)' : ''}`,
    clause: `${isLegacy ? 'SMC' : 'SMC-3'} "INITIALIZE ELEMENT STATUS WITH RANGE command"`,
    cdbLength: 10,
    cdbUsage: [opcode, flags, ALL_BITS, ALL_BITS, 0x00, 0x00, ALL_BITS, ALL_BITS, 0x00, isLegacy ? NBL_BIT | CONTROL_UNUSED : CONTROL_UNUSED],
    timeoutSeconds: INVENTORY_SECONDS,
    execute(command, unit, _nexus, deferral) {
      const hasRange = ((command.cdb[1] as number) & RANGE_BIT) !== 0;
      if (hasRange && elementIn(command, libraryOf(unit).layout, STARTING_ADDRESS_AT) === null) return;
      takeInventory(command, unit, deferral);
    },
  };
}

/*
 * POSITION TO ELEMENT, SMC-3 "POSITION TO ELEMENT command": the picker is everywhere at once.
 *
 *     0| 0x2b | . | Medium Transport Address (2) | Destination Element Address (2) | . (2) | . INVERT | Control |
 */
const INVERT_AT = 8;
const INVERT_BIT = 0x01;

const positionToElementRow: UnitCommandRow = {
  ...common,
  opcode: 0x2b,
  name: 'POSITION TO ELEMENT',
  clause: 'SMC-3 "POSITION TO ELEMENT command"',
  cdbLength: 10,
  cdbUsage: [0x2b, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, 0x00, INVERT_BIT, CONTROL_UNUSED],
  execute(command, unit) {
    const { layout } = libraryOf(unit);
    if (hasTransport(command, layout, 2) && asksForNoInversion(command, INVERT_AT, INVERT_BIT)) elementIn(command, layout, 4);
  },
};

/*
 * OPEN/CLOSE IMPORT/EXPORT ELEMENT, SMC-3 "OPEN/CLOSE IMPORT/EXPORT ELEMENT command".
 *
 *     0| 0x1b | . | Element Address (2) | . Action Code (5) | Control |
 */
const ACTION_AT = 4;
const ACTION_MASK = 0x1f;
const ACTION_BIT = 4;
const Action = { open: 0x00, close: 0x01 } as const;

const openCloseRow: UnitCommandRow = {
  ...common,
  opcode: 0x1b,
  name: 'OPEN/CLOSE IMPORT/EXPORT ELEMENT',
  clause: 'SMC-3 "OPEN/CLOSE IMPORT/EXPORT ELEMENT command"',
  cdbLength: 6,
  cdbUsage: [0x1b, 0x00, ALL_BITS, ALL_BITS, ACTION_MASK, CONTROL_UNUSED],
  execute(command, unit, nexus) {
    const library = libraryOf(unit);
    const action = (command.cdb[ACTION_AT] as number) & ACTION_MASK;
    if (action > Action.close) return invalidFieldInCdb(command, ACTION_AT, ACTION_BIT);
    const element = elementIn(command, library.layout, 2);
    if (element === null) return;
    if (element.type !== ElementType.importExport) return invalidElementAddress(command);
    if (action === Action.open && unit.part(MediumRemoval).isPrevented) {
      return checkCondition(command, SenseKey.illegalRequest, Asc.mediumRemovalPrevented);
    }
    library.setOpen(element, action === Action.open, nexus);
  },
};

export const elementRows: readonly UnitCommandRow[] = [
  initializeElementStatusRow,
  openCloseRow,
  positionToElementRow,
  initializeWithRange(0x37),
  initializeWithRange(0xe7),
];
