import type { CommandSlot } from '../../shm/command-slot.js';
import type { BackingStore } from '../../store/store.js';
import { ALL_BITS, CONTROL_UNUSED, readUint64 } from '../cdb.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { invalidFieldInCdb } from '../sense.js';
import { allBits, GROUP_NUMBER_BITS, isInRange } from './extent.js';
import { endWithWriteFault } from './medium-fault.js';
import { executeWrite, isForced, wholeBlocksArrived } from './write.js';

/*
 * WRITE ATOMIC (16), SBC-4 "WRITE ATOMIC (16) command".
 *
 *     0| 0x9c | WRPROTECT . DPO . FUA . Reserved (3) | LBA (8) |
 *    10| Atomic Boundary (2) | Transfer Length (2)   | . Group | Control |
 */
const WRITE_ATOMIC_FLAGS = 0x18;
const WRITE_ATOMIC_FUA_BIT = 0x08;
const FLAGS_AT = 1;
const LBA_AT = 2;
const BOUNDARY_AT = 10;
const COUNT_AT = 12;
const COUNT_MAX = 0xffff;

/** What the Block Limits VPD page tells of atomic writes, SBC-4; in logical blocks. */
export interface AtomicLimits {
  readonly transferBlocksMax: number;
  /** Of the LBA and of the length. */
  readonly granularityBlocks: number;
  readonly boundaryBlocksMax: number;
}

/** Where files have no redo, a write that the system is asked for is whole within a page of memory: it stops for a signal between two of them only. */
const PAGE_BYTES = 4096;

/**
 * What stays whole when the process is killed in the middle of it. Part of a physical block is not written without the rest of it. Zeros for a medium
 * that can promise nothing.
 */
export function atomicLimitsOf(medium: Medium): AtomicLimits {
  const physicalBlocks = 2 ** medium.physicalBlockExponent;
  const pageBlocks = PAGE_BYTES % medium.blockLengthBytes === 0 ? PAGE_BYTES / medium.blockLengthBytes : 0;
  const isBounded = isWholeByPage(medium.store);
  const granularityBlocks = isBounded ? Math.max(physicalBlocks, pageBlocks) : physicalBlocks;
  const most = Math.min(COUNT_MAX, medium.transferBlocksMax, isBounded ? pageBlocks : COUNT_MAX);
  const transferBlocksMax = most - (most % granularityBlocks);
  return { transferBlocksMax, granularityBlocks, boundaryBlocksMax: transferBlocksMax };
}

/** It outlives the process, and has no way of its own to keep longer writes whole. */
function isWholeByPage(store: BackingStore): boolean {
  return store.durability !== 'none' && store.atomicWrites === undefined;
}

/**
 * Whole to every other command, because it holds its range alone, and to crashes by the store. With an ATOMIC BOUNDARY the pieces could be apart; they
 * are not.
 */
export const writeAtomicRow: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'write',
  reservation: 'write',
  opcode: 0x9c,
  name: 'WRITE ATOMIC (16)',
  clause: 'SBC-4 "WRITE ATOMIC (16) command"',
  cdbLength: 16,
  cdbUsage: [0x9c, WRITE_ATOMIC_FLAGS, ...allBits(8), ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, GROUP_NUMBER_BITS, CONTROL_UNUSED],
  plan: planWriteAtomic,
  isDurable: (command) => isForced(command, FLAGS_AT, WRITE_ATOMIC_FUA_BIT),
  execute: executeWriteAtomic,
};

function planWriteAtomic(command: CommandSlot, medium: Medium): void {
  const lba = readUint64(command.cdbView, LBA_AT);
  const count = command.cdbView.getUint16(COUNT_AT);
  const boundary = command.cdbView.getUint16(BOUNDARY_AT);
  const { transferBlocksMax, granularityBlocks, boundaryBlocksMax } = atomicLimitsOf(medium);
  if (!isInRange(command, medium, lba, count)) return;
  if (lba % granularityBlocks !== 0) {
    invalidFieldInCdb(command, LBA_AT);
    return;
  }
  if (boundary % granularityBlocks !== 0 || boundary > boundaryBlocksMax) {
    invalidFieldInCdb(command, BOUNDARY_AT);
    return;
  }
  if (count % granularityBlocks !== 0 || count > transferBlocksMax) {
    invalidFieldInCdb(command, COUNT_AT);
    return;
  }
  const lengthBytes = count * medium.blockLengthBytes;
  // An initiator that sends less than its CDB says would have part of it written.
  if (command.expectedDataOutLength < lengthBytes) {
    invalidFieldInCdb(command, COUNT_AT);
    return;
  }
  command.lba = lba;
  command.lbaCount = count;
  command.plannedDataOutLength = lengthBytes;
}

function executeWriteAtomic(command: CommandSlot, medium: Medium): void {
  if (!takeSpace(command, medium)) return;
  const { atomicWrites } = medium.store;
  const lengthBytes = wholeBlocksArrived(command, medium);
  const positionBytes = command.lba * medium.blockLengthBytes;
  if (atomicWrites === undefined || isWithinPage(positionBytes, lengthBytes)) {
    executeWrite(command, medium, isForced(command, FLAGS_AT, WRITE_ATOMIC_FUA_BIT));
    return;
  }
  const outcome = atomicWrites.write(command.dataOut, command.dataOutStart, lengthBytes, positionBytes);
  if (outcome < 0) endWithWriteFault(command, outcome, command.lba);
}

function isWithinPage(positionBytes: number, lengthBytes: number): boolean {
  return (positionBytes % PAGE_BYTES) + lengthBytes <= PAGE_BYTES;
}

/** Space is taken before the first byte is written: a thin store that is full refuses all of it, which has ended the command then. */
export function takeSpace(command: CommandSlot, medium: Medium): boolean {
  const { provisioning } = medium.store;
  if (!medium.thin || provisioning === null || command.lbaCount === 0) return true;
  const outcome = provisioning.anchor(command.lba * medium.blockLengthBytes, command.lbaCount * medium.blockLengthBytes);
  if (outcome >= 0) return true;
  endWithWriteFault(command, outcome, command.lba);
  return false;
}
