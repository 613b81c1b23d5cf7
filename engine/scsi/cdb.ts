import type { CommandSlot } from '../shm/command-slot.js';
import { type CommandEntry, type CommandRow, legalBitsOf } from './command-table.js';
import { invalidFieldInCdb } from './sense.js';

/** NACA of the CONTROL byte, SAM-5 §5.2: a CHECK CONDITION establishes an ACA condition. */
const NACA_BIT = 0x04;
/** Where fixed-length CDBs have their CONTROL byte, by the group code of the opcode; -1 where there is none. SPC-4 "OPERATION CODE field". */
const CONTROL_AT_OF_GROUP = [5, 9, 9, 1, 15, 11, -1, -1] as const;
const GROUP_CODE_SHIFT = 5;

/** Whether the CDB has NACA set. Of group 3 only CDBs of variable length and extended ones are in use, which have their CONTROL byte second. */
export function isNacaSet(cdb: Uint8Array): boolean {
  const at = CONTROL_AT_OF_GROUP[(cdb[0] as number) >> GROUP_CODE_SHIFT] as number;
  return at !== -1 && ((cdb[at] as number) & NACA_BIT) !== 0;
}

/** Every bit of a byte, in CDB usage data. */
export const ALL_BITS = 0xff;
/** CDB usage data of a CONTROL byte of which the command itself uses nothing: NACA concerns the task set, whatever the command. */
export const CONTROL_UNUSED = NACA_BIT;

const TWO_TO_THE_32 = 0x1_0000_0000;
const WORD_BYTES = 4;

/** A three-byte field. */
export function readUint24(view: DataView, at: number): number {
  return (view.getUint8(at) << 16) | view.getUint16(at + 1);
}

/** An eight-byte field as a number: exact up to 2^53, and beyond it still on the right side of every smaller number. */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at) * TWO_TO_THE_32 + view.getUint32(at + WORD_BYTES);
}

/** Writes a whole number below 2^53 into eight bytes. */
export function writeUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / TWO_TO_THE_32));
  view.setUint32(at + WORD_BYTES, value % TWO_TO_THE_32);
}

/** True when the CDB has a bit set that the row does not evaluate. A few nanoseconds. */
export function hasReservedBitSet(cdbView: DataView, entry: CommandEntry): boolean {
  const words = entry.reservedWords;
  let found = 0;
  for (let index = 0; index < words.length; index++) found |= cdbView.getInt32(index * WORD_BYTES) & (words[index] as number);
  return found !== 0;
}

/** Ends a command whose CDB has a reserved bit set: the field pointer names the first one. Devices may ignore reserved bits; a lab target should not. */
export function rejectReservedBit(command: CommandSlot, row: CommandRow): void {
  for (let at = 1; at < row.cdbLength; at++) {
    const excess = (command.cdb[at] as number) & ~legalBitsOf(row, at) & ALL_BITS;
    if (excess !== 0) {
      invalidFieldInCdb(command, at, highestBit(excess));
      return;
    }
  }
}

/** The number of the left-most bit that is set: what a BIT POINTER names, SPC-4 §4.5.2.4.2. */
function highestBit(byte: number): number {
  return 31 - Math.clz32(byte);
}

/**
 * Data-In of a command that ran on the main thread: `bytes`, which must be the command's own, cut to the allocation
 * length. SPC-4 "Allocation length": cutting is not an error.
 */
export function returnData(command: CommandSlot, bytes: Uint8Array, allocationLength: number): void {
  command.dataIn = bytes.length > allocationLength ? bytes.subarray(0, allocationLength) : bytes;
  command.dataInStart = 0;
  command.dataInFromStore = false;
  command.dataInLength = command.dataIn.length;
}

/** Writes printable ASCII, left-aligned and padded with spaces. SPC-4 §4.4.1. */
export function writeAscii(target: Uint8Array, at: number, lengthBytes: number, text: string): void {
  for (let index = 0; index < lengthBytes; index++) {
    const code = index < text.length ? text.charCodeAt(index) : SPACE;
    target[at + index] = code >= SPACE && code < DELETE ? code : SPACE;
  }
}

const SPACE = 0x20;
const DELETE = 0x7f;
