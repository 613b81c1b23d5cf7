import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS } from '../cdb.js';
import type { LogicalUnit } from '../logical-unit.js';
import { invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError } from '../sense.js';
import { headerLengthOf, type ModeHeader, type ModePage } from './mode-page.js';
import { type ModeChanges, ModePages, PageControl } from './mode-page-values.js';

/*
 * Mode parameter list of MODE SELECT, SPC-4 "Mode parameter list formats". MODE DATA LENGTH is reserved here; the header of MODE SELECT (10) in brackets:
 *
 *     0| Mode Data Length (1) [2] | Medium Type | Device-specific Parameter | [LONGLBA] | [.] | Block Descriptor Length (1) [2] |
 *     .| Mode parameter block descriptor (0, 8 or 16)                                                                     |
 *     .| Mode pages                                                                                                       |
 */
export interface HeaderShape {
  readonly lengthBytes: number;
  readonly mediumTypeAt: number;
  readonly deviceSpecificAt: number;
  /** -1 where there is no LONGLBA bit. */
  readonly longLbaAt: number;
  readonly blockDescriptorLengthAt: number;
  readonly blockDescriptorLengthBytes: 1 | 2;
}

export const headerShapes: { readonly six: HeaderShape; readonly ten: HeaderShape } = {
  six: { lengthBytes: 4, mediumTypeAt: 1, deviceSpecificAt: 2, longLbaAt: -1, blockDescriptorLengthAt: 3, blockDescriptorLengthBytes: 1 },
  ten: { lengthBytes: 8, mediumTypeAt: 2, deviceSpecificAt: 3, longLbaAt: 4, blockDescriptorLengthAt: 6, blockDescriptorLengthBytes: 2 },
};

const LONGLBA_BIT = 0x01;
const SHORT_DESCRIPTOR_LENGTH = 8;
const LONG_DESCRIPTOR_LENGTH = 16;
const PF_AT = 1;
const PF_BIT = 4;
const PAGE_CODE_MASK = 0x3f;
const PAGE_CODE_BIT = 5;
const SPF_BIT = 0x40;
const PAGE_0_HEADER_LENGTH = 2;
const SUBPAGE_HEADER_LENGTH = 4;
/** The left-most bit of a byte. */
const MSB = 7;

/** What a parameter list asks for. */
export interface ModeSelection {
  readonly pages: ModeChanges;
  /** Null for an empty list. */
  readonly header: ModeHeader | null;
}

/**
 * What a parameter list asks for, in front of the pages and page by page; null when the command has ended because of something in it, and then nothing of it
 * holds.
 */
export function readModeParameters(
  command: CommandSlot,
  unit: LogicalUnit,
  list: Uint8Array,
  shape: HeaderShape,
  hasPageFormat: boolean,
): ModeSelection | null {
  if (list.length === 0) return { pages: new Map(), header: null };
  const pagesAt = readHeader(command, unit, list, shape);
  if (pagesAt < 0) return null;
  if (!hasPageFormat && pagesAt < list.length) {
    // Without PF what follows is vendor specific, and this vendor has specified nothing.
    invalidFieldInCdb(command, PF_AT, PF_BIT);
    return null;
  }
  const changes = new Map<ModePage, Uint8Array>();
  for (let at = pagesAt; at < list.length; ) {
    at = readPage(command, unit, list, at, changes);
    if (at < 0) return null;
  }
  return { pages: changes, header: headerOf(list, shape, pagesAt) };
}

function headerOf(list: Uint8Array, shape: HeaderShape, pagesAt: number): ModeHeader {
  return {
    mediumType: list[shape.mediumTypeAt] as number,
    deviceSpecificParameter: list[shape.deviceSpecificAt] as number,
    blockDescriptor: pagesAt > shape.lengthBytes ? list.slice(shape.lengthBytes, pagesAt) : null,
  };
}

/** Where the mode pages begin, or -1 when the command has ended. */
function readHeader(command: CommandSlot, unit: LogicalUnit, list: Uint8Array, shape: HeaderShape): number {
  const { profile } = unit.part(ModePages);
  if (list.length < shape.lengthBytes) return truncated(command);
  const legal = new Uint8Array(shape.lengthBytes);
  legal[shape.mediumTypeAt] = profile.mediumType?.(unit) === list[shape.mediumTypeAt] ? ALL_BITS : 0;
  legal[shape.deviceSpecificAt] = profile.deviceSpecificTold;
  if (shape.longLbaAt >= 0) legal[shape.longLbaAt] = LONGLBA_BIT;
  legal.fill(0xff, shape.blockDescriptorLengthAt);
  const wrongAt = legal.findIndex((mask, at) => ((list[at] as number) & ~mask) !== 0);
  if (wrongAt >= 0) return invalid(command, wrongAt, highestBit((list[wrongAt] as number) & ~(legal[wrongAt] as number)));
  const faultBit = profile.deviceSpecificFault?.(list[shape.deviceSpecificAt] as number) ?? -1;
  if (faultBit >= 0) return invalid(command, shape.deviceSpecificAt, faultBit);
  const lengthAt = shape.blockDescriptorLengthAt;
  const length = shape.blockDescriptorLengthBytes === 1 ? (list[lengthAt] as number) : readUint16(list, lengthAt);
  if (length === 0) return shape.lengthBytes;
  const longLba = shape.longLbaAt >= 0 && ((list[shape.longLbaAt] as number) & LONGLBA_BIT) !== 0;
  if (length !== (longLba ? LONG_DESCRIPTOR_LENGTH : SHORT_DESCRIPTOR_LENGTH)) return invalid(command, lengthAt, MSB);
  const pagesAt = shape.lengthBytes + length;
  if (list.length < pagesAt) return truncated(command);
  const faultAt = profile.blockDescriptorFault(list.subarray(shape.lengthBytes, pagesAt), unit, longLba);
  return faultAt < 0 ? pagesAt : invalid(command, shape.lengthBytes + faultAt, MSB);
}

/** Puts one page into `changes` and answers where the next one begins, or -1 when the command has ended. The PS bit is reserved and ignored. */
function readPage(command: CommandSlot, unit: LogicalUnit, list: Uint8Array, at: number, changes: Map<ModePage, Uint8Array>): number {
  const modes = unit.part(ModePages);
  const first = list[at] as number;
  const hasSubpage = (first & SPF_BIT) !== 0;
  const headerLength = hasSubpage ? SUBPAGE_HEADER_LENGTH : PAGE_0_HEADER_LENGTH;
  if (at + headerLength > list.length) return truncated(command);
  const code = first & PAGE_CODE_MASK;
  const subpage = hasSubpage ? (list[at + 1] as number) : 0;
  const page = modes.pages.find((each) => each.code === code && each.subpage === subpage && headerLengthOf(each) === headerLength);
  if (page === undefined) {
    const isSubpageWrong = hasSubpage && modes.pages.some((each) => each.code === code);
    return isSubpageWrong ? invalid(command, at + 1, MSB) : invalid(command, at, PAGE_CODE_BIT);
  }
  const current = changes.get(page) ?? modes.read(page, PageControl.current);
  const lengthAt = hasSubpage ? at + 2 : at + 1;
  const lengthBytes = hasSubpage ? readUint16(list, lengthAt) : (list[lengthAt] as number);
  const parametersAt = at + headerLength;
  const end = parametersAt + lengthBytes;
  // A copy that outlives the command: the `slice` of a Buffer, which the list may be, would be the memory of whatever comes next.
  const given = Uint8Array.from(list.subarray(parametersAt, end));
  const parameters = given.length === lengthBytes && page.adjust !== undefined ? page.adjust(given, current) : given;
  if (lengthBytes !== current.length && parameters.length !== current.length) return invalid(command, lengthAt, MSB);
  if (end > list.length) return truncated(command);
  const mask = modes.read(page, PageControl.changeable);
  const fixedBits = parameters.map((byte, index) => (byte ^ (current[index] as number)) & ~(mask[index] as number));
  const fixedAt = fixedBits.findIndex((bits) => bits !== 0);
  if (fixedAt >= 0) return invalid(command, parametersAt + fixedAt, highestBit(fixedBits[fixedAt] as number));
  const fault = page.fault?.(parameters) ?? null;
  if (fault !== null) return invalid(command, parametersAt + fault.byte, fault.bit);
  changes.set(page, parameters);
  return end;
}

/** SPC-4 "MODE SELECT(6) command": the list cuts off a header, a block descriptor or a page. */
function truncated(command: CommandSlot): -1 {
  parameterListLengthError(command);
  return -1;
}

function invalid(command: CommandSlot, byte: number, bit: number): -1 {
  invalidFieldInParameterList(command, byte, bit);
  return -1;
}

function highestBit(byte: number): number {
  return 31 - Math.clz32(byte);
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
