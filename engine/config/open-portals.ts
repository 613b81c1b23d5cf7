import { TargetError } from '../errors.js';
import type { EngineConfig, PortalConfig, TargetConfig } from './engine-config.js';
import { formatPortal, isLoopback, portalGroupTagOf } from './portal.js';

const QUOTED_COUNT_MAX = 3;

/**
 * Why this portal must not be opened, or null when it may be. `openTargets` are the names of the targets that say nothing about who
 * may log in: the default is closed, so beyond loopback these are served only when somebody says that he means it.
 */
export function openPortalFault(portal: PortalConfig, openTargets: readonly string[], insecure: boolean): string | null {
  if (insecure || openTargets.length === 0 || isLoopback(portal.address)) return null;
  return (
    `${formatPortal(portal)} can be reached from other machines, and nothing says who may log in to ${nameSome(openTargets)}: ` +
    'whoever connects could read and overwrite every LUN. Give users or access rules, listen on 127.0.0.1, ' +
    'or say --insecure (insecure: true) when the network is yours'
  );
}

function nameSome(names: readonly string[]): string {
  const some = names.slice(0, QUOTED_COUNT_MAX).join(', ');
  return names.length > QUOTED_COUNT_MAX ? `${some} and ${names.length - QUOTED_COUNT_MAX} more` : some;
}

/** A target that lets in whoever comes. */
export function isOpenTarget(target: Pick<TargetConfig, 'users' | 'access'>): boolean {
  return target.users === undefined && target.access === undefined;
}

/** Names of the targets that a portal serves to whoever comes: those of other portal groups are not reached by it. */
function openTargetNames(targets: readonly TargetConfig[], portal: PortalConfig): string[] {
  const tag = portalGroupTagOf(portal);
  return targets.filter((target) => isOpenTarget(target) && (target.portalGroupTags?.includes(tag) ?? true)).map((target) => target.name);
}

/** Portals beyond loopback, and the targets that they serve to whoever connects. */
export function openToOthers(config: Pick<EngineConfig, 'portals' | 'targets'>): {
  readonly portals: readonly PortalConfig[];
  readonly targetNames: readonly string[];
} {
  const portals = config.portals.filter((portal) => !isLoopback(portal.address) && openTargetNames(config.targets, portal).length > 0);
  return { portals, targetNames: [...new Set(portals.flatMap((portal) => openTargetNames(config.targets, portal)))] };
}

/**
 * Keeps every way into the engine, the API too, from serving beyond loopback by accident.
 * Throws `TargetError` `CONFIG_OPEN_PORTAL`.
 */
export function refuseOpenPortals(config: Pick<EngineConfig, 'portals' | 'targets' | 'insecure'>): void {
  for (const portal of config.portals) {
    const refusal = openPortalFault(portal, openTargetNames(config.targets, portal), config.insecure);
    if (refusal !== null) throw new TargetError('CONFIG_OPEN_PORTAL', refusal);
  }
}
