import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LunloomOptions } from '../../support/lunloom-process.js';

const SECRET = 'secret-of-the-user';
const TARGET_SECRET = 'secret-of-the-target';
/** Names that look like binary values, in whole digits, so that decoding them would succeed: they are names all the same. */
const HEX_NAME = '0x6c756e6c6f6f6d';
const BASE64_NAME = '0bbHVubG9vbXM';
const OTHER_HEX_NAME = '0x746172676574';
const OTHER_BASE64_NAME = '0bdGFyZ2V0';

/** How an initiator proves who it is, and has the target prove who it is: each has a target of its own. */
export interface Credentials {
  readonly name: string;
  readonly user?: string;
  /** The name under which the target proves itself. */
  readonly targetUser?: string;
}

export const credentials: readonly Credentials[] = [
  { name: 'no-chap' },
  { name: 'chap', user: 'alice' },
  { name: 'mutual-chap', user: 'alice', targetUser: 'lunloom' },
  { name: 'hex-name', user: HEX_NAME },
  { name: 'base64-name', user: BASE64_NAME },
  { name: 'hex-names-both-ways', user: HEX_NAME, targetUser: OTHER_HEX_NAME },
  { name: 'base64-names-both-ways', user: BASE64_NAME, targetUser: OTHER_BASE64_NAME },
];

const targetNameOf = ({ name }: Credentials) => `iqn.2026-11.io.lunloom:${name}`;

/** `iscsi://user%secret@portal/target/0`, with the target's user and password when it has to prove itself. */
export function urlOf(each: Credentials, portal: string): string {
  const user = each.user === undefined ? '' : `${each.user}%${SECRET}@`;
  const query = each.targetUser === undefined ? '' : `?target_user=${each.targetUser}&target_password=${TARGET_SECRET}`;
  return `iscsi://${user}${portal}/${targetNameOf(each)}/0${query}`;
}

/** A target for each of the credentials. `remove` takes the files with the secrets away. */
export function matrixOptions(execution: string): { readonly options: LunloomOptions; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-matrix-'));
  const secretFile = (name: string, secret: string) => {
    const file = join(folder, name);
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    return { file };
  };
  const targets = credentials.map((each) => ({
    name: targetNameOf(each),
    luns: [{ lun: 0, store: 'ram:64MiB', execution }],
    ...(each.user === undefined ? {} : { users: [{ name: each.user, secret: secretFile('user', SECRET) }] }),
    ...(each.targetUser === undefined ? {} : { mutual: { name: each.targetUser, secret: secretFile('target', TARGET_SECRET) } }),
  }));
  // Tests that fail to log in on purpose are not to wait for long.
  return { options: { config: { targets, limits: { loginFailureDelayMsMax: 200 } } }, remove: () => rmSync(folder, { recursive: true }) };
}
