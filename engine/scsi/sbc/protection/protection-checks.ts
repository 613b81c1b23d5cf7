import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import type { Medium, MediumProtection } from '../../medium.js';
import { Asc } from '../../sense.js';
import { crc16T10 } from './crc16.js';

/*
 * Protection information, SBC-3 "Protection information format". It follows its logical block where both travel.
 *
 *     0| LOGICAL BLOCK GUARD (2) | LOGICAL BLOCK APPLICATION TAG (2) | LOGICAL BLOCK REFERENCE TAG (4) |
 */
const APPLICATION_TAG_AT = 2;
const REFERENCE_TAG_AT = 4;
const ESCAPE_APPLICATION_TAG = 0xffff;
const ESCAPE_REFERENCE_TAG = 0xffffffff;
const TWO_TO_THE_32 = 0x1_0000_0000;

/** Where the blocks of a run and their protection information lie. */
export interface BlockRun {
  readonly data: Uint8Array;
  readonly dataStart: number;
  /** From one block to the next. */
  readonly dataStride: number;
  readonly protection: Uint8Array;
  readonly protectionStart: number;
  readonly protectionStride: number;
}

/** What the protection information of blocks is held against. */
export interface ProtectionChecks {
  readonly checksGuard: boolean;
  /** Of the first block of the command, and one more for each that follows; null where it is not checked or nobody knows it. */
  readonly referenceTag: number | null;
  readonly applicationTag: number;
  /** Bits of the application tag that are checked. */
  readonly applicationTagMask: number;
  /** Which type's value disables the checks of a block; 0 for what is on its way to the medium, where none does. */
  readonly escapesOf: 0 | MediumProtection['type'];
}

export interface ProtectionFault {
  /** Of the block, within the run. */
  readonly index: number;
  readonly asc: number;
}

/** The first block of `count` whose protection information is wrong; `offset` is what comes before the run within the command, in blocks. */
export function findProtectionFault(run: BlockRun, blockLengthBytes: number, offset: number, count: number, checks: ProtectionChecks): ProtectionFault | null {
  for (let index = 0; index < count; index++) {
    const asc = faultOfBlock(run, blockLengthBytes, index, offset + index, checks);
    if (asc !== 0) return { index, asc };
  }
  return null;
}

function faultOfBlock(run: BlockRun, blockLengthBytes: number, index: number, offset: number, checks: ProtectionChecks): number {
  const { protection } = run;
  const at = run.protectionStart + index * run.protectionStride;
  const applicationTag = readUint16(protection, at + APPLICATION_TAG_AT);
  const referenceTag = readUint32(protection, at + REFERENCE_TAG_AT);
  if (isEscape(applicationTag, referenceTag, checks.escapesOf)) return 0;
  if (checks.checksGuard && readUint16(protection, at) !== crc16T10(run.data, run.dataStart + index * run.dataStride, blockLengthBytes)) {
    return Asc.logicalBlockGuardCheckFailed;
  }
  if (((applicationTag ^ checks.applicationTag) & checks.applicationTagMask) !== 0) return Asc.logicalBlockApplicationTagCheckFailed;
  if (checks.referenceTag !== null && referenceTag !== (checks.referenceTag + offset) % TWO_TO_THE_32) return Asc.logicalBlockReferenceTagCheckFailed;
  return 0;
}

/** SBC-3 "LOGICAL BLOCK APPLICATION TAG field": what was never written, and what its initiator says nothing about. */
function isEscape(applicationTag: number, referenceTag: number, escapesOf: ProtectionChecks['escapesOf']): boolean {
  if (escapesOf === 0 || applicationTag !== ESCAPE_APPLICATION_TAG) return false;
  return escapesOf !== 3 || referenceTag === ESCAPE_REFERENCE_TAG;
}

/**
 * What the device server writes for blocks that come without: a guard, the LBA with type 1, and FFh for all that belongs to initiators (ATO is one).
 * SBC-3 "WRITE (10) command", WRPROTECT 000b.
 */
export function generateProtection(run: BlockRun, medium: Medium, lba: number, count: number): void {
  const ownsReferenceTag = medium.protection?.type === 1;
  for (let index = 0; index < count; index++) {
    const at = run.protectionStart + index * run.protectionStride;
    writeUint16(run.protection, at, crc16T10(run.data, run.dataStart + index * run.dataStride, medium.blockLengthBytes));
    writeUint16(run.protection, at + APPLICATION_TAG_AT, ESCAPE_APPLICATION_TAG);
    setReferenceTag(run.protection, at, ownsReferenceTag ? lba + index : ESCAPE_REFERENCE_TAG);
  }
}

/** Puts a number into the reference tag of the protection information at `at`, of which it has the least significant 32 bits. */
export function setReferenceTag(protection: Uint8Array, at: number, value: number): void {
  const tag = value % TWO_TO_THE_32;
  writeUint16(protection, at + REFERENCE_TAG_AT, Math.floor(tag / 0x10000));
  writeUint16(protection, at + REFERENCE_TAG_AT + 2, tag & 0xffff);
}

export function referenceTagOf(protection: Uint8Array, at: number): number {
  return readUint32(protection, at + REFERENCE_TAG_AT);
}

/** As it travels: behind its block. */
export function interleaved(bytes: Uint8Array, start: number, blockLengthBytes: number): BlockRun {
  const stride = blockLengthBytes + PROTECTION_LENGTH_BYTES;
  return { data: bytes, dataStart: start, dataStride: stride, protection: bytes, protectionStart: start + blockLengthBytes, protectionStride: stride };
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x10000 + readUint16(bytes, at + 2);
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

/** Protection information in memory, from one block to the next. */
interface ProtectionRun {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly stride: number;
}

/** Gives the blocks of a run the tags of others and leaves their guards. */
export function keepTags(run: BlockRun, from: ProtectionRun, count: number): void {
  for (let index = 0; index < count; index++) {
    const at = from.start + index * from.stride;
    const tags = from.bytes.subarray(at + APPLICATION_TAG_AT, at + PROTECTION_LENGTH_BYTES);
    run.protection.set(tags, run.protectionStart + index * run.protectionStride + APPLICATION_TAG_AT);
  }
}
