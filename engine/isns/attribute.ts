import { isIPv4, isIPv6 } from 'node:net';
import { assert } from '../errors.js';

/** The attributes that a target registers and asks for. RFC 4171 §6.1. */
export const IsnsTag = {
  delimiter: 0,
  entityIdentifier: 1,
  entityProtocol: 2,
  registrationPeriod: 6,
  portalIpAddress: 16,
  portalPort: 17,
  iscsiName: 32,
  iscsiNodeType: 33,
  iscsiAlias: 34,
  portalGroupIscsiName: 48,
  portalGroupIpAddress: 49,
  portalGroupPort: 50,
  portalGroupTag: 51,
} as const;

/** Entity Protocol, RFC 4171 §6.2.2. */
export const ENTITY_PROTOCOL_ISCSI = 2;
/** iSCSI Node Type, RFC 4171 §6.4.2. */
export const NODE_TYPE_TARGET = 1;

/** One attribute; an empty value asks for it in a query. */
export interface IsnsAttribute {
  readonly tag: number;
  readonly value: Uint8Array;
}

const HEADER_LENGTH_BYTES = 8;
const ALIGNMENT_BYTES = 4;
const IP_LENGTH_BYTES = 16;
const noValue = new Uint8Array(0);

export const delimiter: IsnsAttribute = { tag: IsnsTag.delimiter, value: noValue };

/** Asks for an attribute in a query; says that there is none elsewhere. RFC 4171 §5.6.5.2. */
export function emptyAttribute(tag: number): IsnsAttribute {
  return { tag, value: noValue };
}

/** UTF-8 with a zero byte behind it. RFC 4171 §5.3.1 "Message Key and Operating Attributes" wants multiples of four bytes, filled with zeros. */
export function textAttribute(tag: number, text: string): IsnsAttribute {
  return { tag, value: Buffer.from(`${text}\0`, 'utf8') };
}

export function numberAttribute(tag: number, number: number): IsnsAttribute {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(number);
  return { tag, value };
}

/** An address in 16 bytes; IPv4 stands behind ::ffff:. RFC 4171 §6.3.1. */
export function addressAttribute(tag: number, address: string): IsnsAttribute {
  return { tag, value: addressBytes(address) };
}

/** The 16 bytes of an address as Node writes it. */
export function addressBytes(address: string): Buffer {
  const plain = address.split('%', 1)[0] as string;
  const bytes = Buffer.alloc(IP_LENGTH_BYTES);
  if (isIPv4(plain)) {
    bytes.fill(0xff, 10, 12);
    bytes.set(plain.split('.').map(Number), 12);
    return bytes;
  }
  assert(isIPv6(plain), `${address} is an address`);
  const [front = '', back] = withoutDots(plain).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  for (const [index, group] of groups(front).entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index);
  const behind = groups(back ?? '');
  for (const [index, group] of behind.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), IP_LENGTH_BYTES - 2 * (behind.length - index));
  return bytes;
}

/** `::ffff:192.0.2.1` with the dotted part in groups of hex digits. */
function withoutDots(address: string): string {
  const start = address.lastIndexOf(':') + 1;
  const dotted = address.slice(start);
  if (!dotted.includes('.')) return address;
  const [a, b, c, d] = dotted.split('.').map(Number) as [number, number, number, number];
  return `${address.slice(0, start)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** Tag, length, value; values are filled up with zeros, which the length counts. RFC 4171 §5.2 "iSNSP Message Header", §6. */
export function encodeAttributes(attributes: readonly IsnsAttribute[]): Buffer {
  const pieces: Buffer[] = [];
  for (const { tag, value } of attributes) {
    const lengthBytes = Math.ceil(value.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const piece = Buffer.alloc(HEADER_LENGTH_BYTES + lengthBytes);
    piece.writeUInt32BE(tag, 0);
    piece.writeUInt32BE(lengthBytes, 4);
    piece.set(value, HEADER_LENGTH_BYTES);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The attributes in order, as views of `bytes`, or null when one overruns them or has an odd length. */
export function parseAttributes(bytes: Buffer): IsnsAttribute[] | null {
  const attributes: IsnsAttribute[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < HEADER_LENGTH_BYTES) return null;
    const lengthBytes = bytes.readUInt32BE(at + 4);
    const start = at + HEADER_LENGTH_BYTES;
    if (lengthBytes % ALIGNMENT_BYTES !== 0 || lengthBytes > bytes.length - start) return null;
    attributes.push({ tag: bytes.readUInt32BE(at), value: bytes.subarray(start, start + lengthBytes) });
    at = start + lengthBytes;
  }
  return attributes;
}

/** A number, or null when the value is none. */
export function numberOf({ value }: IsnsAttribute): number | null {
  return value.length === 4 ? Buffer.from(value.buffer, value.byteOffset, 4).readUInt32BE() : null;
}

/** The text in front of the first zero byte. Bytes that are not UTF-8 become replacement characters, which are in no name of ours. */
export function textOf({ value }: IsnsAttribute): string {
  const end = value.indexOf(0);
  return Buffer.from(end < 0 ? value : value.subarray(0, end)).toString('utf8');
}
