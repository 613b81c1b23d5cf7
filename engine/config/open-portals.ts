import { TargetError } from '../errors.js';
import type { EngineConfig, PortalConfig } from './engine-config.js';
import { formatPortal, isLoopback } from './portal.js';

/** Why this portal must not be opened, or null when it may be. */
export function openPortalFault(portal: PortalConfig, insecure: boolean): string | null {
  if (insecure || isLoopback(portal.address)) return null;
  return (
    `${formatPortal(portal)} can be reached from other machines, and there is no access control yet: ` +
    'whoever connects could read and overwrite every LUN. Listen on 127.0.0.1, or say --insecure (insecure: true) when the network is yours'
  );
}

/**
 * Keeps every way into the engine, the API too, from serving beyond loopback by accident.
 * Throws `TargetError` `CONFIG_OPEN_PORTAL`.
 */
export function refuseOpenPortals(config: Pick<EngineConfig, 'portals' | 'insecure'>): void {
  for (const portal of config.portals) {
    const refusal = openPortalFault(portal, config.insecure);
    if (refusal !== null) throw new TargetError('CONFIG_OPEN_PORTAL', refusal);
  }
}
