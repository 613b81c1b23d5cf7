import { writeUint64 } from '../cdb.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { deviceIdentificationPage } from '../spc/identification-pages.js';
import { CSCD_LENGTH, IDENTIFICATION_DESCRIPTOR_CSCD } from './copy-target.js';

/*
 * ROD token, SPC-4 "ROD token format".
 *
 *     0| ROD Type (4)                                                                  |
 *     4| Reserved (2) | ROD Token Length 0x01f8 (2)                                    |
 *     8| Copy Manager ROD Token Identifier (8)                                         |
 *    16/ Creator Logical Unit Descriptor (32), an Identification Descriptor CSCD       /
 *    48| Number of Bytes Represented (16)                                              |
 *    64/ Reserved (32)                                                                 /
 *    96/ Device Type Specific Data (32): as READ CAPACITY (16) from its block length   /
 *   128/ Target Device Descriptor, then Extended ROD Token Data, ours: random          /
 */
export const ROD_TOKEN_LENGTH = 512;
/** What REPORT ALL ROD TOKENS tells: not the part that nobody can guess. SPC-4 "ROD management token". */
export const ROD_MANAGEMENT_TOKEN_LENGTH = 96;
const ROD_TOKEN_LENGTH_FIELD = 0x01f8;
const AT = { type: 0, length: 6, identifier: 8, creator: 16, byteCount: 56, blockLength: 96, exponent: 101, random: 128 } as const;
const IDENTIFIER_LENGTH = 8;
/** Offsets in an Identification Descriptor CSCD. */
const CREATOR_DESIGNATOR_AT = 4;
const CREATOR_BLOCK_LENGTH_AT = 29;
const DESIGNATION_HEADER_LENGTH = 4;
const CREATOR_DESIGNATOR_LENGTH_MAX = 24;

/** SPC-4 "ROD types" and SBC-3 "Block device zero ROD token". */
export const RodType = {
  /** The token stands for what the blocks hold when it is used. */
  accessUponReference: 0x00010000,
  /** The copy manager chooses one of the point in time types. */
  pointInTimeDefault: 0x00800000,
  /** For what the blocks held when it was made; it ends when they change. */
  pointInTimeChangeVulnerable: 0x00800001,
  zero: 0xffff0001,
} as const;

export interface RodTokenContent {
  readonly type: number;
  readonly unit: LogicalUnit;
  readonly nexus: ITNexus;
  readonly lengthBytes: number;
}

/** The bytes of a new token: who made it and what it stands for, and enough that nobody can guess. */
export function makeTokenBytes({ type, unit, nexus, lengthBytes }: RodTokenContent, randomize: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(ROD_TOKEN_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(AT.type, type);
  view.setUint16(AT.length, ROD_TOKEN_LENGTH_FIELD);
  randomize(bytes.subarray(AT.identifier, AT.identifier + IDENTIFIER_LENGTH));
  bytes.set(creatorDescriptor(unit, nexus), AT.creator);
  writeUint64(view, AT.byteCount, lengthBytes);
  view.setUint32(AT.blockLength, unit.medium?.blockLengthBytes ?? 0);
  view.setUint8(AT.exponent, unit.medium?.physicalBlockExponent ?? 0);
  const name = targetDeviceDescriptor(nexus);
  bytes.set(name, AT.random);
  randomize(bytes.subarray(AT.random + name.length));
  return bytes;
}

/** The first designator of the unit: the NAA one. */
function creatorDescriptor(unit: LogicalUnit, nexus: ITNexus): Uint8Array {
  const descriptor = new Uint8Array(CSCD_LENGTH);
  const page = deviceIdentificationPage.build(unit, nexus);
  const designationLength = DESIGNATION_HEADER_LENGTH + (page[DESIGNATION_HEADER_LENGTH - 1] as number);
  descriptor[0] = IDENTIFICATION_DESCRIPTOR_CSCD;
  descriptor[1] = unit.deviceType.peripheralDeviceType;
  if (designationLength <= CREATOR_DESIGNATOR_LENGTH_MAX) descriptor.set(page.subarray(0, designationLength), CREATOR_DESIGNATOR_AT);
  const blockLength = unit.medium?.blockLengthBytes ?? 0;
  descriptor.set([blockLength >> 16, (blockLength >> 8) & 0xff, blockLength & 0xff], CREATOR_BLOCK_LENGTH_AT);
  return descriptor;
}

const CODE_SET_UTF8 = 0x3;
const TARGET_DEVICE_SCSI_NAME = 0x28;
const NAME_PADDING = 4;
const NAME_LENGTH_MAX = 224;

/** SCSI name string designation descriptor of the target device, SPC-4 "SCSI name string designator format". */
function targetDeviceDescriptor(nexus: ITNexus): Uint8Array {
  const name = Buffer.from(nexus.targetPortName.split(',')[0] as string, 'utf8').subarray(0, NAME_LENGTH_MAX - 1);
  const length = Math.ceil((name.length + 1) / NAME_PADDING) * NAME_PADDING;
  const descriptor = new Uint8Array(DESIGNATION_HEADER_LENGTH + length);
  descriptor.set([CODE_SET_UTF8, TARGET_DEVICE_SCSI_NAME, 0, length]);
  descriptor.set(name, DESIGNATION_HEADER_LENGTH);
  return descriptor;
}

export function tokenTypeOf(token: Uint8Array): number {
  return new DataView(token.buffer, token.byteOffset).getUint32(AT.type);
}

export function hasTokenLength(token: Uint8Array): boolean {
  return new DataView(token.buffer, token.byteOffset).getUint16(AT.length) === ROD_TOKEN_LENGTH_FIELD;
}

/** COPY MANAGER ROD TOKEN IDENTIFIER. */
export function tokenIdentifierOf(token: Uint8Array): string {
  return Buffer.from(token.subarray(AT.identifier, AT.identifier + IDENTIFIER_LENGTH)).toString('hex');
}

const ZERO_TOKEN_AT = 8;

/** SBC-3 "Block device zero ROD token": nothing but type and length. */
export function isZeroToken(token: Uint8Array): boolean {
  return tokenTypeOf(token) === RodType.zero && hasTokenLength(token) && token.subarray(ZERO_TOKEN_AT).every((byte) => byte === 0);
}
