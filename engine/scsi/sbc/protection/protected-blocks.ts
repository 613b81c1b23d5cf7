import { BufferArena } from '../../../shm/buffer-arena.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import { BLOCK_LENGTH_BYTES_MIN } from '../../../store/range.js';
import type { Medium } from '../../medium.js';
import { checkCondition, SenseKey } from '../../sense.js';
import { endWithReadFault, endWithWriteFault } from '../medium-fault.js';
import { readUntilFault } from '../read-until-fault.js';
import { SCRATCH_BYTES, scratchBytesOf, threadScratch } from '../scratch.js';
import { protectionOf } from './protect-field.js';
import { type BlockRun, findProtectionFault, generateProtection, interleaved, type ProtectionChecks } from './protection-checks.js';

const PROTECTION_SCRATCH_BYTES = (SCRATCH_BYTES / BLOCK_LENGTH_BYTES_MIN) * PROTECTION_LENGTH_BYTES;

let presentProtection: Uint8Array | undefined;
let incomingProtection: Uint8Array | undefined;
let incomingData: Uint8Array | undefined;

/** Memory of this thread for the protection information of as many blocks as `threadScratch` holds. */
export function threadProtectionScratch(): Uint8Array {
  presentProtection ??= new Uint8Array(PROTECTION_SCRATCH_BYTES);
  return presentProtection;
}

/** The same for what is on its way to the medium, as some commands need both at a time. */
export function incomingProtectionScratch(): Uint8Array {
  incomingProtection ??= new Uint8Array(PROTECTION_SCRATCH_BYTES);
  return incomingProtection;
}

/** Memory of this thread for the user data of a piece on its way to the medium. Page-aligned, as stores with O_DIRECT ask for it. */
export function incomingScratch(): Uint8Array {
  incomingData ??= new BufferArena(SCRATCH_BYTES, SCRATCH_BYTES).bytes;
  return incomingData;
}

/** Blocks of one piece. */
export function pieceBlocksOf({ blockLengthBytes }: Medium): number {
  return scratchBytesOf(blockLengthBytes) / blockLengthBytes;
}

/** Blocks that lie one behind the other in `data`, and their protection information likewise. */
export function apart(medium: Medium, data: Uint8Array, dataStart: number, protection: Uint8Array): BlockRun {
  return {
    data,
    dataStart,
    dataStride: medium.blockLengthBytes,
    protection,
    protectionStart: 0,
    protectionStride: PROTECTION_LENGTH_BYTES,
  };
}

/**
 * Reads a piece of the command's blocks, from the `offset`-th on, into the thread's two scratches and checks it, unless `checks` is null. Answers how many
 * blocks come before the first that cannot be read or fails a check, and has ended the command where that is not all.
 */
export function readPiece(command: CommandSlot, medium: Medium, offset: number, count: number, checks: ProtectionChecks | null): number {
  const lba = command.lba + offset;
  const scratch = threadScratch();
  const protection = threadProtectionScratch();
  const { store } = protectionOf(medium);
  const readCount = readUntilFault(medium, scratch, 0, lba, count);
  if (store.readProtection(protection, 0, lba, readCount) < 0) {
    endWithReadFault(command, lba, 0);
    return 0;
  }
  const fault = checks === null ? null : findProtectionFault(apart(medium, scratch, 0, protection), medium.blockLengthBytes, offset, readCount, checks);
  if (fault !== null) {
    checkCondition(command, SenseKey.abortedCommand, fault.asc, { information: lba + fault.index });
    return fault.index;
  }
  if (readCount < count) endWithReadFault(command, lba + readCount, 0);
  return readCount;
}

/** Holds blocks of Data-Out, from `at` bytes behind its start on, against what they are to be; false when one has ended the command. */
export function checkDataOut(command: CommandSlot, medium: Medium, at: number, count: number, checks: ProtectionChecks): boolean {
  const run = interleaved(command.dataOut, command.dataOutStart + at, medium.blockLengthBytes);
  const fault = findProtectionFault(run, medium.blockLengthBytes, 0, count, checks);
  if (fault === null) return true;
  checkCondition(command, SenseKey.abortedCommand, fault.asc, { information: command.lba + fault.index });
  return false;
}

/** Takes blocks of Data-Out apart, into the thread's memory for what is on its way to the medium. */
function takeApart(command: CommandSlot, medium: Medium, at: number, count: number): BlockRun {
  const { blockLengthBytes } = medium;
  const scratch = incomingScratch();
  const protection = incomingProtectionScratch();
  let from = command.dataOutStart + at;
  for (let index = 0; index < count; index++) {
    scratch.set(command.dataOut.subarray(from, from + blockLengthBytes), index * blockLengthBytes);
    from += blockLengthBytes;
    protection.set(command.dataOut.subarray(from, from + PROTECTION_LENGTH_BYTES), index * PROTECTION_LENGTH_BYTES);
    from += PROTECTION_LENGTH_BYTES;
  }
  return apart(medium, scratch, 0, protection);
}

/** Blocks of Data-Out that come alone, with protection information made for them. */
function makeProtection(command: CommandSlot, medium: Medium, at: number, lba: number, count: number): BlockRun {
  const run = apart(medium, command.dataOut, command.dataOutStart + at, incomingProtectionScratch());
  generateProtection(run, medium, lba, count);
  return run;
}

/** Writes a piece of blocks that lie one behind the other, as their protection information does; false when a fault has ended the command. */
export function writePiece(command: CommandSlot, medium: Medium, run: BlockRun, lba: number, count: number, durable: boolean): boolean {
  const outcome = protectionOf(medium).store.writeProtected(run, lba, count, durable);
  if (outcome >= 0) return true;
  endWithWriteFault(command, outcome, lba);
  return false;
}

/** Which whole blocks of Data-Out are written, and how they came. */
export interface Incoming {
  /** Bytes behind the start of Data-Out. */
  readonly at: number;
  /** Where they go, in blocks behind the command's LBA. */
  readonly offset: number;
  readonly count: number;
  /** With protection information behind each. */
  readonly isProtected: boolean;
}

/** Writes whole blocks of Data-Out, which were checked before; false when a fault has ended the command. */
export function writeIncoming(command: CommandSlot, medium: Medium, { at, offset, count, isProtected }: Incoming, durable: boolean): boolean {
  const { blockLengthBytes } = medium;
  const stepCount = pieceBlocksOf(medium);
  const unitBytes = blockLengthBytes + (isProtected ? PROTECTION_LENGTH_BYTES : 0);
  for (let done = 0; done < count; done += stepCount) {
    const pieceCount = Math.min(stepCount, count - done);
    const lba = command.lba + offset + done;
    const from = at + done * unitBytes;
    const run = isProtected ? takeApart(command, medium, from, pieceCount) : makeProtection(command, medium, from, lba, pieceCount);
    if (!writePiece(command, medium, run, lba, pieceCount, durable)) return false;
  }
  return true;
}
