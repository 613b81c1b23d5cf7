/**
 * Command descriptor blocks as an initiator builds them. Clauses of SPC-4 and SBC-3 by section title. LBAs are numbers up to
 * 2^53 or bigints; counts are in logical blocks, lengths in bytes.
 */
export const ScsiOperation = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  inquiry: 0x12,
  modeSense6: 0x1a,
  readCapacity10: 0x25,
  read10: 0x28,
  write10: 0x2a,
  verify10: 0x2f,
  synchronizeCache10: 0x35,
  modeSense10: 0x5a,
  read16: 0x88,
  write16: 0x8a,
  verify16: 0x8f,
  synchronizeCache16: 0x91,
  serviceActionIn16: 0x9e,
  reportLuns: 0xa0,
} as const;

const READ_CAPACITY_16_ACTION = 0x10;
const FUA_BIT = 0x08;
const BYTCHK_SHIFT = 1;
const LBA_10_MAX = 0xffffffff;
const COUNT_10_MAX = 0xffff;

/** True when a 10-byte CDB can say it. */
export function fitsCdb10(lba: number | bigint, lbaCount: number): boolean {
  return lba <= LBA_10_MAX && lbaCount <= COUNT_10_MAX;
}

/** 10-byte form of READ, WRITE, VERIFY, SYNCHRONIZE CACHE: LBA at byte 2, count at byte 7. */
export function blockCdb10(operation: number, flags: number, lba: number | bigint, lbaCount: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = operation;
  cdb[1] = flags;
  cdb.writeUInt32BE(Number(lba), 2);
  cdb.writeUInt16BE(lbaCount, 7);
  return cdb;
}

/** 16-byte form: LBA at byte 2, count at byte 10. */
export function blockCdb16(operation: number, flags: number, lba: number | bigint, lbaCount: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = operation;
  cdb[1] = flags;
  cdb.writeBigUInt64BE(BigInt(lba), 2);
  cdb.writeUInt32BE(lbaCount, 10);
  return cdb;
}

export function readCdb(form: 10 | 16, lba: number | bigint, lbaCount: number, fua = false): Buffer {
  const flags = fua ? FUA_BIT : 0;
  return form === 10 ? blockCdb10(ScsiOperation.read10, flags, lba, lbaCount) : blockCdb16(ScsiOperation.read16, flags, lba, lbaCount);
}

export function writeCdb(form: 10 | 16, lba: number | bigint, lbaCount: number, fua = false): Buffer {
  const flags = fua ? FUA_BIT : 0;
  return form === 10 ? blockCdb10(ScsiOperation.write10, flags, lba, lbaCount) : blockCdb16(ScsiOperation.write16, flags, lba, lbaCount);
}

/** `byteCheck`: 0 medium only, 1 compare with Data-Out, 3 compare with one block of Data-Out. */
export function verifyCdb(form: 10 | 16, lba: number | bigint, lbaCount: number, byteCheck: 0 | 1 | 3): Buffer {
  const flags = byteCheck << BYTCHK_SHIFT;
  return form === 10 ? blockCdb10(ScsiOperation.verify10, flags, lba, lbaCount) : blockCdb16(ScsiOperation.verify16, flags, lba, lbaCount);
}

export function synchronizeCacheCdb(form: 10 | 16, lba: number | bigint, lbaCount: number): Buffer {
  return form === 10 ? blockCdb10(ScsiOperation.synchronizeCache10, 0, lba, lbaCount) : blockCdb16(ScsiOperation.synchronizeCache16, 0, lba, lbaCount);
}

export function testUnitReadyCdb(): Buffer {
  return Buffer.alloc(6);
}

/** Standard INQUIRY data, or a vital product data page. */
export function inquiryCdb(allocationLength: number, pageCode: number | null): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = ScsiOperation.inquiry;
  cdb[1] = pageCode === null ? 0 : 1;
  cdb[2] = pageCode ?? 0;
  cdb.writeUInt16BE(allocationLength, 3);
  return cdb;
}

export function readCapacity10Cdb(): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = ScsiOperation.readCapacity10;
  return cdb;
}

export function readCapacity16Cdb(allocationLength: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = ScsiOperation.serviceActionIn16;
  cdb[1] = READ_CAPACITY_16_ACTION;
  cdb.writeUInt32BE(allocationLength, 10);
  return cdb;
}

export function reportLunsCdb(allocationLength: number, selectReport: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = ScsiOperation.reportLuns;
  cdb[2] = selectReport;
  cdb.writeUInt32BE(allocationLength, 6);
  return cdb;
}

export interface ModeSenseFields {
  readonly pageCode: number;
  readonly subpageCode?: number;
  /** PC: 0 current, 1 changeable, 2 default, 3 saved. */
  readonly pageControl?: number;
  /** DBD: leave the block descriptors out. */
  readonly disableBlockDescriptors?: boolean;
}

export function modeSenseCdb(form: 6 | 10, fields: ModeSenseFields, allocationLength: number): Buffer {
  const cdb = Buffer.alloc(form);
  cdb[0] = form === 6 ? ScsiOperation.modeSense6 : ScsiOperation.modeSense10;
  cdb[1] = fields.disableBlockDescriptors ? 0x08 : 0;
  cdb[2] = ((fields.pageControl ?? 0) << 6) | fields.pageCode;
  cdb[3] = fields.subpageCode ?? 0;
  if (form === 6) cdb[4] = allocationLength;
  else cdb.writeUInt16BE(allocationLength, 7);
  return cdb;
}
