import type { CommandSlot } from '../../shm/command-slot.js';
import type { StoreView } from '../../store/store.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';
import { cdb10, cdb12, cdb16, type ExtentCdb, planExtent } from './extent.js';
import { endWithReadFault } from './medium-fault.js';
import { SCRATCH_BYTES, threadScratch } from './scratch.js';

/** Byte 1: VRPROTECT . DPO . Reserved . BYTCHK (2 bits) . Reserved. VRPROTECT must be zero. */
const VERIFY_FLAGS = 0x16;
const BYTCHK_AT = 1;
const BYTCHK_BIT = 2;
/** What is compared with the medium, SBC-3 "VERIFY (10) command". */
const ByteCheck = { nothing: 0b00, everyByte: 0b01, reserved: 0b10, oneBlock: 0b11 } as const;

function byteCheckOf(command: CommandSlot): number {
  return ((command.cdb[BYTCHK_AT] as number) >> 1) & 0b11;
}

function verifyRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `VERIFY (${shape.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'read',
    opcode,
    name,
    clause: `SBC-3 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: shape.usage(opcode, VERIFY_FLAGS),
    plan(command, medium) {
      const byteCheck = byteCheckOf(command);
      if (byteCheck === ByteCheck.reserved) return invalidFieldInCdb(command, BYTCHK_AT, BYTCHK_BIT);
      if (!planExtent(command, medium, shape)) return;
      if (byteCheck === ByteCheck.everyByte) command.plannedDataOutLength = command.lbaCount * medium.blockLengthBytes;
      if (byteCheck === ByteCheck.oneBlock && command.lbaCount > 0) command.plannedDataOutLength = medium.blockLengthBytes;
    },
    execute: executeVerify,
  };
}

export const verifyRows: readonly MediumCommandRow[] = [verifyRow(0x2f, cdb10), verifyRow(0xaf, cdb12), verifyRow(0x8f, cdb16)];

/** Reads the extent piece by piece and compares it with the Data-Out that has arrived, if the CDB asks for that. */
function executeVerify(command: CommandSlot, medium: Medium): void {
  const byteCheck = byteCheckOf(command);
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  // Without a whole block there is nothing to hold the blocks of the medium against.
  if (byteCheck === ByteCheck.oneBlock && arrivedBytes < medium.blockLengthBytes) return;
  const lengthBytes = byteCheck === ByteCheck.everyByte ? arrivedBytes : command.lbaCount * medium.blockLengthBytes;
  for (let done = 0; done < lengthBytes; done += SCRATCH_BYTES) {
    const pieceBytes = Math.min(lengthBytes - done, SCRATCH_BYTES);
    const piece = showPiece(medium, command.lba * medium.blockLengthBytes + done, pieceBytes);
    if (piece === null) {
      endWithReadFault(command, command.lba + Math.floor(done / medium.blockLengthBytes));
      return;
    }
    if (byteCheck === ByteCheck.nothing) continue;
    const at = findMiscompare(command, piece, pieceBytes, done, arrivedBytes);
    // SBC-3 wants the offset in the Data-Out Buffer, also when that is one block for all.
    if (at >= 0) {
      checkCondition(command, SenseKey.miscompare, Asc.miscompareDuringVerify, { information: at });
      return;
    }
  }
}

/** Bytes of the medium in the store's own memory or in the thread's scratch, or null after a fault. */
function showPiece(medium: Medium, position: number, lengthBytes: number): StoreView | null {
  const view = medium.store.view(position, lengthBytes);
  if (view !== null) return view;
  const scratch = threadScratch();
  const wholeBytes = Math.ceil(lengthBytes / medium.blockLengthBytes) * medium.blockLengthBytes;
  return medium.store.read(scratch, 0, wholeBytes, position) < 0 ? null : { bytes: scratch, offset: 0 };
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

function firstDifference(left: Uint8Array, right: Uint8Array): number {
  let at = 0;
  while (left[at] === right[at]) at++;
  return at;
}
