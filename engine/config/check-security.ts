import { openPortalFault } from './open-portals.js';
import { formatPortal, portalGroupTagOf } from './portal.js';
import { type ConfigPath, type ConfigProblem, formatPath } from './problem.js';
import type { Draft, DraftAccessRule, DraftChap, DraftTarget, DraftUser } from './read-draft.js';

/** The rules that tie together what is said of who may log in. Every problem found is pushed to `problems`. */
export function checkSecurity(draft: Draft, problems: ConfigProblem[]): void {
  if (draft.discovery !== undefined) {
    checkChap(draft.discovery, ['discovery'], problems);
    if (draft.discovery.users === undefined) invalid(problems, ['discovery', 'users'], 'missing; expected a list of users');
  }
  for (const [index, target] of (draft.targets ?? []).entries()) {
    if (target === undefined) continue;
    checkChap(target, ['targets', index], problems);
    for (const [ruleIndex, rule] of (target.access ?? []).entries()) {
      if (rule !== undefined) checkRule(rule, target, ['targets', index, 'access', ruleIndex], problems);
    }
  }
  checkRedirects(draft, problems);
}

function invalid(problems: ConfigProblem[], path: ConfigPath, message: string): void {
  problems.push({ code: 'CONFIG_INVALID', path, at: 'value', message });
}

/** The default is closed: beyond loopback no target is served that says nothing of who may log in. */
export function checkOpenPortals(draft: Draft, problems: ConfigProblem[]): void {
  // What could not be read may have been a rule: one mistake is not to look like two.
  const isSaid = (index: number, key: string) => hasProblemBelow(['targets', index, key], problems);
  const openTargets = [...(draft.targets ?? []).entries()].flatMap(([index, target]) => {
    if (target === undefined || !isOpen(target) || isSaid(index, 'users') || isSaid(index, 'access')) return [];
    return [{ name: target.name ?? formatPath(['targets', index]), tags: target['portal-groups'] }];
  });
  for (const [index, portal] of (draft.portals ?? []).entries()) {
    if (portal === undefined) continue;
    const tag = portalGroupTagOf(portal);
    const names = openTargets.filter(({ tags }) => tags?.includes(tag) ?? true).map(({ name }) => name);
    const refusal = openPortalFault(portal, names, draft.insecure ?? false);
    if (refusal !== null) problems.push({ code: 'CONFIG_OPEN_PORTAL', path: ['portals', index], at: 'value', message: refusal });
  }
}

function isOpen(target: DraftTarget): boolean {
  return target.users === undefined && target.access === undefined;
}

function checkChap(chap: DraftChap, path: ConfigPath, problems: ConfigProblem[]): void {
  const firstIndex = new Map<string, number>();
  for (const [index, user] of (chap.users ?? []).entries()) {
    if (user === undefined) continue;
    checkSecret(user, [...path, 'users', index], problems);
    if (user.name === undefined) continue;
    const first = firstIndex.get(user.name);
    if (first === undefined) firstIndex.set(user.name, index);
    else invalid(problems, [...path, 'users', index, 'name'], `${user.name} is there twice, first as ${formatPath([...path, 'users', first])}`);
  }
  if (chap.mutual !== undefined) checkSecret(chap.mutual, [...path, 'mutual'], problems);
  if (chap.users !== undefined || path.at(-1) === 'discovery') return;
  for (const key of ['mutual', 'algorithms'] as const) {
    if (chap[key] !== undefined) invalid(problems, [...path, key], `${key} belongs to users, and there are none: nobody is asked to authenticate`);
  }
}

function checkSecret({ secret }: DraftUser, userPath: ConfigPath, problems: ConfigProblem[]): void {
  if (secret === undefined || (secret.file === undefined) !== (secret.env === undefined)) return;
  invalid(problems, [...userPath, 'secret'], 'expected either file or env, such as { file: secrets/alice } or { env: ALICE_SECRET }');
}

function checkRule(rule: DraftAccessRule, target: DraftTarget, path: ConfigPath, problems: ConfigProblem[]): void {
  if (rule.initiator === undefined && rule.address === undefined && rule.user === undefined && !hasProblemBelow(path, problems)) {
    invalid(problems, path, 'expected initiator, address or user; initiator: "*" stands for everybody');
  }
  const users = new Set(target.users?.map((user) => user?.name));
  if (!users.has(undefined)) {
    for (const user of listOf(rule.user)) {
      if (user !== undefined && !users.has(user)) invalid(problems, [...path, 'user'], `${user} is none of the users of the target`);
    }
  }
  const luns = new Set(target.luns?.map((lun) => lun?.lun));
  if (luns.has(undefined) || target.luns === undefined) return;
  for (const [index, lun] of (rule.luns ?? []).entries()) {
    if (lun !== undefined && !luns.has(lun)) invalid(problems, [...path, 'luns', index], `the target has no LUN ${lun}`);
  }
}

/** What is missing here may have been there and wrong. */
function hasProblemBelow(path: ConfigPath, problems: readonly ConfigProblem[]): boolean {
  return problems.some((problem) => path.every((step, index) => problem.path[index] === step));
}

export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function checkRedirects(draft: Draft, problems: ConfigProblem[]): void {
  const portals = new Set(draft.portals?.map((portal) => portal && formatPortal(portal)));
  for (const [index, redirect] of (draft.redirects ?? []).entries()) {
    if (redirect === undefined) continue;
    const path = ['redirects', index];
    if (redirect.target === undefined && redirect.portal === undefined && !hasProblemBelow(path, problems)) {
      invalid(problems, path, 'expected target, portal or both: what is sent elsewhere');
    }
    if (redirect.portal === undefined || portals.has(undefined) || draft.portals === undefined) continue;
    const text = formatPortal(redirect.portal);
    if (!portals.has(text)) invalid(problems, [...path, 'portal'], `${text} is none of the portals`);
  }
}
