import { formatRedirectAddress } from '../access/index.js';
import { assert } from '../errors.js';
import { listOf } from './check-security.js';
import type { AccessRuleConfig, ChapConfig, ChapUserConfig, RedirectConfig, SecretSource } from './engine-config.js';
import { formatPortalText } from './portal.js';
import type { DraftAccessRule, DraftChap, DraftRedirect, DraftUser } from './read-draft.js';
import { resolveStorePath } from './store-text.js';

/** What the configuration says of who may log in, from the draft to the complete configuration and back to a document. */

export function completeChap(draft: DraftChap, baseDirectory: string): ChapConfig {
  const { users, mutual, algorithms } = draft;
  return {
    ...(users === undefined ? {} : { users: users.map((user) => completeUser(user, baseDirectory)) }),
    ...(mutual === undefined ? {} : { mutual: completeUser(mutual, baseDirectory) }),
    ...(algorithms === undefined ? {} : { algorithms: algorithms.filter((name) => name !== undefined) }),
  };
}

function completeUser(draft: DraftUser | undefined, baseDirectory: string): ChapUserConfig {
  assert(draft?.name !== undefined && draft.secret !== undefined, 'a user without problems has a name and a secret');
  return { name: draft.name, secret: completeSource(draft.secret, baseDirectory) };
}

function completeSource({ file, env }: NonNullable<DraftUser['secret']>, baseDirectory: string): SecretSource {
  if (file !== undefined) return { file: resolveStorePath(baseDirectory, file) };
  assert(env !== undefined, 'a secret without problems is in a file or in the environment');
  return { env };
}

export function completeAccess(rules: readonly (DraftAccessRule | undefined)[]): AccessRuleConfig[] {
  return rules.map((rule) => {
    assert(rule !== undefined, 'a list without problems is whole');
    const { initiator, address, user, luns } = rule;
    return {
      ...(initiator === undefined ? {} : { initiators: listOf(initiator) }),
      ...(address === undefined ? {} : { addresses: listOf(address) }),
      ...(user === undefined ? {} : { users: listOf(user) }),
      ...(luns === undefined ? {} : { luns }),
    };
  });
}

export function completeRedirect(draft: DraftRedirect | undefined): RedirectConfig {
  assert(draft?.to !== undefined, 'a redirection without problems leads somewhere');
  const { target, portal, to, permanent } = draft;
  return { ...(target === undefined ? {} : { target }), ...(portal === undefined ? {} : { portal }), to, permanent: permanent ?? false };
}

export function chapDocumentOf({ users, mutual, algorithms }: ChapConfig): Record<string, unknown> {
  return {
    ...(users === undefined ? {} : { users: users.map(userDocumentOf) }),
    ...(mutual === undefined ? {} : { mutual: userDocumentOf(mutual) }),
    ...(algorithms === undefined ? {} : { algorithms: [...algorithms] }),
  };
}

function userDocumentOf({ name, secret }: ChapUserConfig): Record<string, unknown> {
  // Said member by member: whatever else somebody's object carries does not get into a document.
  return { name, secret: 'file' in secret ? { file: secret.file } : { env: secret.env } };
}

export function accessDocumentOf({ initiators, addresses, users, luns }: AccessRuleConfig): Record<string, unknown> {
  return {
    ...(initiators === undefined ? {} : { initiator: [...initiators] }),
    ...(addresses === undefined ? {} : { address: [...addresses] }),
    ...(users === undefined ? {} : { user: [...users] }),
    ...(luns === undefined ? {} : { luns: [...luns] }),
  };
}

export function redirectDocumentOf({ target, portal, to, permanent }: RedirectConfig): Record<string, unknown> {
  return {
    ...(target === undefined ? {} : { target }),
    ...(portal === undefined ? {} : { portal: formatPortalText(portal) }),
    to: formatRedirectAddress(to),
    permanent,
  };
}
