import { randomBytes } from 'node:crypto';
import { writeUint64 } from '../../../scsi/cdb.js';
import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import type { TapeNextObject } from '../image/tape-service.js';
import { tapeOf } from '../tape-unit.js';
import { DataEncryption } from './data-encryption.js';
import {
  ALGORITHM_INDEX,
  AUTHENTICATED_KAD_LENGTH_MAX,
  EncryptionMode,
  KadType,
  KEY_LENGTH_BYTES,
  SET_DATA_ENCRYPTION,
  UNAUTHENTICATED_KAD_LENGTH_MAX,
} from './set-data-encryption.js';

/** Pages of SECURITY PROTOCOL IN, tape data encryption, by code: what follows their header. SSC-4 "Tape data encryption security protocol". */
export interface EncryptionPage {
  readonly code: number;
  readonly build: (unit: LogicalUnit, nexus: ITNexus) => Uint8Array | Promise<Uint8Array>;
}

const codesOf = (codes: readonly number[]) => Uint8Array.from(codes.flatMap((code) => [code >> 8, code & 0xff]));

/*
 * Data Encryption Capabilities page, from byte 4 on, and the one algorithm descriptor:
 *
 *     4| . EXTDECC (2) CFG_P (2) | Reserved (15)
 *     0| ALGORITHM INDEX | . | DESCRIPTOR LENGTH (2)
 *     4| AVFMV SDK_C MAC_C DED_C DECRYPT_C (2) ENCRYPT_C (2) | AVFCLP (2) NONCE_C (2) KADF_C VCELB_C UKADF AKADF |
 *     6| MAXIMUM U-KAD LENGTH (2) | MAXIMUM A-KAD LENGTH (2) | KEY SIZE (2) | DKAD_C (2) EEMC_C (2) RDMC_C (3) EAREM |
 *    13| . | MSDK_COUNT (2) | MAXIMUM EEDK SIZE (2) | . (2) | SECURITY ALGORITHM CODE (4)
 */
const CAPABILITIES_FIXED_LENGTH = 16;
const DESCRIPTOR_LENGTH = 24;
/** EXTDECC and CFG_P 01b: nothing outside of this drive sets keys, and initiators can. */
const INITIATORS_SET_KEYS = 0b0101;
const AVFMV_BIT = 0x80;
/** Blocks are authenticated, and told from those in the clear. */
const MAC_C_BIT = 0x20;
const DED_C_BIT = 0x10;
/** 10b: as fast as the drive is without, which is what initiators want to know of "hardware". */
const DECRYPTS = 0b1000;
const ENCRYPTS = 0b0010;
/** AVFCLP 10b: the algorithm is valid here. NONCE_C 01b: the drive makes the nonces. */
const VALID_HERE = 0b1000_0000;
const MAKES_NONCES = 0b0001_0000;
const VCELB_C_BIT = 0x04;
/** DKAD_C 01b: key-associated data goes with encryption alone. EEMC_C 01b: no external mode. RDMC_C 001b: raw reads are not controlled block by block. */
const KAD_WITH_ENCRYPTION = 0b0100_0000;
const NO_EXTERNAL_MODE = 0b0001_0000;
const NO_RAW_CONTROL = 0b0000_0010;
/** AES-256-GCM with a tag of 16 bytes, SPC-4 "Security algorithm codes". */
const AES_256_GCM_128 = 0x00010014;

function capabilities(unit: LogicalUnit): Uint8Array {
  const body = new Uint8Array(CAPABILITIES_FIXED_LENGTH + DESCRIPTOR_LENGTH);
  const at = CAPABILITIES_FIXED_LENGTH;
  const view = new DataView(body.buffer);
  const isLoaded = tapeOf(unit).isLoaded;
  body[0] = INITIATORS_SET_KEYS;
  body[at] = ALGORITHM_INDEX;
  view.setUint16(at + 2, DESCRIPTOR_LENGTH - 4);
  body[at + 4] = (isLoaded ? AVFMV_BIT : 0) | MAC_C_BIT | DED_C_BIT | DECRYPTS | ENCRYPTS;
  body[at + 5] = (isLoaded ? VALID_HERE : 0) | MAKES_NONCES | VCELB_C_BIT;
  view.setUint16(at + 6, UNAUTHENTICATED_KAD_LENGTH_MAX);
  view.setUint16(at + 8, AUTHENTICATED_KAD_LENGTH_MAX);
  view.setUint16(at + 10, KEY_LENGTH_BYTES);
  body[at + 12] = KAD_WITH_ENCRYPTION | NO_EXTERNAL_MODE | NO_RAW_CONTROL;
  view.setUint32(at + 20, AES_256_GCM_128);
  return body;
}

const MANAGEMENT_LENGTH = 12;
/** CKOD_C, CKORP_C, CKORL_C: keys can be cleared with the volume and with reservations. */
const CLEARS_KEYS = 0x07;
/** AITN_C, LOCAL_C, PUBLIC_C: all scopes. */
const ALL_SCOPES = 0x07;

/**
 * Data Encryption Management Capabilities page:
 *
 *     4| . LOCK_C | . CKOD_C CKORP_C CKORL_C | . | . AITN_C LOCAL_C PUBLIC_C | Reserved (8) |
 */
function managementCapabilities(): Uint8Array {
  const body = new Uint8Array(MANAGEMENT_LENGTH);
  body[1] = CLEARS_KEYS;
  body[3] = ALL_SCOPES;
  return body;
}

const STATUS_LENGTH = 20;
/** PARAMETERS CONTROL 001b: initiators may set parameters. */
const INITIATORS_CONTROL = 0b001 << 4;
const CEEMS_SHIFT = 1;

/**
 * Data Encryption Status page:
 *
 *     4| I_T NEXUS SCOPE (3) . LOGICAL UNIT ENCRYPTION SCOPE (3) | ENCRYPTION MODE | DECRYPTION MODE | ALGORITHM INDEX | KEY INSTANCE COUNTER (4) |
 *    12| . PARAMETERS CONTROL (3) VCELB CEEMS (2) RDMD | KAD FORMAT | ASDK_COUNT (2) | Reserved (8) | key-associated data descriptors … |
 */
function encryptionStatus(unit: LogicalUnit, nexus: ITNexus): Uint8Array {
  const encryption = unit.part(DataEncryption);
  const { parameters, keyInstanceCounter } = encryption.setOf(nexus);
  const isEncrypting = parameters.encryptionMode === EncryptionMode.encrypt;
  const kads = isEncrypting ? kadDescriptors(parameters.unauthenticatedKad, parameters.authenticatedKad, 0) : new Uint8Array(0);
  const body = new Uint8Array(STATUS_LENGTH + kads.length);
  body[0] = (encryption.scopeOf(nexus) << 5) | encryption.keyScopeOf(nexus);
  body[1] = parameters.encryptionMode;
  body[2] = parameters.decryptionMode;
  body[3] = parameters.key === null ? 0 : ALGORITHM_INDEX;
  new DataView(body.buffer).setUint32(4, keyInstanceCounter);
  body[8] = INITIATORS_CONTROL | (parameters.checkExternalMode << CEEMS_SHIFT);
  body[9] = parameters.kadFormat;
  body.set(kads, STATUS_LENGTH);
  return body;
}

const NEXT_BLOCK_LENGTH = 12;
/** ENCRYPTION STATUS of the next block. */
const BlockStatus = { unable: 1, notABlock: 2, inTheClear: 3, readable: 5, unreadable: 6 } as const;
/** COMPRESSION STATUS: that is not told of blocks which cannot be read. */
const CompressionStatus = { unable: 1, uncompressed: 3, compressed: 5 } as const;
const KAD_IS_AUTHENTICATED = 0x02;
const KAD_IS_NOT_CHECKED = 0x00;

/**
 * Next Block Encryption Status page:
 *
 *     4| LOGICAL OBJECT NUMBER (8) | COMPRESSION STATUS (4) ENCRYPTION STATUS (4) | ALGORITHM INDEX | . EMES RDMDS | KAD FORMAT | key-associated data … |
 */
export function nextBlockStatus(next: TapeNextObject, objectNumber: number): Uint8Array {
  const encryption = next.kind === 'block' ? next.encryption : null;
  const kads =
    encryption === null
      ? new Uint8Array(0)
      : kadDescriptors(encryption.ukad, encryption.akad, encryption.isReadable ? KAD_IS_AUTHENTICATED : KAD_IS_NOT_CHECKED);
  const body = new Uint8Array(NEXT_BLOCK_LENGTH + kads.length);
  writeUint64(new DataView(body.buffer), 0, objectNumber);
  body[8] = (compressionStatusOf(next) << 4) | blockStatusOf(next);
  body[9] = encryption?.algorithmIndex ?? 0;
  body.set(kads, NEXT_BLOCK_LENGTH);
  return body;
}

function blockStatusOf(next: TapeNextObject): number {
  if (next.kind === 'unreadable') return BlockStatus.unable;
  if (next.kind !== 'block') return BlockStatus.notABlock;
  if (next.encryption === null) return BlockStatus.inTheClear;
  return next.encryption.isReadable ? BlockStatus.readable : BlockStatus.unreadable;
}

function compressionStatusOf(next: TapeNextObject): number {
  if (next.kind === 'filemark' || next.kind === 'endOfData') return BlockStatus.notABlock;
  if (next.kind !== 'block' || next.encryption?.isReadable === false) return CompressionStatus.unable;
  return next.isCompressed ? CompressionStatus.compressed : CompressionStatus.uncompressed;
}

/** Those that are there, with how far they have been found authentic. */
function kadDescriptors(unauthenticated: Uint8Array, authenticated: Uint8Array, authenticity: number): Uint8Array {
  const descriptor = (type: number, flags: number, data: Uint8Array) =>
    data.length === 0 ? new Uint8Array(0) : Buffer.concat([Uint8Array.of(type, flags, data.length >> 8, data.length & 0xff), data]);
  return Buffer.concat([descriptor(KadType.unauthenticated, 1, unauthenticated), descriptor(KadType.authenticated, authenticity, authenticated)]);
}

async function nextBlock(unit: LogicalUnit, nexus: ITNexus): Promise<Uint8Array> {
  const drive = tapeOf(unit);
  drive.useEncryptionOf(nexus);
  const next = await drive.call('nextObject');
  return nextBlockStatus(next, drive.position?.objectNumber ?? 0);
}

export const NEXT_BLOCK_ENCRYPTION_STATUS = 0x0021;
const RANDOM_LENGTH = 32;
const PLAIN_TEXT_KEYS = 0x00;

export const encryptionInPages: readonly EncryptionPage[] = [
  { code: 0x0000, build: () => codesOf(encryptionInPages.map(({ code }) => code)) },
  { code: 0x0001, build: () => codesOf([SET_DATA_ENCRYPTION]) },
  { code: 0x0010, build: capabilities },
  { code: 0x0011, build: () => Uint8Array.of(PLAIN_TEXT_KEYS) },
  { code: 0x0012, build: managementCapabilities },
  { code: 0x0020, build: encryptionStatus },
  { code: NEXT_BLOCK_ENCRYPTION_STATUS, build: nextBlock },
  { code: 0x0030, build: () => randomBytes(RANDOM_LENGTH) },
];
