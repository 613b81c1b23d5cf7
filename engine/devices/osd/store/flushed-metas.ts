import { closeSync, existsSync, fdatasyncSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import { TargetError } from '../../../errors.js';

/**
 * LMDB begins with two meta pages; the newer one names the root of everything. Commits here do not wait for the disk, so that after a loss of power
 * the meta pages may name pages that never got there. Therefore the meta pages of the last flush are kept in a file of their own: put back, they name a
 * tree that is whole, as long as none of its pages was used again, which a read transaction on that snapshot sees to (metadata.ts).
 *
 *     0   8  magic "LLOSDMP1"
 *     8   8  sequence: the higher valid slot counts
 *    16  40  boot id of the system that wrote it, zero-padded
 *    56   4  pages that the environment's file had
 *    60   4  CRC-32 of bytes 0-59 and of the pages
 *    64   …  two pages
 *
 * Two slots, written in turn.
 */
const MAGIC = Buffer.from('LLOSDMP1', 'latin1');
const SEQUENCE_AT = 8;
const BOOT_AT = 16;
const BOOT_LENGTH = 40;
const PAGE_COUNT_AT = 56;
const CRC_AT = 60;
const PAGES_AT = 64;
export const PAGE_BYTES = 4096;
const PAGES_LENGTH = 2 * PAGE_BYTES;
const SLOT_LENGTH = 4 * PAGE_BYTES;
const SLOT_COUNT = 2;
const OWNER_ONLY = 0o600;
const isLittleEndian = endianness() === 'LE';

export class FlushedMetas {
  readonly #fd: number;
  readonly #boot: string;
  #sequence: bigint;

  /** Opens the file, or makes it. */
  constructor(path: string, boot: string) {
    this.#boot = boot;
    this.#sequence = existsSync(path) ? (newestSlot(readFileSync(path))?.sequence ?? 0n) : 0n;
    this.#fd = openSync(path, this.#sequence === 0n ? 'w+' : 'r+', OWNER_ONLY);
    // With its space from the start: a flush must be possible when there is none left, as only behind it space can be given back.
    if (this.#sequence === 0n) writeSync(this.#fd, Buffer.alloc(SLOT_COUNT * SLOT_LENGTH), 0, SLOT_COUNT * SLOT_LENGTH, 0);
  }

  /** Keeps the meta pages that the environment's file has now; all that they name must be on stable storage already. */
  save(environmentFd: number): void {
    const slot = Buffer.alloc(PAGES_AT + PAGES_LENGTH);
    const sequence = this.#sequence + 1n;
    MAGIC.copy(slot);
    slot.writeBigUInt64BE(sequence, SEQUENCE_AT);
    slot.write(this.#boot, BOOT_AT, BOOT_LENGTH, 'latin1');
    readSync(environmentFd, slot, PAGES_AT, PAGES_LENGTH, 0);
    slot.writeUInt32BE(Math.floor(fstatSync(environmentFd).size / PAGE_BYTES), PAGE_COUNT_AT);
    slot.writeUInt32BE(checksumOf(slot), CRC_AT);
    writeSync(this.#fd, slot, 0, slot.length, Number(sequence % BigInt(SLOT_COUNT)) * SLOT_LENGTH);
    fdatasyncSync(this.#fd);
    this.#sequence = sequence;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const HOW_ON = 'Nothing was changed; put a copy of the whole directory back';

/**
 * Puts the environment back to its last flush if the system was started anew since, and looks whether it can be opened at all: LMDB maps its file and
 * trusts it, so that one cut short would end the process. Before the environment is opened. Throws `TargetError` `OSD_CORRUPT`.
 * A process that was killed loses nothing of what it handed to the system, so that the newest state counts then.
 */
export function restoreAfterPowerLoss(metasPath: string, environmentPath: string, boot: string): void {
  const newest = newestSlot(readFileSync(metasPath));
  if (newest === null) throw new TargetError('OSD_CORRUPT', `${metasPath} is damaged: the metadata cannot be put back to what was flushed last. ${HOW_ON}`);
  if (!existsSync(environmentPath)) throw new TargetError('OSD_CORRUPT', `the metadata ${environmentPath} are missing. ${HOW_ON}`);
  const fd = openSync(environmentPath, 'r+');
  try {
    if (fstatSync(fd).size < newest.pageCount * PAGE_BYTES) throw new TargetError('OSD_CORRUPT', `the metadata ${environmentPath} were cut short. ${HOW_ON}`);
    if (newest.boot === boot) {
      checkMetas(fd, environmentPath);
      return;
    }
    writeSync(fd, newest.pages, 0, PAGES_LENGTH, 0);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Fields of LMDB's meta pages, behind the header of a page; in the order of the machine. */
const LMDB_MAGIC = 0xbeef_c0de;
const LMDB_MAGIC_AT = 24;
const LMDB_PAGE_BYTES_AT = 48;

function checkMetas(fd: number, path: string): void {
  const pages = Buffer.alloc(PAGES_LENGTH);
  readSync(fd, pages, 0, PAGES_LENGTH, 0);
  for (let at = 0; at < PAGES_LENGTH; at += PAGE_BYTES) {
    const word = (offset: number) => (isLittleEndian ? pages.readUInt32LE(at + offset) : pages.readUInt32BE(at + offset));
    if (word(LMDB_MAGIC_AT) === LMDB_MAGIC && word(LMDB_PAGE_BYTES_AT) === PAGE_BYTES) continue;
    throw new TargetError('OSD_CORRUPT', `the metadata ${path} are damaged, or of a machine with another order of bytes. ${HOW_ON}`);
  }
}

interface Slot {
  readonly sequence: bigint;
  readonly boot: string;
  readonly pageCount: number;
  readonly pages: Buffer;
}

function newestSlot(bytes: Buffer): Slot | null {
  let newest: Slot | null = null;
  for (let index = 0; index < SLOT_COUNT; index++) {
    const slot = bytes.subarray(index * SLOT_LENGTH, index * SLOT_LENGTH + PAGES_AT + PAGES_LENGTH);
    if (slot.length < PAGES_AT + PAGES_LENGTH || !slot.subarray(0, MAGIC.length).equals(MAGIC)) continue;
    if (checksumOf(slot) !== slot.readUInt32BE(CRC_AT)) continue;
    const sequence = slot.readBigUInt64BE(SEQUENCE_AT);
    if (newest !== null && newest.sequence > sequence) continue;
    const boot = slot.toString('latin1', BOOT_AT, BOOT_AT + BOOT_LENGTH).replace(/\0+$/, '');
    newest = { sequence, boot, pageCount: slot.readUInt32BE(PAGE_COUNT_AT), pages: slot.subarray(PAGES_AT) };
  }
  return newest;
}

function checksumOf(slot: Buffer): number {
  return crc32(slot.subarray(PAGES_AT, PAGES_AT + PAGES_LENGTH), crc32(slot.subarray(0, CRC_AT)));
}

/** Empty where the system has none: then it always counts as the same, and what was not flushed may be damaged by a loss of power. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
