import { findDeviceKind } from '../devices/registry.js';
import { type LimitName, limitTable } from '../limits.js';
import { checkLuns, checkUnitNames } from './check-luns.js';
import { checkPortGroups } from './check-port-groups.js';
import { checkOpenPortals, checkSecurity } from './check-security.js';
import { DEFAULT_PORTAL_GROUP_TAG, formatPortal, portalGroupTagOf } from './portal.js';
import { type ConfigPath, type ConfigProblem, formatPath } from './problem.js';
import type { Draft, DraftTarget } from './read-draft.js';
import { resolveDeviceSource, resolveStorePath, type StoreText } from './store-text.js';

/** The rules that tie values together, over whatever could be read. Every problem found is pushed to `problems`. */
export function checkDraft(draft: Draft, baseDirectory: string, problems: ConfigProblem[]): void {
  checkPortals(draft, problems);
  checkOpenPortals(draft, problems);
  checkTargets(draft, problems);
  checkFiles(draft, baseDirectory, problems);
  checkUnitNames(draft, problems);
  checkWorkers(draft, problems);
  checkLimits(draft, problems);
  checkSecurity(draft, problems);
}

function invalid(problems: ConfigProblem[], path: ConfigPath, message: string): void {
  problems.push({ code: 'CONFIG_INVALID', path, at: 'value', message });
}

function checkPortals(draft: Draft, problems: ConfigProblem[]): void {
  const firstIndex = new Map<string, number>();
  for (const [index, portal] of (draft.portals ?? []).entries()) {
    if (portal === undefined) continue;
    const path = ['portals', index];
    const text = formatPortal(portal);
    const first = firstIndex.get(text);
    // Port 0 is another free port each time.
    if (first !== undefined && portal.port !== 0) invalid(problems, path, `${text} is there twice, first as ${formatPath(['portals', first])}`);
    else firstIndex.set(text, index);
  }
}

function checkTargets(draft: Draft, problems: ConfigProblem[]): void {
  const firstIndex = new Map<string, number>();
  for (const [index, target] of (draft.targets ?? []).entries()) {
    if (target === undefined) continue;
    const path = ['targets', index];
    if (target.name !== undefined) {
      // The digits of eui. and naa. names may be of either case and mean the same.
      const name = target.name.toLowerCase();
      const first = firstIndex.get(name);
      if (first === undefined) firstIndex.set(name, index);
      else invalid(problems, [...path, 'name'], `${target.name} is there twice, first as ${formatPath(['targets', first])}`);
    }
    checkPortalGroups(target, draft, path, problems);
    checkPortGroups(target, draft, path, problems);
    checkLuns(target, path, problems);
  }
}

/** A target of groups that no portal has could be reached by nobody. */
function checkPortalGroups(target: DraftTarget, draft: Draft, targetPath: ConfigPath, problems: ConfigProblem[]): void {
  const { portals } = draft;
  if (portals?.includes(undefined) === true) return;
  const tags = new Set(portals?.map((portal) => (portal === undefined ? 0 : portalGroupTagOf(portal))) ?? [DEFAULT_PORTAL_GROUP_TAG]);
  for (const [index, tag] of (target['portal-groups'] ?? []).entries()) {
    if (tag === undefined || tags.has(tag)) continue;
    const message = `no portal has the portal group tag ${tag}; write it behind the portal, such as 127.0.0.1:3260,${tag}`;
    invalid(problems, [...targetPath, 'portal-groups', index], message);
  }
}

/** Two logical units on one file would know nothing of each other's reservations, locks and COMPARE AND WRITE. */
function checkFiles(draft: Draft, baseDirectory: string, problems: ConfigProblem[]): void {
  const firstUses = new Map<string, { readonly path: ConfigPath; readonly readOnly: boolean }>();
  for (const [targetIndex, target] of (draft.targets ?? []).entries()) {
    for (const [lunIndex, lun] of (target?.luns ?? []).entries()) {
      const file = lun?.store === undefined ? null : ownFileOf(lun.store, baseDirectory);
      if (lun === undefined || file === null) continue;
      const path = ['targets', targetIndex, 'luns', lunIndex];
      const readOnly = lun.readonly ?? false;
      const first = firstUses.get(file);
      if (first === undefined) firstUses.set(file, { path, readOnly });
      else if (!(first.readOnly && readOnly)) {
        invalid(
          problems,
          [...path, 'store'],
          `${file} is served already as ${formatPath(first.path)}; a file may be shared only when every LUN on it is readonly`,
        );
      }
    }
  }
}

/** The file or directory that a LUN has for itself. */
function ownFileOf(store: StoreText, baseDirectory: string): string | null {
  if (store.kind === 'file') return resolveStorePath(baseDirectory, store.path);
  if (store.kind !== 'device') return null;
  return findDeviceKind(store.device)?.ownPath?.(resolveDeviceSource(store.device, store.source, baseDirectory)) ?? null;
}

function checkWorkers(draft: Draft, problems: ConfigProblem[]): void {
  const { workers } = draft;
  if (workers === undefined) return;
  const workerCountMax = limitOf(draft, 'workerCountMax');
  if (workers > workerCountMax) invalid(problems, ['workers'], `expected a whole number from 0 to ${workerCountMax} (limits.workerCountMax), found ${workers}`);
  if (workers !== 0) return;
  const message = 'pool needs workers, and workers is 0';
  if (draft.execution === 'pool') invalid(problems, ['execution'], message);
  for (const [targetIndex, target] of (draft.targets ?? []).entries()) {
    for (const [lunIndex, lun] of (target?.luns ?? []).entries()) {
      if (lun?.execution === 'pool') invalid(problems, ['targets', targetIndex, 'luns', lunIndex, 'execution'], message);
    }
  }
}

/** Pairs of which the first must not exceed the second, and why. */
const ORDERED_LIMITS: readonly (readonly [LimitName, LimitName, string])[] = [
  ['firstBurstLengthBytes', 'maxBurstLengthBytes', 'RFC 7143 §13.14 wants FirstBurstLength within MaxBurstLength'],
  ['transferLengthBytesMax', 'arenaBytes', 'one command must fit the arena'],
  ['commandWindowCountMax', 'slotCount', 'every command of a window needs a slot'],
];

function checkLimits(draft: Draft, problems: ConfigProblem[]): void {
  for (const [lesser, greater, reason] of ORDERED_LIMITS) {
    const lesserValue = limitOf(draft, lesser);
    const greaterValue = limitOf(draft, greater);
    if (lesserValue <= greaterValue) continue;
    // Blame the one that was written; a default cannot be wrong.
    const written = draft.limits?.[lesser] !== undefined ? lesser : greater;
    invalid(problems, ['limits', written], `expected ${lesser} (${lesserValue}) to be at most ${greater} (${greaterValue}): ${reason}`);
  }
}

function limitOf(draft: Draft, name: LimitName): number {
  return draft.limits?.[name] ?? limitTable[name].value;
}
