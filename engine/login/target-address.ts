import { unmappedAddress } from './advertised-portals.js';

/** One network portal of a target, as SendTargets tells it. RFC 7143 §13.8. */
export interface TargetPortal {
  /** IPv4 or IPv6 address as Node writes it, without brackets, or a host name. */
  readonly address: string;
  readonly port: number;
  readonly portalGroupTag: number;
}

/** `address:port,portalGroupTag`, with IPv6 in brackets. */
export function formatTargetAddress(portal: TargetPortal): string {
  // A dual-stack socket shows IPv4 peers as mapped, which initiators cannot use; zone indices mean nothing to others.
  const address = unmappedAddress(portal.address).split('%', 1)[0] as string;
  return `${address.includes(':') ? `[${address}]` : address}:${portal.port},${portal.portalGroupTag}`;
}
