import { PROTECTION_LENGTH_BYTES } from '../../store/protected-store.js';
import { writeUint64 } from '../cdb.js';
import { VARIABLE_LENGTH_OPCODE, VARIABLE_LENGTH_SERVICE_ACTION_AT } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { ScsiStatus } from '../status.js';
import type { InternalOutcome } from '../unit-host.js';
import { CDB_32_FLAGS_AT, CDB_32_LENGTH } from './variable-length.js';

/* Medium commands that a logical unit gives itself. */

const SYNCHRONIZE_CACHE_16 = 0x91;
const WRITE_16 = 0x8a;
const READ_16 = 0x88;
const UNMAP = 0x42;
const CDB_16_LENGTH = 16;
const WRITE_32_ACTION = 0x0b;
/** WRPROTECT 011b: protection information comes with the blocks and is not checked. */
const UNCHECKED_BITS = 0b011 << 5;
const LBA_AT = 2;
const COUNT_AT = 10;
const UNMAP_CDB_LENGTH = 10;
const UNMAP_LIST_LENGTH = 24;
const UNMAP_DESCRIPTOR_AT = 8;
const UNMAP_DESCRIPTOR_LENGTH = 16;
/** Of the memory that all commands share, work in the background takes no more at a time. */
const TRANSFER_BYTES_MAX = 1024 * 1024;

function cdb16(opcode: number, lba: number, count: number): Uint8Array {
  const cdb = new Uint8Array(CDB_16_LENGTH);
  const view = new DataView(cdb.buffer);
  cdb[0] = opcode;
  writeUint64(view, LBA_AT, lba);
  view.setUint32(COUNT_AT, count);
  return cdb;
}

/** SYNCHRONIZE CACHE (16) of the whole medium. */
export function synchronizeMedium(unit: LogicalUnit): Promise<InternalOutcome> {
  return unit.host.io.execute(cdb16(SYNCHRONIZE_CACHE_16, 0, 0));
}

/** READ (16). At most as many blocks as `transferBlocksOf` answers. */
export function readBlocks(unit: LogicalUnit, lba: number, count: number): Promise<InternalOutcome> {
  return unit.host.io.execute(cdb16(READ_16, lba, count));
}

/** How many blocks one command from within moves at most. */
export function transferBlocksOf(unit: LogicalUnit): number {
  const { medium } = unit;
  return medium === null ? 1 : Math.max(1, Math.min(medium.transferBlocksMax, Math.floor(TRANSFER_BYTES_MAX / medium.blockLengthBytes)));
}

/** As many of this block behind each other as one command from within writes. */
export function repeatBlock(unit: LogicalUnit, block: Uint8Array): Uint8Array {
  const data = new Uint8Array(transferBlocksOf(unit) * block.length);
  for (let at = 0; at < data.length; at += block.length) data.set(block, at);
  return data;
}

/** A block as `writeRepeated` wants it: with protection information that disables its checks, where the medium has any. SBC-3 "FORMAT UNIT command". */
export function transferredBlock({ medium }: LogicalUnit, block: Uint8Array): Uint8Array {
  if (medium === null || medium.protection === null) return block;
  const transferred = new Uint8Array(block.length + PROTECTION_LENGTH_BYTES).fill(0xff);
  transferred.set(block);
  return transferred;
}

function writeCdb({ medium }: LogicalUnit, lba: number, count: number): Uint8Array {
  const protectionType = medium?.protection?.type ?? 0;
  if (protectionType !== 2) {
    const cdb = cdb16(WRITE_16, lba, count);
    if (protectionType !== 0) cdb[1] = UNCHECKED_BITS;
    return cdb;
  }
  // Blocks with protection of type 2 come by this command alone.
  const cdb = new Uint8Array(CDB_32_LENGTH);
  const view = new DataView(cdb.buffer);
  cdb[0] = VARIABLE_LENGTH_OPCODE;
  cdb[7] = CDB_32_LENGTH - 8;
  view.setUint16(VARIABLE_LENGTH_SERVICE_ACTION_AT, WRITE_32_ACTION);
  cdb[CDB_32_FLAGS_AT] = UNCHECKED_BITS;
  writeUint64(view, 12, lba);
  view.setUint32(28, count);
  return cdb;
}

/** Writes the data of `repeatBlock` to so many logical blocks, by as many commands as it takes; answers the first outcome that is not GOOD, or the last. */
export async function writeRepeated(unit: LogicalUnit, data: Uint8Array, transferBlockBytes: number, lba: number, count: number): Promise<InternalOutcome> {
  const step = data.length / transferBlockBytes;
  for (let done = 0; ; done += step) {
    const blocks = Math.min(step, count - done);
    const outcome = await unit.host.io.execute(writeCdb(unit, lba + done, blocks), data.subarray(0, blocks * transferBlockBytes));
    if (outcome.status !== ScsiStatus.good || done + blocks === count) return outcome;
  }
}

/** UNMAP of one range. */
export function unmapBlocks(unit: LogicalUnit, lba: number, count: number): Promise<InternalOutcome> {
  const cdb = new Uint8Array(UNMAP_CDB_LENGTH);
  cdb[0] = UNMAP;
  new DataView(cdb.buffer).setUint16(7, UNMAP_LIST_LENGTH);
  const list = new Uint8Array(UNMAP_LIST_LENGTH);
  const view = new DataView(list.buffer);
  view.setUint16(0, UNMAP_LIST_LENGTH - 2);
  view.setUint16(2, UNMAP_DESCRIPTOR_LENGTH);
  writeUint64(view, UNMAP_DESCRIPTOR_AT, lba);
  view.setUint32(UNMAP_DESCRIPTOR_AT + 8, count);
  return unit.host.io.execute(cdb, list);
}
