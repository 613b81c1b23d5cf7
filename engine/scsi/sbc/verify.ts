import type { CommandSlot } from '../../shm/command-slot.js';
import type { StoreView } from '../../store/store.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';
import { cdb10, cdb12, cdb16, type ExtentCdb, type ExtentFields, planExtent } from './extent.js';
import { endWithReadFault } from './medium-fault.js';
import { readUntilFault } from './read-until-fault.js';
import { scratchBytesOf, threadScratch } from './scratch.js';
import { CDB_32_FLAGS_AT, cdb32, cdb32Row, ignoredTags } from './variable-length.js';

/** Byte 1: VRPROTECT . DPO . Reserved . BYTCHK (2 bits) . Reserved. VRPROTECT must be zero. */
const VERIFY_FLAGS = 0x16;
const FLAGS_AT = 1;
/** The left-most bit of the BYTCHK field. */
export const BYTCHK_BIT = 2;
/** What is compared with the medium, SBC-3 "VERIFY (10) command". */
export const ByteCheck = { nothing: 0b00, everyByte: 0b01, reserved: 0b10, oneBlock: 0b11 } as const;

export function byteCheckOf(command: CommandSlot, flagsAt: number): number {
  return ((command.cdb[flagsAt] as number) >> 1) & 0b11;
}

function planVerify(command: CommandSlot, medium: Medium, shape: ExtentFields, flagsAt: number): void {
  const byteCheck = byteCheckOf(command, flagsAt);
  if (byteCheck === ByteCheck.reserved) {
    invalidFieldInCdb(command, flagsAt, BYTCHK_BIT);
    return;
  }
  if (!planExtent(command, medium, shape)) return;
  if (byteCheck === ByteCheck.everyByte) command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
  if (byteCheck === ByteCheck.oneBlock && command.lbaCount > 0) command.plannedDataOutLength = medium.blockLengthBytes;
}

function verifyRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `VERIFY (${shape.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'read',
    reservation: 'read',
    opcode,
    name,
    clause: `SBC-3 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: shape.usage(opcode, VERIFY_FLAGS),
    plan: (command, medium) => planVerify(command, medium, shape, FLAGS_AT),
    execute: (command, medium) => executeVerify(command, medium, byteCheckOf(command, FLAGS_AT)),
  };
}

/** VERIFY (32): as free of protection information as READ (32). */
const verify32Row: MediumCommandRow = {
  runsOn: 'any',
  mediumAccess: 'read',
  reservation: 'read',
  name: 'VERIFY (32)',
  clause: 'SBC-3 "VERIFY (32) command"',
  ...cdb32Row(0x000a, VERIFY_FLAGS),
  cdbIgnored: ignoredTags,
  plan: (command, medium) => planVerify(command, medium, cdb32, CDB_32_FLAGS_AT),
  execute: (command, medium) => executeVerify(command, medium, byteCheckOf(command, CDB_32_FLAGS_AT)),
};

export const verifyRows: readonly MediumCommandRow[] = [verifyRow(0x2f, cdb10), verifyRow(0xaf, cdb12), verifyRow(0x8f, cdb16), verify32Row];

/** Reads the extent and compares it with the Data-Out that has arrived, if the CDB asks for that. */
function executeVerify(command: CommandSlot, medium: Medium, byteCheck: number): void {
  const { blockLengthBytes } = medium;
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  // Without a whole block there is nothing to hold the blocks of the medium against.
  if (byteCheck === ByteCheck.oneBlock && arrivedBytes < blockLengthBytes) return;
  const lengthBytes = byteCheck === ByteCheck.everyByte ? arrivedBytes : command.lbaCount * blockLengthBytes;
  verifyBlocks(command, medium, lengthBytes, byteCheck === ByteCheck.nothing ? 0 : arrivedBytes);
}

/**
 * Reads `lengthBytes` from the command's LBA on, piece by piece, and compares them with the first `periodBytes` of Data-Out, over
 * and over; 0 compares nothing. A fault or a difference ends the command.
 */
export function verifyBlocks(command: CommandSlot, medium: Medium, lengthBytes: number, periodBytes: number): void {
  const { blockLengthBytes } = medium;
  const stepBytes = scratchBytesOf(blockLengthBytes);
  for (let done = 0; done < lengthBytes; done += stepBytes) {
    const wantedBytes = Math.min(lengthBytes - done, stepBytes);
    const lba = command.lba + done / blockLengthBytes;
    const piece = showPiece(medium, lba, wantedBytes);
    const pieceBytes = Math.min(wantedBytes, piece.readCount * blockLengthBytes);
    // What can be read is compared before what cannot is reported: the lower address comes first.
    const at = periodBytes === 0 ? -1 : findMiscompare(command, piece, pieceBytes, done, periodBytes);
    // SBC-3 wants the offset in the Data-Out Buffer, also when that is one block for all.
    if (at >= 0) checkCondition(command, SenseKey.miscompare, Asc.miscompareDuringVerify, { information: at });
    else if (pieceBytes < wantedBytes) endWithReadFault(command, lba + piece.readCount, 0);
    else continue;
    return;
  }
}

export interface MediumPiece extends StoreView {
  /** Whole blocks that are there. */
  readonly readCount: number;
}

/** Blocks of the medium in the store's own memory or in the thread's scratch, up to the first that cannot be read. */
export function showPiece(medium: Medium, lba: number, lengthBytes: number): MediumPiece {
  const lbaCount = Math.ceil(lengthBytes / medium.blockLengthBytes);
  const view = medium.store.view(lba * medium.blockLengthBytes, lengthBytes);
  if (view !== null) return { bytes: view.bytes, offset: view.offset, readCount: lbaCount };
  const scratch = threadScratch();
  return { bytes: scratch, offset: 0, readCount: readUntilFault(medium, scratch, 0, lba, lbaCount) };
}

/** The offset in Data-Out of the first byte that differs, or -1. Data-Out is repeated after `periodBytes`. */
function findMiscompare(command: CommandSlot, piece: StoreView, pieceBytes: number, done: number, periodBytes: number): number {
  let compared = 0;
  while (compared < pieceBytes) {
    const at = (done + compared) % periodBytes;
    const runBytes = Math.min(pieceBytes - compared, periodBytes - at);
    const expected = command.dataOut.subarray(command.dataOutStart + at, command.dataOutStart + at + runBytes);
    const actual = piece.bytes.subarray(piece.offset + compared, piece.offset + compared + runBytes);
    if (Buffer.compare(expected, actual) !== 0) return at + firstDifference(expected, actual);
    compared += runBytes;
  }
  return -1;
}

export function firstDifference(left: Uint8Array, right: Uint8Array): number {
  let at = 0;
  while (left[at] === right[at]) at++;
  return at;
}
