import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, readUint24, readUint64 } from '../cdb.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';

export const GROUP_NUMBER_BITS = 0x1f;
const LBA_21_BITS = 0x1fffff;
const COUNT_OF_ZERO_IN_CDB_6 = 256;

/** Where a CDB names a range of logical blocks. */
export interface ExtentFields {
  readonly lba: (cdb: DataView) => number;
  readonly count: (cdb: DataView) => number;
  readonly countAt: number;
}

/** How a CDB of one length names a range of logical blocks. */
export interface ExtentCdb extends ExtentFields {
  readonly cdbLength: 6 | 10 | 12 | 16;
  /** CDB usage data for an opcode of this shape; `flags` are the bits of byte 1 that the command evaluates. */
  readonly usage: (opcode: number, flags: number) => readonly number[];
}

/*
 *     0| Opcode | . LBA (21 bits)              | Count | Control |
 */
export const cdb6: ExtentCdb = {
  cdbLength: 6,
  lba: (cdb) => readUint24(cdb, 1) & LBA_21_BITS,
  count: (cdb) => cdb.getUint8(4) || COUNT_OF_ZERO_IN_CDB_6,
  countAt: 4,
  // The top of the LBA stands where other shapes have their flags.
  usage: (opcode) => [opcode, LBA_21_BITS >> 16, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
};

/*
 *     0| Opcode | Flags | LBA (4) | . Group | Count (2) | Control |
 */
export const cdb10: ExtentCdb = {
  cdbLength: 10,
  lba: (cdb) => cdb.getUint32(2),
  count: (cdb) => cdb.getUint16(7),
  countAt: 7,
  usage: (opcode, flags) => [opcode, flags, ...allBits(4), GROUP_NUMBER_BITS, ...allBits(2), CONTROL_UNUSED],
};

/*
 *     0| Opcode | Flags | LBA (4) | Count (4) | . Group | Control |
 */
export const cdb12: ExtentCdb = {
  cdbLength: 12,
  lba: (cdb) => cdb.getUint32(2),
  count: (cdb) => cdb.getUint32(6),
  countAt: 6,
  usage: (opcode, flags) => [opcode, flags, ...allBits(8), GROUP_NUMBER_BITS, CONTROL_UNUSED],
};

/*
 *     0| Opcode | Flags | LBA (8) | Count (4) | . Group | Control |
 */
export const cdb16: ExtentCdb = {
  cdbLength: 16,
  lba: (cdb) => readUint64(cdb, 2),
  count: (cdb) => cdb.getUint32(10),
  countAt: 10,
  usage: (opcode, flags) => [opcode, flags, ...allBits(12), GROUP_NUMBER_BITS, CONTROL_UNUSED],
};

export function allBits(count: number): number[] {
  return new Array<number>(count).fill(ALL_BITS);
}

/**
 * Ends the command when the range leaves the medium; true when it fits. No blocks at the very end are in range: the
 * standard refuses what exceeds the capacity.
 */
export function isInRange(command: CommandSlot, medium: Medium, lba: number, count: number): boolean {
  // A sum beyond 2^53 could be rounded into the medium. The difference is exact where it matters: a capacity is at most 2^53.
  if (count <= medium.blockCount - lba) return true;
  checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange);
  return false;
}

/** Sets `lba` and `lbaCount` and answers true, or ends the command. SBC-3, "Block Limits VPD page", MAXIMUM TRANSFER LENGTH. */
export function planExtent(command: CommandSlot, medium: Medium, shape: ExtentFields): boolean {
  const lba = shape.lba(command.cdbView);
  const count = shape.count(command.cdbView);
  if (!isInRange(command, medium, lba, count)) return false;
  if (count > medium.transferBlocksMax) {
    invalidFieldInCdb(command, shape.countAt);
    return false;
  }
  command.lba = lba;
  command.lbaCount = count;
  return true;
}
