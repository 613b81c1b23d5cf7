import { writeAscii } from '../../scsi/cdb.js';
import { ElementType } from './element-layout.js';

/** What an initiator is told of an element. */
export interface ElementStatus {
  readonly address: number;
  readonly type: ElementType;
  readonly isFull: boolean;
  /** A person put the cartridge into the import/export element. */
  readonly isImported: boolean;
  /** The picker can reach it. */
  readonly isAccessible: boolean;
  /** The element is not in use: its drive is gone. */
  readonly isDisabled: boolean;
  /** What is wrong with it, or null: ASC in the high byte, ASCQ in the low one. */
  readonly exceptionAsc: number | null;
  /** The storage element that the cartridge came from, or null. */
  readonly sourceAddress: number | null;
  /** Primary volume tag, or null where it is not defined. */
  readonly barcode: string | null;
  /** LUN and identification of a drive's logical unit. */
  readonly drive: DriveIdentity | null;
}

export interface DriveIdentity {
  readonly lun: number;
  /** As in the Device Identification VPD page of the drive: whoever compares the two finds the drive. */
  readonly designator: Uint8Array;
}

export interface StatusRequest {
  /** Primary volume tags are asked for: VOLTAG. */
  readonly withVolumeTags: boolean;
  /** Identification of the drives is asked for: DVCID. */
  readonly withDriveIds: boolean;
  readonly allocationLength: number;
  /** Byte 4 of the header: reserved, or the SEND ACTION CODE that REQUEST VOLUME ELEMENT ADDRESS answers. */
  readonly sendActionCode?: number;
}

/*
 * Element status data, SMC-3 "READ ELEMENT STATUS command":
 *
 *     0| First Element Address Reported (2) | Number of Elements Available (2) | . | Byte Count of Report Available (3) |
 *     8/ Element status pages, one a type                                                                             /
 *
 * Element status page:
 *
 *     0| Element Type Code | PVOLTAG AVOLTAG . | Element Descriptor Length (2) | . | Byte Count of Descriptor Data Available (3) |
 *     8/ Element descriptors                                                                                                     /
 *
 * Element descriptor:
 *
 *     0| Element Address (2) | OIR CMC INENAB EXENAB ACCESS EXCEPT IMPEXP FULL | . | ASC | ASCQ |
 *     6| NOT BUS . ID VALID LU VALID . LUN (3) | SCSI Bus Address | . | SVALID INVERT . ED Medium Type | Source Storage Element Address (2) |
 *    12/ Primary volume tag (36 if PVOLTAG)                                                            /
 *     .| Code Set | Identifier Type | . | Identifier Length |
 *     +/ Identifier                                         /
 */
export const STATUS_HEADER_LENGTH = 8;
const PAGE_HEADER_LENGTH = 8;
const DESCRIPTOR_HEADER_LENGTH = 12;
const VOLUME_TAG_LENGTH = 36;
const VOLUME_IDENTIFICATION_LENGTH = 32;
const IDENTIFIER_HEADER_LENGTH = 4;
const PVOLTAG_BIT = 0x80;
/** INENAB and EXENAB: people may put cartridges into import/export elements and take them out. */
const INENAB_EXENAB_BITS = 0x30;
const ACCESS_BIT = 0x08;
const EXCEPT_BIT = 0x04;
const IMPEXP_BIT = 0x02;
const FULL_BIT = 0x01;
const LU_VALID_BIT = 0x10;
/** What fits the three bits that SMC-2 has for the LUN of a drive. Linux' ch finds its drives by it. */
const SHORT_LUN_MAX = 7;
const SVALID_BIT = 0x80;
const DISABLED_BIT = 0x08;
const CODE_SET_ASCII = 0x2;
const IDENTIFIER_T10_VENDOR = 0x1;

/** Pages come in the order of their elements' addresses, and so do the elements of a page. */
export function encodeElementStatus(statuses: readonly ElementStatus[], request: StatusRequest): Uint8Array {
  const pages = pagesOf(statuses, request);
  const header = new Uint8Array(STATUS_HEADER_LENGTH);
  const view = new DataView(header.buffer);
  view.setUint16(0, statuses[0]?.address ?? 0);
  view.setUint16(2, statuses.length);
  // Above the three bytes of the count.
  view.setUint32(
    4,
    pages.reduce((sum, { header: { length }, descriptors }) => sum + length + bytesIn(descriptors), 0),
  );
  header[4] = request.sendActionCode ?? 0;
  return Buffer.concat([header, ...whatFits(pages, request.allocationLength - STATUS_HEADER_LENGTH)]);
}

interface StatusPage {
  readonly header: Uint8Array;
  readonly descriptors: readonly Uint8Array[];
}

function bytesIn(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** SMC-3, NUMBER OF ELEMENTS field: what does not fit the allocation length as a whole is left out. */
function whatFits(pages: readonly StatusPage[], roomBytes: number): Uint8Array[] {
  const fitting: Uint8Array[] = [];
  let left = roomBytes;
  for (const { header, descriptors } of pages) {
    for (const piece of [header, ...descriptors]) {
      if (piece.length > left) return fitting;
      fitting.push(piece);
      left -= piece.length;
    }
  }
  return fitting;
}

function pagesOf(statuses: readonly ElementStatus[], request: StatusRequest): StatusPage[] {
  const types = new Set(statuses.map(({ type }) => type));
  return [...types].map((type) => {
    const ofType = statuses.filter((status) => status.type === type);
    const identifierLength = request.withDriveIds ? Math.max(0, ...ofType.map(({ drive }) => drive?.designator.length ?? 0)) : 0;
    const descriptors = ofType.map((status) => encodeDescriptor(status, request, identifierLength));
    return { header: pageHeader(type, request, descriptors), descriptors };
  });
}

function pageHeader(type: ElementType, { withVolumeTags }: StatusRequest, descriptors: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(PAGE_HEADER_LENGTH);
  const view = new DataView(header.buffer);
  view.setUint32(4, bytesIn(descriptors));
  view.setUint16(2, descriptors[0]?.length ?? 0);
  header[0] = type;
  header[1] = withVolumeTags ? PVOLTAG_BIT : 0;
  return header;
}

/** All descriptors of a page have the same length: shorter identifiers are followed by zeros. */
function encodeDescriptor(status: ElementStatus, { withVolumeTags, withDriveIds }: StatusRequest, identifierLength: number): Uint8Array {
  const volumeTagLength = withVolumeTags ? VOLUME_TAG_LENGTH : 0;
  const bytes = new Uint8Array(DESCRIPTOR_HEADER_LENGTH + volumeTagLength + IDENTIFIER_HEADER_LENGTH + identifierLength);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, status.address);
  bytes[2] = flagsOf(status);
  view.setUint16(4, status.exceptionAsc ?? 0);
  if (status.drive !== null && status.drive.lun <= SHORT_LUN_MAX) bytes[6] = LU_VALID_BIT | status.drive.lun;
  bytes[9] = (status.sourceAddress === null ? 0 : SVALID_BIT) | (status.isDisabled ? DISABLED_BIT : 0);
  view.setUint16(10, status.sourceAddress ?? 0);
  // A volume tag that is not defined is zeros, as its volume sequence number always is.
  if (withVolumeTags && status.barcode !== null) writeAscii(bytes, DESCRIPTOR_HEADER_LENGTH, VOLUME_IDENTIFICATION_LENGTH, status.barcode);
  if (withDriveIds && status.drive !== null) writeIdentifier(bytes, DESCRIPTOR_HEADER_LENGTH + volumeTagLength, status.drive.designator);
  return bytes;
}

function flagsOf({ type, isAccessible, isFull, isImported, exceptionAsc }: ElementStatus): number {
  const isImportExport = type === ElementType.importExport;
  return (
    (isImportExport ? INENAB_EXENAB_BITS : 0) |
    (isAccessible && type !== ElementType.transport ? ACCESS_BIT : 0) |
    (exceptionAsc === null ? 0 : EXCEPT_BIT) |
    (isImportExport && isImported ? IMPEXP_BIT : 0) |
    (isFull ? FULL_BIT : 0)
  );
}

function writeIdentifier(bytes: Uint8Array, at: number, designator: Uint8Array): void {
  bytes[at] = CODE_SET_ASCII;
  bytes[at + 1] = IDENTIFIER_T10_VENDOR;
  bytes[at + 3] = designator.length;
  bytes.set(designator, at + IDENTIFIER_HEADER_LENGTH);
}
