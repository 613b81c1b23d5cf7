import { assert } from '../../errors.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, readUint64, returnData, writeUint64 } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';

const PMI_BIT = 0x01;
const LBA_AT = 2;
const PMI_AT_10 = 8;
const PMI_AT_16 = 14;
const ALLOCATION_LENGTH_AT_16 = 10;

const DATA_10_LENGTH = 8;
const DATA_16_LENGTH = 32;
/** READ CAPACITY (16) parameter data: Reserved . P_TYPE (3 bits) . PROT_EN. */
const PROTECTION_AT = 12;
const P_TYPE_SHIFT = 1;
const PROT_EN_BIT = 0x01;
/** P_I_EXPONENT (4 bits) . LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT (4 bits). */
const EXPONENTS_AT = 13;
/** LBPME: provisioning is managed. LBPRZ: what is unmapped reads as zeros. */
const PROVISIONING_AT = 14;
const LBPME_BIT = 0x80;
const LBPRZ_BIT = 0x40;
/** RETURNED LOGICAL BLOCK ADDRESS (10) of a medium that needs READ CAPACITY (16). */
const TOO_LARGE = 0xffffffff;

/*
 * READ CAPACITY (10), SBC-3 "READ CAPACITY (10) command".
 *
 *     0| 0x25 | Reserved | LBA (4) | Reserved (2) | . PMI | Control |
 */
const readCapacity10Row: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  // Beyond what the standard lists: initiators that find a path in standby give up on a disk whose size they cannot read.
  accessState: 'standby',
  opcode: 0x25,
  name: 'READ CAPACITY (10)',
  clause: 'SBC-3 "READ CAPACITY (10) command"',
  cdbLength: 10,
  cdbUsage: [0x25, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, 0x00, PMI_BIT, CONTROL_UNUSED],
  execute(command, unit) {
    const medium = mediumOf(unit);
    if (!isLbaAllowed(command, medium, command.cdbView.getUint32(LBA_AT), PMI_AT_10)) return;
    const data = new Uint8Array(DATA_10_LENGTH);
    const view = new DataView(data.buffer);
    view.setUint32(0, Math.min(medium.blockCount - 1, TOO_LARGE));
    view.setUint32(4, medium.blockLengthBytes);
    returnData(command, data, DATA_10_LENGTH);
  },
};

/*
 * READ CAPACITY (16), SBC-3 "READ CAPACITY (16) command".
 *
 *     0| 0x9e | . 0x10 | LBA (8) | Allocation Length (4) | . PMI | Control |
 */
const readCapacity16Row: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  accessState: 'standby',
  opcode: 0x9e,
  serviceAction: 0x10,
  name: 'READ CAPACITY (16)',
  clause: 'SBC-3 "READ CAPACITY (16) command"',
  cdbLength: 16,
  cdbUsage: [0x9e, 0x10, ...new Array<number>(12).fill(ALL_BITS), PMI_BIT, CONTROL_UNUSED],
  execute(command, unit) {
    const medium = mediumOf(unit);
    if (!isLbaAllowed(command, medium, readUint64(command.cdbView, LBA_AT), PMI_AT_16)) return;
    // Zeros: physical blocks begin with LBA 0 (LOWEST ALIGNED LOGICAL BLOCK ADDRESS), and P_I_EXPONENT 0, protection information follows each logical block.
    const data = new Uint8Array(DATA_16_LENGTH);
    const view = new DataView(data.buffer);
    writeUint64(view, 0, medium.blockCount - 1);
    view.setUint32(8, medium.blockLengthBytes);
    const { protectionType = 0 } = medium.shape;
    if (protectionType > 0) data[PROTECTION_AT] = ((protectionType - 1) << P_TYPE_SHIFT) | PROT_EN_BIT;
    data[EXPONENTS_AT] = medium.physicalBlockExponent;
    if (medium.thin) data[PROVISIONING_AT] = LBPME_BIT | LBPRZ_BIT;
    returnData(command, data, command.cdbView.getUint32(ALLOCATION_LENGTH_AT_16));
  },
};

export const readCapacityRows: readonly UnitCommandRow[] = [readCapacity10Row, readCapacity16Row];

function mediumOf(unit: LogicalUnit): Medium {
  assert(unit.medium !== null, 'READ CAPACITY must not pass a unit without a medium');
  return unit.medium;
}

/** Without PMI an LBA means nothing and must be zero; with it, it is where the search for a delay begins. SBC-2 "READ CAPACITY (10) command". */
function isLbaAllowed(command: CommandSlot, medium: Medium, lba: number, pmiAt: number): boolean {
  const partial = ((command.cdb[pmiAt] as number) & PMI_BIT) !== 0;
  if (!partial && lba !== 0) invalidFieldInCdb(command, LBA_AT);
  else if (lba >= medium.blockCount) checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange);
  else return true;
  return false;
}
