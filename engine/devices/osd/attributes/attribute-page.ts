import type { ObjectInformation, ObjectKind, ObjectName, ObjectStore } from '../store/object-store.js';

/** First page number of each kind of object, OSD-2 "Attributes pages". */
export const PAGE_BASE: Readonly<Record<ObjectKind, number>> = { user: 0, partition: 0x3000_0000, collection: 0x6000_0000, root: 0x9000_0000 };
const PAGE_RANGE = 0x3000_0000;
/** Within the range of a kind: the pages that every object has, and those that are the application client's own. */
export const StandardPage = { directory: 0, information: 1, quotas: 2, timestamps: 3, collections: 4, policySecurity: 5, attributesAccess: 4 } as const;
export const APPLICATION_PAGE_MIN = 0x1_0000;
const APPLICATION_PAGE_MAX = 0x1fff_ffff;
export const CURRENT_COMMAND_PAGE = 0xffff_fffe;
/** Asks for all pages, or in the place of an attribute number for all attributes of a page. */
export const ALL = 0xffff_ffff;
/** In every page attribute 0 says what the page is: vendor identification and a name, OSD-2 "Page identification". */
export const PAGE_IDENTIFICATION = 0;
export const PAGE_IDENTIFICATION_LENGTH = 40;

export function isPageOf(kind: ObjectKind, page: number): boolean {
  return page >= PAGE_BASE[kind] && page < PAGE_BASE[kind] + PAGE_RANGE;
}

export function isApplicationPageOf(kind: ObjectKind, page: number): boolean {
  const offset = page - PAGE_BASE[kind];
  return offset >= APPLICATION_PAGE_MIN && offset <= APPLICATION_PAGE_MAX;
}

/** What the device itself has to say in its attributes. */
export interface DeviceFacts {
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly serial: string;
  /** 20 bytes. */
  readonly systemId: Uint8Array;
  nowMs(): number;
  /** Counted from 1, one a start. */
  readonly bootEpoch: number;
  /** What the security attributes start with where nobody has set them. */
  readonly defaultSecurityMethod: number;
  /** Request nonces that are remembered. */
  readonly nonceCountMax: number;
  /** Collections that a user object may be in. */
  readonly collectionsPerObjectMax: number;
}

/** One object, as attributes are asked of it. */
export interface AttributeContext {
  readonly store: ObjectStore;
  readonly facts: DeviceFacts;
  readonly name: ObjectName;
  readonly kind: ObjectKind;
  /** Read when asked for, and anew each time. */
  information(): ObjectInformation;
}

/** An attribute of a standard page. */
export interface AttributeDefinition {
  readonly number: number;
  /** Its value now; null when the object does not have it. */
  read(context: AttributeContext): Uint8Array | null;
  /** Sets it; it may not be set where this is left out. The value has one of the lengths below; an empty one takes the attribute away. */
  write?(context: AttributeContext, value: Uint8Array): void;
  readonly lengthBytesMin?: number;
  readonly lengthBytesMax?: number;
  /** Takes the POL/SEC permission to set. */
  readonly isPolicy?: boolean;
}

export interface PageDefinition {
  /** As in its identification, behind `T10 `. */
  readonly title: string;
  /** By ascending number, without 0. */
  readonly attributes: readonly AttributeDefinition[];
  /** More of them than can be listed beforehand: collections, directories. */
  readonly more?: (context: AttributeContext) => Iterable<readonly [number: number, value: Uint8Array]>;
  readMore?(context: AttributeContext, number: number): Uint8Array | null;
  writeMore?(context: AttributeContext, number: number, value: Uint8Array): void;
  /** What follows page number and length where the page is asked for as a whole; left out for pages without a format. */
  format?(context: AttributeContext): Uint8Array;
}

const VENDOR_LENGTH = 8;
const SPACE = 0x20;

export function pageIdentification(title: string): Uint8Array {
  const bytes = new Uint8Array(PAGE_IDENTIFICATION_LENGTH).fill(SPACE);
  bytes.set(Buffer.from('INCITS', 'latin1'), 0);
  bytes.set(Buffer.from(`T10 ${title}`, 'latin1'), VENDOR_LENGTH);
  return bytes;
}

export function uint(value: number | bigint, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let rest = BigInt(value);
  for (let at = lengthBytes - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function readUint(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

export function text(value: string, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes).fill(SPACE);
  bytes.set(Buffer.from(value, 'latin1').subarray(0, lengthBytes));
  return bytes;
}

/** An attribute that is what was set, at this page and number, or a value to begin with. */
export function stored(
  page: number,
  number: number,
  lengths: { readonly min: number; readonly max: number },
  initial: ((context: AttributeContext) => Uint8Array) | null = null,
  isPolicy = false,
): AttributeDefinition {
  return {
    number,
    lengthBytesMin: lengths.min,
    lengthBytesMax: lengths.max,
    isPolicy,
    read: (context) => context.store.attribute(context.name, page, number) ?? (initial === null ? null : initial(context)),
    write: (context, value) => context.store.setAttribute(context.name, page, number, value.length === 0 ? null : value),
  };
}

export function computed(number: number, read: AttributeDefinition['read']): AttributeDefinition {
  return { number, read };
}
