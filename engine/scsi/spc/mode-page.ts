import type { LogicalUnit } from '../logical-unit.js';
import type { InternalOutcome } from '../unit-host.js';

/** A field of a mode page: its byte, counted from the first behind the page's header, and its left-most bit. */
export interface ModeFieldPlace {
  readonly byte: number;
  readonly bit: number;
}

/** A mode page, SPC-4 "Mode pages": what follows its header. */
export interface ModePage {
  readonly code: number;
  /** 00h: the page has the page_0 format. */
  readonly subpage: number;
  /** Whether a unit has it, of pages that only some have. */
  readonly isThere?: (unit: LogicalUnit) => boolean;
  /** What holds until it is changed, and always where it cannot be. The same length each time; the medium may decide on the values. */
  readonly defaults: (unit: LogicalUnit) => Uint8Array;
  /** A mask over them, with ones where MODE SELECT may change something; nothing can be changed where it is left out. */
  readonly changeable?: (unit: LogicalUnit) => Uint8Array;
  /**
   * What a list of MODE SELECT means: `given` with the fields that initiators need not get right as they are in `current`, and with its length, where it may be
   * shorter. It is taken as it came where this is left out.
   */
  readonly adjust?: (given: Uint8Array, current: Uint8Array) => Uint8Array;
  /** The first field whose value is none that it can have, of parameters that differ from the current ones only where they are changeable. */
  readonly fault?: (parameters: Uint8Array) => ModeFieldPlace | null;
  /** The parameters are in force from now on. Called at the start, too, and when the medium has changed. */
  readonly apply?: (parameters: Uint8Array, unit: LogicalUnit) => void;
  /** What a change of this page to `after` makes of other pages, which tell the same in another way. */
  readonly entails?: (after: Uint8Array, read: (page: ModePage) => Uint8Array) => ReadonlyMap<ModePage, Uint8Array>;
  /** This change asks for cached data to be on the medium before MODE SELECT ends. */
  readonly needsFlush?: (before: Uint8Array, after: Uint8Array, unit: LogicalUnit) => boolean;
}

/** What MODE SELECT has in front of the mode pages. */
export interface ModeHeader {
  readonly mediumType: number;
  readonly deviceSpecificParameter: number;
  /** Null when there is none. */
  readonly blockDescriptor: Uint8Array | null;
}

/** What a device type puts in front of its mode pages, SPC-4 "Mode parameter list formats". */
export interface ModeProfile {
  /** MEDIUM TYPE. It is 00h, and MODE SELECT takes nothing else, where this is left out; otherwise that may repeat it. */
  readonly mediumType?: (unit: LogicalUnit) => number;
  readonly deviceSpecificParameter: (unit: LogicalUnit) => number;
  /** Bits of the DEVICE-SPECIFIC PARAMETER that MODE SELECT takes and ignores, since they only tell something. */
  readonly deviceSpecificTold: number;
  /** The left-most bit of the first field of the DEVICE-SPECIFIC PARAMETER with a value that it cannot have; -1 when all are well. */
  readonly deviceSpecificFault?: (given: number) => number;
  /** The block descriptor: 8 bytes, or 16 with long LBAs. */
  readonly blockDescriptor: (unit: LogicalUnit, longLba: boolean) => Uint8Array;
  /** The first byte that makes this block descriptor of MODE SELECT ask for another capacity or block length; -1 when it asks for neither. */
  readonly blockDescriptorFault: (given: Uint8Array, unit: LogicalUnit, longLba: boolean) => number;
  /**
   * Puts in force what header and block descriptor of MODE SELECT ask for, in which no fault was found, and answers what takes it back; null when nothing
   * changes. Nothing in them can be changed where this is left out.
   */
  readonly applyHeader?: (header: ModeHeader, unit: LogicalUnit) => (() => void) | null;
  /** Cached data onto the medium. */
  readonly flush: (unit: LogicalUnit) => Promise<InternalOutcome>;
  /** By ascending page and subpage code. */
  readonly pages: readonly ModePage[];
  /**
   * MODE SENSE with page code 00h, which is vendor specific, returns header and block descriptor alone, as tape drives do: the st driver of Linux learns the
   * block length so.
   */
  readonly hasPageZero?: boolean;
}

export function isSamePage(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, at) => byte === other[at]);
}

const SUBPAGE_FORMAT_BIT = 0x40;
const PARAMETERS_SAVEABLE_BIT = 0x80;

/** Bytes of the header: page_0 format or sub_page format, SPC-4 "Mode page and subpage formats and page codes". */
export function headerLengthOf({ subpage }: Pick<ModePage, 'subpage'>): number {
  return subpage === 0 ? 2 : 4;
}

export function encodeModePage(page: ModePage, parameters: Uint8Array, isSaveable: boolean): Uint8Array {
  const first = page.code | (isSaveable ? PARAMETERS_SAVEABLE_BIT : 0);
  const header = page.subpage === 0 ? [first, parameters.length] : [first | SUBPAGE_FORMAT_BIT, page.subpage, parameters.length >> 8, parameters.length & 0xff];
  const bytes = new Uint8Array(header.length + parameters.length);
  bytes.set(header);
  bytes.set(parameters, header.length);
  return bytes;
}
