import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { documentOf, readConfigDocument } from '../../../engine/config/config-document.js';
import type { EngineConfig } from '../../../engine/config/engine-config.js';
import { redirectRulesOf } from '../../../engine/config/load-access.js';
import { checkEngineConfig, loadAccess, resolveConfig } from '../../../engine/config/load-config.js';
import { openToOthers } from '../../../engine/config/open-portals.js';
import { ConfigError } from '../../../engine/config/problem.js';
import { parseYamlSource } from '../../../engine/config/yaml-source.js';

const ALICE = 'secret-of-alice-0001';
const TARGET = 'secret-of-target-001';
const NAME = 'iqn.2026-11.io.lunloom:lab';

const folder = mkdtempSync(join(tmpdir(), 'lunloom-secrets-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

function secretFile(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
secretFile('alice', `${ALICE}\n`);
secretFile('target', `${TARGET}\r\n`);

/** One target with these lines, indented as keys of it. */
function yaml(target: string, rest = ''): string {
  const lines = target.split('\n').map((line) => (line === '' ? '' : `    ${line}`));
  return `targets:\n  - name: ${NAME}\n    luns: [{ lun: 0, store: "ram:1MiB" }, { lun: 4, store: "ram:1MiB" }]\n${lines.join('\n')}\n${rest}`;
}

function resolve(text: string): EngineConfig {
  return resolveConfig(parseYamlSource(text, join(folder, 'lab.yaml')));
}

function problemsOf(text: string): { readonly code: string; readonly lines: string[] } {
  try {
    resolve(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { code: error.code, lines: error.message.split('\n').map((line) => line.replaceAll(`${folder}/`, '')) };
  }
  return { code: '', lines: [] };
}

function assertLines(text: string, expected: readonly string[]): void {
  assert.equal(problemsOf(text).lines, expected);
}

const USERS = 'users: [{ name: alice, secret: { file: alice } }]';

test('everything about who may log in, read and written back the same', () => {
  process.env['LUNLOOM_TEST_SECRET'] = 'from-the-environment';
  const text = yaml(
    `users:
  - { name: alice, secret: { file: alice } }
  - { name: "0x626f62", secret: { env: LUNLOOM_TEST_SECRET } }
mutual: { name: lab, secret: { file: target } }
algorithms: [SHA3-256, SHA-256]
access:
  - { initiator: "iqn.2026-11.com.example:*", address: [10.0.0.0/8, "2001:db8::/32"], luns: [4] }
  - { user: [alice, "0x626f62"] }`,
    `portals: ["0.0.0.0:3260", 127.0.0.1:0]
discovery: { users: [{ name: finder, secret: { file: alice } }] }
redirects:
  - { target: iqn.2026-11.io.lunloom:gone, portal: "127.0.0.1:0", to: "[2001:db8::9]", permanent: true }
  - { portal: "0.0.0.0:3260", to: "new.example.com:860" }
`,
  );
  const config = resolve(text);
  const [target] = config.targets;
  assert.equal(target?.users, [
    { name: 'alice', secret: { file: join(folder, 'alice') } },
    { name: '0x626f62', secret: { env: 'LUNLOOM_TEST_SECRET' } },
  ]);
  assert.equal(target?.access, [
    { initiators: ['iqn.2026-11.com.example:*'], addresses: ['10.0.0.0/8', '2001:db8::/32'], luns: [4] },
    { users: ['alice', '0x626f62'] },
  ]);
  assert.equal(config.redirects?.[0]?.to, { host: '2001:db8::9', port: 3260 });
  checkEngineConfig(config);
  const again = readConfigDocument(documentOf(config), '/').config;
  assert.equal(again, config);
  const printed = stringify(documentOf(config)) + JSON.stringify(config);
  for (const secret of [ALICE, TARGET, 'from-the-environment']) assert.not.match(printed, secret);
  assert.equal(openToOthers(config), { portals: [], targetNames: [] });
});

test('the access that comes of it: users, rules and LUNs; a secret without its line end', () => {
  const config = resolve(yaml(`${USERS}\nmutual: { name: lab, secret: { file: target } }\naccess: [{ initiator: "*:a", user: alice, luns: [4] }]`));
  const { targets, discovery } = loadAccess(config);
  const access = targets?.get(NAME);
  assert.is(discovery, null);
  const grant = access?.grantFor({ initiatorName: 'iqn.2026-11.com.example:a', remoteAddress: '10.1.2.3', user: 'alice' });
  assert.equal([...(grant?.luns ?? [])], [4]);
  assert.is(access?.grantFor({ initiatorName: 'iqn.2026-11.com.example:b', remoteAddress: '10.1.2.3', user: 'alice' }), null);
  assert.is(access?.credentials?.mutual?.name, 'lab');
  const written = loadAccess(resolve(yaml(`users: [{ name: alice, secret: { file: ${secretFile('bare', ALICE)} } }]`)));
  const secretOf = (loaded: typeof targets) => loaded?.get(NAME)?.credentials?.findUser('alice')?.secret;
  const [one, other] = [secretOf(targets), secretOf(written.targets)];
  assert.ok(one !== undefined && other?.equals(one));
});

test('a portal beyond loopback is refused while a target says nothing; the target is named', () => {
  const portals = 'portals: ["0.0.0.0:3260"]\n';
  const { code, lines } = problemsOf(yaml('', portals));
  assert.is(code, 'CONFIG_OPEN_PORTAL');
  assert.match(lines[0] ?? '', /portals\[0\]: 0\.0\.0\.0:3260 can be reached .* log in to iqn\.2026-11\.io\.lunloom:lab: .*--insecure/);
  assertLines(yaml('access: [{ initiator: "*" }]', portals), []);
  assertLines(yaml(USERS, portals), []);
  assertLines(yaml('', `${portals}insecure: true\n`), []);
  assert.equal(openToOthers(resolve(yaml('', `${portals}insecure: true\n`))).targetNames, [NAME]);
});

test('a target of another portal group is not served by the portal, and so not open by it', () => {
  const portals = 'portals: ["0.0.0.0:3260", "127.0.0.1:3261,2"]\n';
  assertLines(yaml('portal-groups: [2]', portals), []);
  assert.is(problemsOf(yaml('portal-groups: [1, 2]', portals)).code, 'CONFIG_OPEN_PORTAL');
  assert.equal(openToOthers(resolve(yaml('portal-groups: [2]', portals))), { portals: [], targetNames: [] });
});

test('a rule that could not be read is one problem, not an open portal too', () => {
  assertLines(yaml('access: [{ initiator: "" }]', 'portals: ["0.0.0.0:3260"]\n'), [
    'lab.yaml:4:27: targets[0].access[0].initiator: expected a pattern of initiator names such as iqn.2026-11.com.example:*, found ""',
  ]);
});

test('rules that name nobody, users and LUNs that are not there, words that are no patterns or addresses', () => {
  assertLines(
    yaml(`${USERS}
access:
  - { luns: [0] }
  - { user: bob, luns: [0, 3] }
  - { address: [10.0.0.0/8, 10.0.0.0/33], initiator: "iqn.[a-z]" }
  - { initiator: 7, user: [] }`),
    [
      'lab.yaml:6:9: targets[0].access[0]: expected initiator, address or user; initiator: "*" stands for everybody',
      'lab.yaml:7:17: targets[0].access[1].user: bob is none of the users of the target',
      'lab.yaml:7:32: targets[0].access[1].luns[1]: the target has no LUN 3',
      'lab.yaml:8:33: targets[0].access[2].address[1]: expected an address or a range such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32, found "10.0.0.0/33"',
      'lab.yaml:8:58: targets[0].access[2].initiator: expected a pattern of initiator names such as iqn.2026-11.com.example:*, found "iqn.[a-z]"',
      'lab.yaml:9:22: targets[0].access[3].initiator: expected a pattern of initiator names such as iqn.2026-11.com.example:*, or a list of them, found 7',
      'lab.yaml:9:31: targets[0].access[3].user: expected the name of a user, or a list of them, found an empty list',
    ],
  );
});

test('users twice, users without a place for the secret, and what belongs to users without any', () => {
  assertLines(yaml('users: [{ name: a, secret: { file: alice } }, { name: a, secret: { file: alice } }, { name: b, secret: {} }, { name: c }]'), [
    'lab.yaml:4:59: targets[0].users[1].name: a is there twice, first as targets[0].users[0]',
    'lab.yaml:4:108: targets[0].users[2].secret: expected either file or env, such as { file: secrets/alice } or { env: ALICE_SECRET }',
    'lab.yaml:4:114: targets[0].users[3].secret: missing; expected a mapping such as { file: secrets/alice } or { env: ALICE_SECRET }',
  ]);
  assertLines(yaml('mutual: { name: t, secret: { file: target } }\nalgorithms: [MD5]'), [
    'lab.yaml:4:13: targets[0].mutual: mutual belongs to users, and there are none: nobody is asked to authenticate',
    'lab.yaml:5:17: targets[0].algorithms: algorithms belongs to users, and there are none: nobody is asked to authenticate',
  ]);
  assertLines(yaml('', 'discovery: { mutual: { name: t, secret: { file: target } } }\n'), [
    'lab.yaml:5:12: discovery.users: missing; expected a list of users',
  ]);
  assert.match(
    problemsOf(yaml(`${USERS}\nalgorithms: [SHA1]`)).lines[0] ?? '',
    /algorithms\[0\]: expected SHA3-256, SHA-256, SHA-1, MD5, found "SHA1"; did you mean "SHA-1"/,
  );
});

test('a secret that somebody wrote into the file is refused and not repeated', () => {
  for (const secret of [`secret: ${ALICE}`, `secret: { env: "${ALICE}!" }`, `secret: { value: x, env: ["${ALICE}"] }`, `secret: ["${ALICE}"]`]) {
    const { lines } = problemsOf(yaml(`users: [{ name: a, ${secret} }]`));
    assert.ok(lines.length > 0, secret);
    assert.not.match(lines.join('\n'), ALICE, secret);
    assert.match(lines.join('\n'), 'a secret itself does not belong into the configuration', secret);
  }
});

const FILES: Readonly<Record<string, readonly [() => string, RegExp]>> = {
  'that is not there': [() => 'nowhere', /nowhere: there is no such file$/],
  'that the group may read': [() => secretFile('group', ALICE, 0o640), /others than its owner may use the file \(mode 0640\); chmod 600 it$/],
  'that everybody may read': [() => secretFile('all', ALICE, 0o604), /mode 0604/],
  'that others may write': [() => secretFile('write', ALICE, 0o602), /mode 0602/],
  'behind a link, of the wrong mode': [
    () => {
      symlinkSync(secretFile('linked', ALICE, 0o644), join(folder, 'link'));
      return 'link';
    },
    /mode 0644/,
  ],
  'that is a directory': [
    () => {
      mkdirSync(join(folder, 'directory'), { mode: 0o700 });
      return 'directory';
    },
    /expected a file, found a directory$/,
  ],
  'that is a device': [() => '/dev/null', /expected a regular file$/],
  'that is empty': [() => secretFile('empty', '\n'), /at least 12 bytes .* found 0$/],
  'with 11 bytes': [() => secretFile('short', '12345678901\n'), /at least 12 bytes .* found 11$/],
  'with more than there may be': [() => secretFile('long', 'x'.repeat(5000)), /at most 1024 bytes, found more$/],
  'with bad hex': [() => secretFile('hex', '0x0102'.padEnd(30, 'g')), /pairs of hexadecimal digits behind 0x/],
};
for (const [name, [make, expected]] of Object.entries(FILES)) {
  test(`a secret in a file ${name} is refused, with its place`, () => {
    const { code, lines } = problemsOf(yaml(`users: [{ name: alice, secret: { file: ${make()} } }]`));
    assert.equal([code, lines.length], ['CONFIG_SECRET', 1]);
    assert.match(lines[0] ?? '', /^lab\.yaml:4:36: targets\[0\]\.users\[0\]\.secret: /);
    assert.match(lines[0] ?? '', expected);
    assert.not.match(lines[0] ?? '', ALICE);
  });
}

test('a secret in the file of another user is refused', () => {
  // Only root can give files away.
  if (process.getuid?.() !== 0) return;
  chownSync(secretFile('foreign', ALICE), 12_345, 12_345);
  assert.match(problemsOf(yaml('users: [{ name: alice, secret: { file: foreign } }]')).lines[0] ?? '', /the file belongs to another user/);
});

test('a variable that is not set, or too short', () => {
  process.env['LUNLOOM_TEST_SHORT'] = 'short';
  const { lines } = problemsOf(yaml('users: [{ name: a, secret: { env: LUNLOOM_TEST_UNSET } }, { name: b, secret: { env: LUNLOOM_TEST_SHORT } }]'));
  assert.match(lines[0] ?? '', /users\[0\]\.secret: the environment variable LUNLOOM_TEST_UNSET is not set$/);
  assert.match(lines[1] ?? '', /users\[1\]\.secret: the environment variable LUNLOOM_TEST_SHORT: expected a secret of at least 12 bytes .* found 5$/);
});

test('one secret in both directions is refused, wherever the two stand (RFC 7143 §9.2.1)', () => {
  const same = 'mutual: { name: lab, secret: { file: alice } }';
  assertLines(yaml(`${USERS}\n${same}`), [
    'lab.yaml:5:34: targets[0].mutual.secret: is the same secret as that of targets[0].users[0]; each direction needs one of its own',
  ]);
  const discovery = 'discovery: { users: [{ name: f, secret: { file: target } }], mutual: { name: lab, secret: { file: alice } } }\n';
  assertLines(yaml(USERS, discovery), [
    'lab.yaml:5:91: discovery.mutual.secret: is the same secret as that of targets[0].users[0]; each direction needs one of its own',
  ]);
  assertLines(yaml(`${USERS}\nmutual: { name: lab, secret: { file: target } }`), []);
});

test('the API is held to the same rules, and a configuration whose secrets are gone is not served', () => {
  const config = resolve(yaml(USERS));
  const [target] = config.targets as [EngineConfig['targets'][number]];
  const withUser = (secret: { file: string }): EngineConfig => ({ ...config, targets: [{ ...target, users: [{ name: 'alice', secret }] }] });
  assert.throws(
    () => loadAccess(withUser({ file: join(folder, 'gone') })),
    (error: unknown) => error instanceof ConfigError && error.code === 'CONFIG_SECRET',
  );
  assert.throws(() => checkEngineConfig({ ...config, targets: [{ ...target, users: [] }] }), /at least one user/);
  assert.throws(() => checkEngineConfig({ ...config, targets: [{ ...target, access: [] }] }), /at least one access rule/);
  assert.throws(() => checkEngineConfig({ ...config, targets: [{ ...target, access: [{}] }] }), /expected initiator, address or user/);
});

test('redirections: something to send elsewhere, a portal that is there, a place that has the form of one', () => {
  const redirects = `portals: [127.0.0.1:0, 127.0.0.2:3260]
redirects:
  - { to: 192.0.2.9 }
  - { portal: 127.0.0.3, to: 192.0.2.9 }
  - { target: ${NAME}, to: "192.0.2.9/24" }
  - { target: ${NAME}, to: "192.0.2.9:0" }
  - { target: ${NAME} }
`;
  assertLines(yaml('', redirects), [
    'lab.yaml:7:5: redirects[0]: expected target, portal or both: what is sent elsewhere',
    'lab.yaml:8:15: redirects[1].portal: 127.0.0.3:3260 is none of the portals',
    'lab.yaml:9:47: redirects[2].to: expected HOST[:PORT] such as 192.0.2.9:3260 or [2001:db8::9]:3260, found "192.0.2.9/24"',
    'lab.yaml:10:47: redirects[3].to: expected a port from 1 to 65535, found "0"',
    'lab.yaml:11:5: redirects[4].to: missing; expected HOST[:PORT] such as 192.0.2.9:3260 or [2001:db8::9]:3260',
  ]);
  const config = resolve(yaml('', 'portals: [127.0.0.2:3260, 127.0.0.1:0]\nredirects: [{ portal: "127.0.0.1:0", to: b.example }]\n'));
  const bound = [
    { address: '127.0.0.2', port: 3260 },
    { address: '127.0.0.1', port: 41234 },
  ];
  assert.equal(redirectRulesOf(config, bound), [{ targetName: undefined, portal: bound[1], host: 'b.example', port: 3260, permanent: false }]);
});

test.run();
