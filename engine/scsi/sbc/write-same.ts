import type { CommandSlot } from '../../shm/command-slot.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';
import { cdb10, cdb16, type ExtentFields, isInRange } from './extent.js';
import { endWithWriteFault } from './medium-fault.js';
import { scratchBytesOf, threadScratch } from './scratch.js';
import { supportsAnchor, unmapRange } from './unmap-range.js';
import { CDB_32_FLAGS_AT, cdb32, cdb32Row, ignoredTags } from './variable-length.js';
import { isWriteThrough, writeBlocks } from './write.js';

/** Flags: WRPROTECT . ANCHOR . UNMAP . two obsolete bits . NDOB, which the 10-byte form does not have. */
const ANCHOR_BIT = 0x10;
const ANCHOR_BIT_NUMBER = 4;
export const UNMAP_BIT = 0x08;
const UNMAP_BIT_NUMBER = 3;
export const NO_DATA_OUT_BIT = 0x01;
const FLAGS_10 = ANCHOR_BIT | UNMAP_BIT;
const FLAGS = FLAGS_10 | NO_DATA_OUT_BIT;
const FLAGS_AT = 1;

type RowOfForm = Pick<MediumCommandRow, 'opcode' | 'serviceAction' | 'cdbLength' | 'cdbUsage' | 'cdbIgnored'>;

function writeSameRow(flagsAt: number, shape: ExtentFields, form: RowOfForm): MediumCommandRow {
  const name = `WRITE SAME (${form.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'write',
    reservation: 'write',
    name,
    clause: `SBC-3 "${name} command"`,
    ...form,
    plan: (command, medium) => planWriteSame(command, medium, shape, flagsAt, medium.blockLengthBytes),
    isDurable: isWriteThrough,
    storeBytes: (command, medium) => command.lbaCount * medium.blockLengthBytes,
    execute: (command, medium) => executeWriteSame(command, medium, command.cdb[flagsAt] as number),
  };
}

export const writeSameRows: readonly MediumCommandRow[] = [
  writeSameRow(FLAGS_AT, cdb10, { opcode: 0x41, cdbLength: 10, cdbUsage: cdb10.usage(0x41, FLAGS_10) }),
  writeSameRow(FLAGS_AT, cdb16, { opcode: 0x93, cdbLength: 16, cdbUsage: cdb16.usage(0x93, FLAGS) }),
  writeSameRow(CDB_32_FLAGS_AT, cdb32, { ...cdb32Row(0x000d, FLAGS), cdbIgnored: ignoredTags }),
];

/** `transferBlockBytes` is what a logical block takes in Data-Out. */
export function planWriteSame(command: CommandSlot, medium: Medium, shape: ExtentFields, flagsAt: number, transferBlockBytes: number): void {
  const flags = command.cdb[flagsAt] as number;
  // SBC-3: ANCHOR says how to unmap. Without management of provisioning (LBPME is 0) there is nothing to ask for.
  if ((flags & UNMAP_BIT) === 0 && (flags & ANCHOR_BIT) !== 0) {
    invalidFieldInCdb(command, flagsAt, ANCHOR_BIT_NUMBER);
    return;
  }
  if ((flags & UNMAP_BIT) !== 0 && !medium.thin) {
    invalidFieldInCdb(command, flagsAt, UNMAP_BIT_NUMBER);
    return;
  }
  // SBC-3 "WRITE SAME (10) command": not with ANC_SUP 0.
  if ((flags & ANCHOR_BIT) !== 0 && !supportsAnchor(medium)) {
    invalidFieldInCdb(command, flagsAt, ANCHOR_BIT_NUMBER);
    return;
  }
  const lba = shape.lba(command.cdbView);
  const given = shape.count(command.cdbView);
  if (!isInRange(command, medium, lba, given)) return;
  // WSNZ is 0: no blocks stands for all from there on, of which there must be one.
  const count = given === 0 ? medium.blockCount - lba : given;
  if (count === 0) {
    checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange);
    return;
  }
  if (count > medium.writeSameBlocksMax) {
    invalidFieldInCdb(command, shape.countAt);
    return;
  }
  if ((flags & NO_DATA_OUT_BIT) === 0) {
    // Anything else than one block cannot be what the initiator means to write everywhere. No field of the CDB to point at.
    if (command.expectedDataOutLength !== transferBlockBytes) {
      checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb);
      return;
    }
    command.plannedDataOutLength = transferBlockBytes;
  }
  command.lba = lba;
  command.lbaCount = count;
}

/**
 * With UNMAP the blocks are unmapped whatever the block of Data-Out holds, as other targets do and initiators expect, who read zeros afterwards
 * (LBPRZ). SBC-3 would have a block of anything else than zeros written; no initiator is known to ask for both in one command.
 */
function executeWriteSame(command: CommandSlot, medium: Medium, flags: number): void {
  const { dataOut, dataOutStart } = command;
  const hasBlock = (flags & NO_DATA_OUT_BIT) === 0;
  if (hasBlock && command.dataOutLength < medium.blockLengthBytes) return;
  if ((flags & UNMAP_BIT) !== 0) {
    unmapBlocksOf(command, medium, flags);
    return;
  }
  const zeros = new Uint8Array(medium.blockLengthBytes);
  writeEverywhere(command, medium, hasBlock ? dataOut.subarray(dataOutStart, dataOutStart + medium.blockLengthBytes) : zeros);
}

export function unmapBlocksOf(command: CommandSlot, medium: Medium, flags: number): void {
  const anchor = (flags & ANCHOR_BIT) !== 0;
  unmapRange(command, medium, { lba: command.lba, lbaCount: command.lbaCount, anchor, durable: isWriteThrough(command) });
}

/** In pieces of the scratch memory, and with one flush for all where there is no write cache. */
function writeEverywhere(command: CommandSlot, medium: Medium, block: Uint8Array): void {
  const { blockLengthBytes } = medium;
  const stepCount = Math.min(command.lbaCount, scratchBytesOf(blockLengthBytes) / blockLengthBytes);
  const scratch = threadScratch();
  fillWith(scratch, block, stepCount * blockLengthBytes);
  for (let done = 0; done < command.lbaCount; done += stepCount) {
    const count = Math.min(stepCount, command.lbaCount - done);
    if (!writeBlocks(command, medium, scratch, 0, count * blockLengthBytes, command.lba + done, false)) return;
  }
  flushWhereThrough(command, medium);
}

/** One flush for all that was written, where there is no write cache. */
export function flushWhereThrough(command: CommandSlot, medium: Medium): void {
  const outcome = isWriteThrough(command) ? medium.store.flush() : 0;
  if (outcome < 0) endWithWriteFault(command, outcome, command.lba);
}

/** Doubles what is there, which is far quicker than one block after the other. */
export function fillWith(target: Uint8Array, block: Uint8Array, lengthBytes: number): void {
  target.set(block);
  for (let filled = block.length; filled < lengthBytes; filled *= 2) target.copyWithin(filled, 0, Math.min(filled, lengthBytes - filled));
}
