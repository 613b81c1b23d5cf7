import { InitiatorError } from '../errors.js';
import { ScsiOperation, ServiceActionIn16, VariableLengthAction } from './operations.js';

/**
 * Command descriptor blocks of SBC-3 as an initiator builds them. LBAs are numbers up to 2^53 or bigints; counts are in
 * logical blocks. What a form cannot say throws `ARGUMENT_INVALID`: a field that wraps would read or write another place.
 */

/** Bytes of a CDB. */
export type CdbLength = 6 | 10 | 12 | 16 | 32;
export type Lba = number | bigint;

const FUA_BIT = 0x08;
const DPO_BIT = 0x10;
const BYTCHK_SHIFT = 1;
const IMMED_BIT = 0x02;
const ANCHOR_BIT = 0x10;
const UNMAP_BIT = 0x08;
const NO_DATA_OUT_BIT = 0x01;
const DISABLE_WRITE_BIT = 0x04;
const UNMAP_ANCHOR_BIT = 0x01;
/** ADDITIONAL CDB LENGTH of every 32-byte command. */
const ADDITIONAL_LENGTH_32 = 0x18;

interface FormLimits {
  readonly lbaMax: bigint;
  readonly countMax: number;
}
const U32_MAX = 0xffffffff;
const U64_MAX = 0xffffffffffffffffn;
/** READ (6) and WRITE (6) say 256 blocks with a zero. */
const limitsOf: Readonly<Record<CdbLength, FormLimits>> = {
  6: { lbaMax: 0x1fffffn, countMax: 256 },
  10: { lbaMax: BigInt(U32_MAX), countMax: 0xffff },
  12: { lbaMax: BigInt(U32_MAX), countMax: U32_MAX },
  16: { lbaMax: U64_MAX, countMax: U32_MAX },
  32: { lbaMax: U64_MAX, countMax: U32_MAX },
};

/** True when a CDB of this length can say it. */
export function fitsForm(form: CdbLength, lba: Lba, lbaCount: number): boolean {
  const { lbaMax, countMax } = limitsOf[form];
  return lba <= lbaMax && lbaCount <= countMax;
}

/** True when a 10-byte CDB can say it. */
export function fitsCdb10(lba: Lba, lbaCount: number): boolean {
  return fitsForm(10, lba, lbaCount);
}

function checkForm(form: CdbLength, lba: Lba, lbaCount: number): void {
  const isWhole = typeof lba === 'bigint' ? lba >= 0n : Number.isSafeInteger(lba) && lba >= 0;
  const isCount = Number.isSafeInteger(lbaCount) && lbaCount >= (form === 6 ? 1 : 0);
  if (!isWhole || !isCount || !fitsForm(form, lba, lbaCount)) {
    throw new InitiatorError('ARGUMENT_INVALID', `a ${form}-byte CDB cannot say LBA ${lba} and ${lbaCount} blocks`);
  }
}

/** 6-byte form of READ and WRITE: 21 bits of LBA, count at byte 4. */
export function blockCdb6(operation: number, lba: Lba, lbaCount: number): Buffer {
  checkForm(6, lba, lbaCount);
  const cdb = Buffer.alloc(6);
  cdb[0] = operation;
  cdb[4] = lbaCount & 0xff;
  cdb.writeUIntBE(Number(lba), 1, 3);
  return cdb;
}

/** 10-byte form of READ, WRITE, VERIFY, SYNCHRONIZE CACHE: LBA at byte 2, count at byte 7. */
export function blockCdb10(operation: number, flags: number, lba: Lba, lbaCount: number): Buffer {
  checkForm(10, lba, lbaCount);
  const cdb = Buffer.alloc(10);
  cdb[0] = operation;
  cdb[1] = flags;
  cdb.writeUInt32BE(Number(lba), 2);
  cdb.writeUInt16BE(lbaCount, 7);
  return cdb;
}

/** 12-byte form: LBA at byte 2, count at byte 6. */
export function blockCdb12(operation: number, flags: number, lba: Lba, lbaCount: number): Buffer {
  checkForm(12, lba, lbaCount);
  const cdb = Buffer.alloc(12);
  cdb[0] = operation;
  cdb[1] = flags;
  cdb.writeUInt32BE(Number(lba), 2);
  cdb.writeUInt32BE(lbaCount, 6);
  return cdb;
}

/** 16-byte form: LBA at byte 2, count at byte 10. */
export function blockCdb16(operation: number, flags: number, lba: Lba, lbaCount: number): Buffer {
  checkForm(16, lba, lbaCount);
  const cdb = Buffer.alloc(16);
  cdb[0] = operation;
  cdb[1] = flags;
  cdb.writeBigUInt64BE(BigInt(lba), 2);
  cdb.writeUInt32BE(lbaCount, 10);
  return cdb;
}

/** 32-byte form: service action at byte 8, flags at byte 10, LBA at byte 12, count at byte 28. The protection fields stay zero. */
export function blockCdb32(action: number, flags: number, lba: Lba, lbaCount: number): Buffer {
  checkForm(32, lba, lbaCount);
  const cdb = Buffer.alloc(32);
  cdb[0] = ScsiOperation.variableLength;
  cdb[7] = ADDITIONAL_LENGTH_32;
  cdb.writeUInt16BE(action, 8);
  cdb[10] = flags;
  cdb.writeBigUInt64BE(BigInt(lba), 12);
  cdb.writeUInt32BE(lbaCount, 28);
  return cdb;
}

interface OperationForms {
  readonly 6?: number;
  readonly 10?: number;
  readonly 12?: number;
  readonly 16: number;
  readonly 32: number;
}

function blockCdb(name: string, forms: OperationForms, form: CdbLength, flags: number, lba: Lba, lbaCount: number): Buffer {
  const operation = forms[form];
  if (operation === undefined) throw new InitiatorError('ARGUMENT_INVALID', `${name} has no ${form}-byte CDB`);
  switch (form) {
    case 6:
      if (flags !== 0) throw new InitiatorError('ARGUMENT_INVALID', `${name} (6) has no flags`);
      return blockCdb6(operation, lba, lbaCount);
    case 10:
      return blockCdb10(operation, flags, lba, lbaCount);
    case 12:
      return blockCdb12(operation, flags, lba, lbaCount);
    case 16:
      return blockCdb16(operation, flags, lba, lbaCount);
    case 32:
      return blockCdb32(operation, flags, lba, lbaCount);
  }
}

const readForms = {
  6: ScsiOperation.read6,
  10: ScsiOperation.read10,
  12: ScsiOperation.read12,
  16: ScsiOperation.read16,
  32: VariableLengthAction.read32,
};
const writeForms = {
  6: ScsiOperation.write6,
  10: ScsiOperation.write10,
  12: ScsiOperation.write12,
  16: ScsiOperation.write16,
  32: VariableLengthAction.write32,
};
const writeAndVerifyForms = {
  10: ScsiOperation.writeAndVerify10,
  12: ScsiOperation.writeAndVerify12,
  16: ScsiOperation.writeAndVerify16,
  32: VariableLengthAction.writeAndVerify32,
};
const verifyForms = { 10: ScsiOperation.verify10, 12: ScsiOperation.verify12, 16: ScsiOperation.verify16, 32: VariableLengthAction.verify32 };

/** FORCE UNIT ACCESS and DISABLE PAGE OUT; protection information is for devices that have some, which ours do not. */
export interface CacheFlags {
  readonly fua?: boolean;
  readonly dpo?: boolean;
}

function cacheFlags({ fua = false, dpo = false }: CacheFlags): number {
  return (fua ? FUA_BIT : 0) | (dpo ? DPO_BIT : 0);
}

function flagsOf(given: boolean | CacheFlags): number {
  return cacheFlags(typeof given === 'boolean' ? { fua: given } : given);
}

export function readCdb(form: CdbLength, lba: Lba, lbaCount: number, flags: boolean | CacheFlags = {}): Buffer {
  return blockCdb('READ', readForms, form, flagsOf(flags), lba, lbaCount);
}

export function writeCdb(form: CdbLength, lba: Lba, lbaCount: number, flags: boolean | CacheFlags = {}): Buffer {
  return blockCdb('WRITE', writeForms, form, flagsOf(flags), lba, lbaCount);
}

/** How VERIFY compares: 0 the medium by itself, 1 with as much Data-Out, 3 with one block of Data-Out. */
export type ByteCheck = 0 | 1 | 3;

export function writeAndVerifyCdb(form: CdbLength, lba: Lba, lbaCount: number, byteCheck: 0 | 1 = 0): Buffer {
  return blockCdb('WRITE AND VERIFY', writeAndVerifyForms, form, byteCheck << BYTCHK_SHIFT, lba, lbaCount);
}

export function verifyCdb(form: CdbLength, lba: Lba, lbaCount: number, byteCheck: ByteCheck): Buffer {
  return blockCdb('VERIFY', verifyForms, form, byteCheck << BYTCHK_SHIFT, lba, lbaCount);
}

export function synchronizeCacheCdb(form: 10 | 16, lba: Lba, lbaCount: number, immediate = false): Buffer {
  const flags = immediate ? IMMED_BIT : 0;
  return form === 10 ? blockCdb10(ScsiOperation.synchronizeCache10, flags, lba, lbaCount) : blockCdb16(ScsiOperation.synchronizeCache16, flags, lba, lbaCount);
}

export function prefetchCdb(form: 10 | 16, lba: Lba, lbaCount: number, immediate = false): Buffer {
  const flags = immediate ? IMMED_BIT : 0;
  return form === 10 ? blockCdb10(ScsiOperation.prefetch10, flags, lba, lbaCount) : blockCdb16(ScsiOperation.prefetch16, flags, lba, lbaCount);
}

export interface WriteSameFlags {
  /** UNMAP: the device may deallocate instead of writing. */
  readonly unmap?: boolean;
  readonly anchor?: boolean;
  /** NDOB: no Data-Out, zeros are written. Not in the 10-byte form. */
  readonly noDataOut?: boolean;
}

export function writeSameCdb(form: 10 | 16 | 32, lba: Lba, lbaCount: number, given: WriteSameFlags = {}): Buffer {
  const flags = (given.unmap ? UNMAP_BIT : 0) | (given.anchor ? ANCHOR_BIT : 0) | (given.noDataOut ? NO_DATA_OUT_BIT : 0);
  if (form === 10 && given.noDataOut) throw new InitiatorError('ARGUMENT_INVALID', 'WRITE SAME (10) cannot go without Data-Out');
  if (form === 10) return blockCdb10(ScsiOperation.writeSame10, flags, lba, lbaCount);
  if (form === 16) return blockCdb16(ScsiOperation.writeSame16, flags, lba, lbaCount);
  return blockCdb32(VariableLengthAction.writeSame32, flags, lba, lbaCount);
}

/** The Data-Out is twice as many blocks: what must be there, then what is to be there. SBC-3 "COMPARE AND WRITE command". */
export function compareAndWriteCdb(lba: Lba, lbaCount: number, flags: CacheFlags = {}): Buffer {
  if (lbaCount > 0xff) throw new InitiatorError('ARGUMENT_INVALID', `COMPARE AND WRITE takes up to 255 blocks, not ${lbaCount}`);
  const cdb = blockCdb16(ScsiOperation.compareAndWrite, cacheFlags(flags), lba, 0);
  cdb[13] = lbaCount;
  return cdb;
}

export function orWriteCdb(lba: Lba, lbaCount: number, flags: CacheFlags = {}): Buffer {
  return blockCdb16(ScsiOperation.orWrite16, cacheFlags(flags), lba, lbaCount);
}

/** `boundary` blocks at a time may be apart; 0 for all in one. SBC-4 "WRITE ATOMIC (16) command". */
export function writeAtomicCdb(lba: Lba, lbaCount: number, boundary = 0, flags: CacheFlags = {}): Buffer {
  if (lbaCount > 0xffff || boundary > 0xffff) throw new InitiatorError('ARGUMENT_INVALID', `WRITE ATOMIC takes up to 65535 blocks, not ${lbaCount}`);
  const cdb = blockCdb16(ScsiOperation.writeAtomic16, cacheFlags(flags), lba, 0);
  cdb.writeUInt16BE(boundary, 10);
  cdb.writeUInt16BE(lbaCount, 12);
  return cdb;
}

/** A bidirectional command: Data-Out and Data-In are both `lbaCount` blocks. SBC-3 "XDWRITEREAD (10) command". */
export function xdWriteReadCdb(form: 10 | 32, lba: Lba, lbaCount: number, disableWrite = false, given: CacheFlags = {}): Buffer {
  const flags = cacheFlags(given) | (disableWrite ? DISABLE_WRITE_BIT : 0);
  return form === 10 ? blockCdb10(ScsiOperation.xdWriteRead10, flags, lba, lbaCount) : blockCdb32(VariableLengthAction.xdWriteRead32, flags, lba, lbaCount);
}

/** Some blocks that follow each other. */
export interface LbaRange {
  readonly lba: Lba;
  readonly lbaCount: number;
}

const UNMAP_HEADER_LENGTH = 8;
const UNMAP_DESCRIPTOR_LENGTH = 16;

export function unmapCdb(parameterListLength: number, anchor = false): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = ScsiOperation.unmap;
  cdb[1] = anchor ? UNMAP_ANCHOR_BIT : 0;
  cdb.writeUInt16BE(parameterListLength, 7);
  return cdb;
}

/** SBC-3 "UNMAP parameter list". */
export function unmapParameterList(ranges: readonly LbaRange[]): Buffer {
  const bytes = Buffer.alloc(UNMAP_HEADER_LENGTH + UNMAP_DESCRIPTOR_LENGTH * ranges.length);
  bytes.writeUInt16BE(bytes.length - 2, 0);
  bytes.writeUInt16BE(bytes.length - UNMAP_HEADER_LENGTH, 2);
  for (const [index, { lba, lbaCount }] of ranges.entries()) {
    checkForm(16, lba, lbaCount);
    const at = UNMAP_HEADER_LENGTH + UNMAP_DESCRIPTOR_LENGTH * index;
    bytes.writeBigUInt64BE(BigInt(lba), at);
    bytes.writeUInt32BE(lbaCount, at + 8);
  }
  return bytes;
}

export function getLbaStatusCdb(lba: Lba, allocationLength: number): Buffer {
  return blockCdb16(ScsiOperation.serviceActionIn16, ServiceActionIn16.getLbaStatus, lba, allocationLength);
}

export function readCapacity10Cdb(): Buffer {
  return blockCdb10(ScsiOperation.readCapacity10, 0, 0, 0);
}

export function readCapacity16Cdb(allocationLength: number): Buffer {
  return blockCdb16(ScsiOperation.serviceActionIn16, ServiceActionIn16.readCapacity16, 0, allocationLength);
}
