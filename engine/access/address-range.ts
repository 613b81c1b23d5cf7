import { BlockList, isIP } from 'node:net';
import { unmappedAddress } from '../login/index.js';

const PREFIX_PATTERN = /^(?:0|[1-9][0-9]{0,2})$/;
const ADDRESS_BITS = { ipv4: 32, ipv6: 128 } as const;

export const ADDRESS_RANGE_FORM = 'an address or a range such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32';

/** A remote address as rules know it: IPv4 of a dual-stack socket as IPv4, and without the zone that only this machine understands. */
export function plainAddress(address: string): string {
  return unmappedAddress(address).split('%', 1)[0] as string;
}

/** Addresses with a common prefix, in CIDR notation. RFC 4632 §3.1, RFC 4291 §2.3. */
export class AddressRange {
  /** As it was written. */
  readonly text: string;
  readonly #list: BlockList;
  readonly #family: keyof typeof ADDRESS_BITS;

  private constructor(text: string, list: BlockList, family: keyof typeof ADDRESS_BITS) {
    this.text = text;
    this.#list = list;
    this.#family = family;
  }

  /** Null when the text has no such form. An IPv4 range in the dress of IPv6 has none: its addresses are compared as IPv4. */
  static parse(text: string): AddressRange | null {
    const slash = text.indexOf('/');
    const address = slash < 0 ? text : text.slice(0, slash);
    const version = isIP(address);
    if (version === 0 || plainAddress(address) !== address) return null;
    const family = version === 6 ? 'ipv6' : 'ipv4';
    const prefixText = slash < 0 ? String(ADDRESS_BITS[family]) : text.slice(slash + 1);
    const prefix = PREFIX_PATTERN.test(prefixText) ? Number(prefixText) : Number.NaN;
    if (!(prefix <= ADDRESS_BITS[family])) return null;
    const list = new BlockList();
    list.addSubnet(address, prefix, family);
    return new AddressRange(text, list, family);
  }

  /** `address` is a plain one. */
  includes(address: string): boolean {
    // The list itself takes every IPv4 address for one of IPv6.
    return isIP(address) === (this.#family === 'ipv6' ? 6 : 4) && this.#list.check(address, this.#family);
  }
}
