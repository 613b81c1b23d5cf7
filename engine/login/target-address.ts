/** One network portal of a target, as SendTargets tells it. RFC 7143 §13.8. */
export interface TargetPortal {
  /** IPv4 or IPv6 address as Node writes it, without brackets, or a host name. */
  readonly address: string;
  readonly port: number;
  readonly portalGroupTag: number;
}

const MAPPED_IPV4_PATTERN = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** `address:port,portalGroupTag`, with IPv6 in brackets. */
export function formatTargetAddress(portal: TargetPortal): string {
  // A dual-stack socket shows IPv4 peers as mapped, which initiators cannot use; zone indices mean nothing to others.
  const mapped = MAPPED_IPV4_PATTERN.exec(portal.address)?.[1];
  const address = mapped ?? (portal.address.split('%', 1)[0] as string);
  return `${address.includes(':') ? `[${address}]` : address}:${portal.port},${portal.portalGroupTag}`;
}
