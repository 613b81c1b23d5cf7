import type { CommandSlot } from '../shm/command-slot.js';
import { invalidFieldInCdb } from './sense.js';

/**
 * Longest parameter list of a unit command; bytes. Longer ones are refused by their length field: MODE SELECT, PERSISTENT RESERVE OUT, UNMAP and EXTENDED
 * COPY have lists of a few kilobytes.
 */
export const PARAMETER_LIST_LENGTH_MAX = 256 * 1024;

/**
 * In `plan`: asks for a parameter list of the length that the CDB tells at `lengthAt`. False when the command has ended, because no list is that long.
 */
export function planParameterList(command: CommandSlot, lengthBytes: number, lengthAt: number): boolean {
  if (lengthBytes > PARAMETER_LIST_LENGTH_MAX) {
    invalidFieldInCdb(command, lengthAt);
    return false;
  }
  command.plannedDataOutLength = lengthBytes;
  return true;
}

/**
 * In `execute`: the parameter list as it came, in memory of its own that may be kept: where it arrived other data will lie soon. It is shorter than planned
 * where the initiator sent less.
 */
export function parameterListOf(command: CommandSlot): Uint8Array {
  // Not `slice`, which copies nothing of a Buffer.
  return new Uint8Array(command.dataOut.subarray(command.dataOutStart, command.dataOutStart + command.dataOutLength));
}
