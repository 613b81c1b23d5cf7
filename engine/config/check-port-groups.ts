import { DEFAULT_PORTAL_GROUP_TAG, portalGroupTagOf } from './portal.js';
import { type ConfigPath, type ConfigProblem, formatPath } from './problem.js';
import type { Draft, DraftTarget } from './read-draft.js';

/** Target port groups: every portal group by which the target is reached is in exactly one of them. SPC-4 "Asymmetric logical unit access". */
export function checkPortGroups(target: DraftTarget, draft: Draft, targetPath: ConfigPath, problems: ConfigProblem[]): void {
  const groups = target['port-groups'];
  if (groups === undefined) return;
  const path = [...targetPath, 'port-groups'];
  const reaching = tagsThatReach(target, draft);
  const firstById = new Map<number, number>();
  const firstByTag = new Map<number, number>();
  let isWhole = true;
  for (const [index, group] of groups.entries()) {
    isWhole &&= group?.portals !== undefined && !group.portals.includes(undefined);
    if (group?.id !== undefined) {
      const first = firstById.get(group.id);
      if (first === undefined) firstById.set(group.id, index);
      else invalid(problems, [...path, index, 'id'], `target port group ${group.id} is there twice, first as ${formatPath([...path, first])}`);
    }
    for (const [tagIndex, tag] of (group?.portals ?? []).entries()) {
      if (tag === undefined) continue;
      const tagPath = [...path, index, 'portals', tagIndex];
      const first = firstByTag.get(tag);
      if (first !== undefined) invalid(problems, tagPath, `portal group ${tag} is in ${formatPath([...path, first])} already; a port has one access state`);
      else firstByTag.set(tag, index);
      if (reaching !== null && !reaching.has(tag)) invalid(problems, tagPath, `the target is not reached by a portal with the portal group tag ${tag}`);
    }
  }
  if (!isWhole) return;
  for (const tag of reaching ?? []) {
    if (!firstByTag.has(tag)) invalid(problems, path, `portal group ${tag} reaches the target too; put it into one of the target port groups`);
  }
}

function invalid(problems: ConfigProblem[], path: ConfigPath, message: string): void {
  problems.push({ code: 'CONFIG_INVALID', path, at: 'value', message });
}

/** Null when portals could not be read. */
function tagsThatReach(target: DraftTarget, { portals }: Draft): ReadonlySet<number> | null {
  const own = target['portal-groups'];
  if (portals?.includes(undefined) === true || own?.includes(undefined as never) === true) return null;
  const tags = portals?.map((portal) => (portal === undefined ? 0 : portalGroupTagOf(portal))) ?? [DEFAULT_PORTAL_GROUP_TAG];
  return new Set(own === undefined ? tags : tags.filter((tag) => own.includes(tag)));
}
