import { BlockList, isIP } from 'node:net';
import type { TargetPortal } from './target-address.js';

/** The end of a connection that is ours: what portals look like depends on where one looks from. */
export interface LocalEnd {
  /** As the socket has it: IPv4 peers of a dual-stack socket show as `::ffff:192.0.2.1`. */
  readonly address: string;
  /** Of the portal that the connection came in by; left out where it came in by none. */
  readonly port?: number;
}

const MAPPED_IPV4_PATTERN = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const LINK_LOCAL_PATTERN = /^fe[89ab][0-9a-f]:/i;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** IPv4 where the address is IPv4 in the dress of IPv6, which initiators cannot use. */
export function unmappedAddress(address: string): string {
  return MAPPED_IPV4_PATTERN.exec(address)?.[1] ?? address;
}

/** True for 127.0.0.0/8 and ::1: nobody on another machine can reach these. */
export function isLoopbackAddress(address: string): boolean {
  const plain = unmappedAddress(address);
  const family = isIP(plain);
  return family !== 0 && loopback.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

function isLinkLocal(address: string): boolean {
  return LINK_LOCAL_PATTERN.test(address);
}

/** `[::]` listens for both families, `0.0.0.0` for IPv4 only. */
function isWildcardFor(portalAddress: string, localAddress: string): boolean {
  return portalAddress === '::' || (portalAddress === '0.0.0.0' && isIP(localAddress) === 4);
}

function isWildcard(address: string): boolean {
  return address === '::' || address === '0.0.0.0';
}

/**
 * The portals as somebody may be told of them who reached us at `local`, that one first. A wildcard becomes the address that was
 * reached. Loopback is told to those who came by loopback, and a link-local address to those who came by it: to others these mean
 * something else. RFC 7143 Appendix C.
 */
export function portalsSeenFrom(local: LocalEnd, portals: readonly TargetPortal[]): TargetPortal[] {
  const address = unmappedAddress(local.address);
  const seen: TargetPortal[] = [];
  for (const portal of portals) {
    if (isWildcard(portal.address)) {
      if (isWildcardFor(portal.address, address)) seen.push({ ...portal, address });
    } else if (isLoopbackAddress(portal.address)) {
      if (isLoopbackAddress(address)) seen.push(portal);
    } else if (!isLinkLocal(portal.address) || portal.address === address) seen.push(portal);
  }
  const isOwn = (portal: TargetPortal): boolean => portal.port === local.port && portal.address === address;
  // 0.0.0.0:3260 beside [::1]:3260 and the like: what looks the same from here is told once.
  const unique = seen.filter((portal, index) => seen.findIndex((other) => other.address === portal.address && other.port === portal.port) === index);
  return [...unique.filter(isOwn), ...unique.filter((portal) => !isOwn(portal))];
}
