import type { IsnsRegistration } from './isns/index.js';
import { portalsSeenFrom } from './login/index.js';
import type { SessionDirectory } from './session/session-directory.js';

/**
 * What an iSNS server is told that sees us at `localAddress`: what discovery would tell it. Targets that it could not reach are left out.
 * The entity is named after the first target unless it has a name, so that two engines of one machine do not replace each other.
 */
export function isnsRegistrationOf(directory: SessionDirectory, localAddress: string, entity: string | undefined): IsnsRegistration {
  const portals = portalsSeenFrom({ address: localAddress }, directory.portals);
  const targets = directory.targets.map((target) => ({
    name: target.name,
    ...(target.alias === undefined ? {} : { alias: target.alias }),
    portals: portals.filter(({ portalGroupTag }) => target.isReachedBy(portalGroupTag)),
  }));
  return { entity: entity ?? directory.targets[0]?.name ?? '', targets: targets.filter((target) => target.portals.length > 0) };
}
