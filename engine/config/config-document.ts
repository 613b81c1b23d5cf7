import { availableParallelism } from 'node:os';
import { assert } from '../errors.js';
import { type LimitName, limitTable } from '../limits.js';
import { checkDraft } from './check-draft.js';
import type { EngineConfig, IsnsConfig, PortGroupConfig, TargetConfig } from './engine-config.js';
import { formatIsnsServer } from './isns-server.js';
import { completeLun, lunDocumentOf } from './lun-document.js';
import { DEFAULT_PORT, formatPortalText } from './portal.js';
import type { ConfigProblem } from './problem.js';
import { type Draft, type DraftPortGroup, type DraftTarget, readDraft } from './read-draft.js';
import { accessDocumentOf, chapDocumentOf, completeAccess, completeChap, completeRedirect, redirectDocumentOf } from './security-document.js';
import { resolveStorePath } from './store-text.js';

/** What holds where nothing is said. */
export const DEFAULT_PORTAL = { address: '127.0.0.1', port: DEFAULT_PORT } as const;
export const DEFAULT_TARGET_NAME = 'iqn.2026-11.io.lunloom:demo';
export const DEFAULT_LUN_STORE = 'ram:1GiB';
export const DEFAULT_CONTROL = 'auto';
const DEFAULT_REFRESH_SECONDS = 120;

/** One core is the main thread's; the others may work. */
export function defaultWorkerCount(): number {
  return Math.min(Math.max(1, availableParallelism() - 1), limitTable.workerCountMax.value);
}

/**
 * A raw configuration (the YAML file's values, or the same shape built from options) as an `EngineConfig`. Relative
 * `file:` paths start at `baseDirectory`. With any problem there is no configuration; all problems are answered.
 */
export function readConfigDocument(
  raw: unknown,
  baseDirectory: string,
): { readonly config: EngineConfig; readonly problems: readonly [] } | { readonly config: null; readonly problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const draft = readDraft(raw, problems);
  checkDraft(draft, baseDirectory, problems);
  if (problems.length > 0) return { config: null, problems };
  return { config: completeConfig(draft, baseDirectory), problems: [] };
}

function completeConfig(draft: Draft, baseDirectory: string): EngineConfig {
  return {
    portals: complete(draft.portals ?? [DEFAULT_PORTAL]),
    targets: complete(draft.targets).map((target) => completeTarget(target, baseDirectory)),
    execution: draft.execution ?? 'auto',
    workerCount: draft.workers ?? defaultWorkerCount(),
    insecure: draft.insecure ?? false,
    control: completeControl(draft.control ?? DEFAULT_CONTROL, baseDirectory),
    ...(draft.state === undefined ? {} : { state: resolveStorePath(baseDirectory, draft.state) }),
    ...(draft.isns === undefined ? {} : { isns: completeIsns(draft.isns) }),
    ...(draft.discovery === undefined ? {} : { discovery: completeChap(draft.discovery, baseDirectory) }),
    ...(draft.redirects === undefined ? {} : { redirects: draft.redirects.map(completeRedirect) }),
    limits: definedLimits(draft.limits ?? {}),
  };
}

function completeIsns(isns: NonNullable<Draft['isns']>): IsnsConfig {
  const refreshSeconds = isns['refresh-seconds'] ?? DEFAULT_REFRESH_SECONDS;
  return { server: isns.server, ...(isns.entity === undefined ? {} : { entity: isns.entity }), refreshSeconds };
}

function completeControl(control: string, baseDirectory: string): string {
  return control === 'auto' || control === 'off' ? control : resolveStorePath(baseDirectory, control);
}

function completeTarget(target: DraftTarget, baseDirectory: string): TargetConfig {
  assert(target.name !== undefined, 'a target without problems has a name');
  return {
    name: target.name,
    ...(target.alias === undefined ? {} : { alias: target.alias }),
    ...(target['portal-groups'] === undefined ? {} : { portalGroupTags: target['portal-groups'] }),
    ...(target['port-groups'] === undefined ? {} : { portGroups: complete(target['port-groups']).map(completePortGroup) }),
    luns: complete(target.luns).map((lun) => completeLun(lun, baseDirectory)),
    ...completeChap(target, baseDirectory),
    ...(target.access === undefined ? {} : { access: completeAccess(target.access) }),
  };
}

function completePortGroup(group: DraftPortGroup): PortGroupConfig {
  assert(group.id !== undefined, 'a target port group without problems has a number');
  return { id: group.id, portals: complete(group.portals), state: group.state ?? 'active-optimized', preferred: group.preferred ?? false };
}

function portGroupDocumentOf({ id, portals, state, preferred }: PortGroupConfig): Record<string, unknown> {
  return { id, portals: [...portals], state, preferred };
}

/** The list of which every element could be read. */
function complete<T>(items: readonly (T | undefined)[] | undefined): T[] {
  const whole = items?.filter((item) => item !== undefined);
  assert(whole !== undefined && whole.length === items?.length, 'a list without problems is whole');
  return whole;
}

/** The configuration in the words of the YAML file, nothing left to defaults: `readConfigDocument` reads it back. */
export function documentOf(config: EngineConfig): Record<string, unknown> {
  return {
    portals: config.portals.map(formatPortalText),
    targets: config.targets.map((target) => ({
      name: target.name,
      ...(target.alias === undefined ? {} : { alias: target.alias }),
      ...(target.portalGroupTags === undefined ? {} : { 'portal-groups': [...target.portalGroupTags] }),
      ...(target.portGroups === undefined ? {} : { 'port-groups': target.portGroups.map(portGroupDocumentOf) }),
      luns: target.luns.map(lunDocumentOf),
      ...chapDocumentOf(target),
      ...(target.access === undefined ? {} : { access: target.access.map(accessDocumentOf) }),
    })),
    execution: config.execution,
    workers: config.workerCount,
    insecure: config.insecure,
    control: config.control ?? 'off',
    ...(config.state === undefined ? {} : { state: config.state }),
    ...(config.isns === undefined ? {} : { isns: isnsDocumentOf(config.isns) }),
    ...(config.discovery === undefined ? {} : { discovery: chapDocumentOf(config.discovery) }),
    ...(config.redirects === undefined ? {} : { redirects: config.redirects.map(redirectDocumentOf) }),
    ...(Object.keys(config.limits).length === 0 ? {} : { limits: definedLimits(config.limits) }),
  };
}

function isnsDocumentOf({ server, entity, refreshSeconds }: IsnsConfig): Record<string, unknown> {
  return { server: formatIsnsServer(server), ...(entity === undefined ? {} : { entity }), 'refresh-seconds': refreshSeconds };
}

function definedLimits(limits: { readonly [K in LimitName]?: number | undefined }): Partial<Record<LimitName, number>> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
