import { ALL_BITS, CONTROL_UNUSED, readUint64 } from '../cdb.js';
import { VARIABLE_LENGTH_OPCODE } from '../command-table.js';
import { allBits, type ExtentFields, GROUP_NUMBER_BITS } from './extent.js';

/*
 * The 32-byte commands of SBC-3, each a service action of the opcode 7Fh.
 *
 *     0| 0x7f | Control | Reserved (4)                | . Group | Additional CDB Length 0x18 |
 *     8| Service Action (2) | Flags | Reserved        | LBA (8)
 *    20| Expected Initial Logical Block Reference Tag (4)
 *    24| Expected Logical Block Application Tag (2)   | Logical Block Application Tag Mask (2)
 *    28| Transfer Length (4)                                                                  |
 */
export const CDB_32_LENGTH = 32;
/** Flags stand here as they do in byte 1 of the shorter forms. */
export const CDB_32_FLAGS_AT = 10;
const TAGS_AT = 20;
const TAGS_LENGTH = 8;

export const cdb32: ExtentFields = {
  lba: (cdb) => readUint64(cdb, 12),
  count: (cdb) => cdb.getUint32(28),
  countAt: 28,
};

/** What the rows of all 32-byte commands have in common; `flags` are the bits of byte 10 that the command evaluates. */
export function cdb32Row(serviceAction: number, flags: number) {
  const additionalLengthAndAction = [ALL_BITS, serviceAction >> 8, serviceAction & 0xff];
  const head = [VARIABLE_LENGTH_OPCODE, CONTROL_UNUSED, 0, 0, 0, 0, GROUP_NUMBER_BITS, ...additionalLengthAndAction, flags, 0];
  return {
    opcode: VARIABLE_LENGTH_OPCODE,
    serviceAction,
    cdbLength: CDB_32_LENGTH,
    cdbUsage: [...head, ...allBits(8), ...new Array<number>(TAGS_LENGTH).fill(0), ...allBits(4)],
  } as const;
}

/**
 * The tags say what protection information to expect. A unit without any is not to check them: they may hold anything.
 * SBC-3 "READ (32) command", EXPECTED INITIAL LOGICAL BLOCK REFERENCE TAG and the fields behind it.
 */
export const ignoredTags: readonly number[] = Array.from({ length: CDB_32_LENGTH }, (_, at) => (at >= TAGS_AT && at < TAGS_AT + TAGS_LENGTH ? ALL_BITS : 0));
