import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ExitCode, exitCodeOf } from '../../cli/exit-codes.js';
import { overlayOptions, type ServeOptions } from '../../cli/overlay.js';
import { defaultWorkerCount } from '../../engine/config/config-document.js';
import type { EngineConfig } from '../../engine/config/engine-config.js';
import { resolveConfig } from '../../engine/config/load-config.js';
import { ConfigError } from '../../engine/config/problem.js';
import { STORE_FORM } from '../../engine/config/store-text.js';
import { parseYamlSource } from '../../engine/config/yaml-source.js';

const ONE_TARGET = `portals: [127.0.0.1:1, 127.0.0.1:2]
execution: inline
targets:
  - name: iqn.2026-11.io.lunloom:file
    luns:
      - { lun: 0, store: "file:a.img", readonly: true }
      - { lun: 1, store: "ram:1MiB" }
`;
const TWO_TARGETS = `targets:
  - { name: iqn.2026-11.io.lunloom:a, luns: [{ lun: 0, store: "ram:1MiB" }] }
  - { name: iqn.2026-11.io.lunloom:b, luns: [{ lun: 0, store: "ram:1MiB" }] }
`;

function resolve(yaml: string | null, options: ServeOptions): EngineConfig {
  const file = yaml === null ? null : parseYamlSource(yaml, '/srv/lab.yaml');
  return resolveConfig(overlayOptions(file, options, '/home/lab'));
}

function failure(yaml: string | null, options: ServeOptions): { lines: string[]; exitCode: number } {
  try {
    resolve(yaml, options);
  } catch (error) {
    if (error instanceof ConfigError) return { lines: error.message.split('\n'), exitCode: exitCodeOf(error) };
    throw error;
  }
  return { lines: [], exitCode: ExitCode.ok };
}

test('nothing said: one target with 1 GiB of memory on loopback', () => {
  assert.equal(resolve(null, {}), {
    portals: [{ address: '127.0.0.1', port: 3260 }],
    targets: [
      { name: 'iqn.2026-11.io.lunloom:demo', luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 1024 ** 3 }, blockLengthBytes: 512, readOnly: false }] },
    ],
    execution: 'auto',
    workerCount: defaultWorkerCount(),
    insecure: false,
    control: 'auto',
    limits: {},
  });
});

test('without a file --lun says all the LUNs, in the order given', () => {
  const config = resolve(null, { lun: ['3=null:1TiB', '1=file:x.img,size=1GiB'], target: 'iqn.2026-11.io.lunloom:mine' });
  assert.is(config.targets[0]?.name, 'iqn.2026-11.io.lunloom:mine');
  assert.equal(config.targets[0]?.luns, [
    { lun: 3, store: { kind: 'null', sizeBytes: 1024 ** 4 }, blockLengthBytes: 512, readOnly: false },
    { lun: 1, store: { kind: 'file', path: '/home/lab/x.img', sizeBytes: 1024 ** 3, direct: false }, blockLengthBytes: 512, readOnly: false },
  ]);
});

test('--portal replaces the portals of the file, all of them', () => {
  assert.equal(resolve(ONE_TARGET, { portal: ['[::1]:0'] }).portals, [{ address: '::1', port: 0 }]);
});

test('--execution, --workers and --insecure replace their keys', () => {
  const config = resolve(ONE_TARGET, { execution: 'pool', workers: '3', insecure: true });
  assert.is(config.execution, 'pool');
  assert.is(config.workerCount, 3);
  assert.is(config.insecure, true);
});

test('--control starts at the working directory, and its words are kept', () => {
  assert.is(resolve(ONE_TARGET, { control: './c.sock' }).control, '/home/lab/c.sock');
  assert.is(resolve(`${ONE_TARGET}control: /x/y.sock\n`, { control: 'off' }).control, 'off');
  assert.is(resolve(`${ONE_TARGET}control: c/y.sock\n`, {}).control, '/srv/c/y.sock');
});

test('--state starts at the working directory, the key of the file at that of the file', () => {
  assert.is(resolve(ONE_TARGET, { state: 'kept' }).state, '/home/lab/kept');
  assert.is(resolve(`${ONE_TARGET}state: /var/kept\n`, { state: '/run/kept' }).state, '/run/kept');
  assert.is(resolve(`${ONE_TARGET}state: kept\n`, {}).state, '/srv/kept');
  assert.is(resolve(ONE_TARGET, {}).state, undefined);
  assert.match(failure(null, { state: '' }).lines[0] ?? '', /^--state : expected the path of a directory, without ~, found/);
  assert.match(failure(`${ONE_TARGET}state: ~/kept\n`, {}).lines[0] ?? '', /state: expected the path of a directory, without ~/);
});

test('--isns names the server and keeps what the file says of the rest', () => {
  assert.equal(resolve(ONE_TARGET, { isns: 'isns.example.com' }).isns, { server: { host: 'isns.example.com', port: 3205 }, refreshSeconds: 120 });
  assert.equal(resolve(`${ONE_TARGET}isns: { server: a, entity: lab, refresh-seconds: 9 }\n`, { isns: '[::1]:1' }).isns, {
    server: { host: '::1', port: 1 },
    entity: 'lab',
    refreshSeconds: 9,
  });
  assert.match(failure(null, { isns: '::1' }).lines[0] ?? '', /^--isns ::1: expected HOST\[:PORT\]/);
  assert.is(resolve(ONE_TARGET, {}).isns, undefined);
});

test('--portal may name the portal group', () => {
  assert.equal(resolve(ONE_TARGET, { portal: ['127.0.0.1:0,2'] }).portals, [{ address: '127.0.0.1', port: 0, portalGroupTag: 2 }]);
});

test('--poll-us sets its limit and keeps the others', () => {
  assert.equal(resolve(null, { pollUs: '50' }).limits, { socketPollMicrosMax: 50 });
  assert.equal(resolve(`${ONE_TARGET}limits: { slotCount: 256, socketPollMicrosMax: 7 }\n`, { pollUs: '0' }).limits, {
    slotCount: 256,
    socketPollMicrosMax: 0,
  });
  assert.match(failure(null, { pollUs: '1s' }).lines[0] ?? '', '--poll-us 1s');
});

test('--lun replaces the LUN of its number whole, or comes behind; --target renames', () => {
  const config = resolve(ONE_TARGET, { lun: ['0=file:a.img', '9=ram:2MiB'], target: 'iqn.2026-11.io.lunloom:renamed' });
  assert.is(config.targets[0]?.name, 'iqn.2026-11.io.lunloom:renamed');
  assert.equal(config.targets[0]?.luns, [
    // readonly of the file's LUN 0 is gone, and the path starts where the command was typed.
    { lun: 0, store: { kind: 'file', path: '/home/lab/a.img', direct: false }, blockLengthBytes: 512, readOnly: false },
    { lun: 1, store: { kind: 'ram', sizeBytes: 1024 ** 2 }, blockLengthBytes: 512, readOnly: false },
    { lun: 9, store: { kind: 'ram', sizeBytes: 2 * 1024 ** 2 }, blockLengthBytes: 512, readOnly: false },
  ]);
});

test('--lun and --target are refused when the file has several targets', () => {
  assert.equal(failure(TWO_TARGETS, { lun: ['1=ram:1MiB'], target: 'iqn.2026-11.io.lunloom:x' }), {
    lines: [
      '--target iqn.2026-11.io.lunloom:x: expected a configuration of one target, found 2; change the file instead',
      '--lun 1=ram:1MiB: expected a configuration of one target, found 2; change the file instead',
    ],
    exitCode: ExitCode.usage,
  });
});

test('problems name the option that they stand in, and are usage errors', () => {
  assert.equal(
    failure(null, {
      portal: ['127.0.0.1', '1.2.3'],
      target: 'disk',
      lun: ['0=ram:1GiB,blocksize=4096', '0=ram:1MiB', '1=rma:1G', 'ram:1GiB', '70000=ram:1MiB', '4=ram:1000'],
      execution: 'pol',
      workers: '-1',
    }),
    {
      lines: [
        '--lun 0=ram:1MiB: LUN 0 is there twice, first as --lun 0=ram:1GiB,blocksize=4096',
        '--lun ram:1GiB: expected N=STORE[,key=value…] such as 0=ram:1GiB or 1=file:/srv/disk.img,readonly',
        '--portal 1.2.3: expected ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260, found "1.2.3"',
        '--target disk: expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1 (iqn.YEAR-MONTH.REVERSED-DOMAIN[:NAME]), found "disk"',
        '--lun 0=ram:1GiB,blocksize=4096: blocksize: unknown key; did you mean "block-size"?',
        `--lun 1=rma:1G: store: expected ${STORE_FORM}, found "rma:1G"; did you mean "ram"?`,
        '--lun 70000=ram:1MiB: lun: expected a whole number from 0 to 16383, found 70000',
        '--execution pol: expected inline, pool or auto, found "pol"; did you mean "pool"?',
        '--workers -1: expected a whole number from 0, found "-1"',
        '--lun 4=ram:1000: store: expected a multiple of the block size of 512 bytes, found 1000 bytes; the next one is 1KiB',
      ],
      exitCode: ExitCode.usage,
    },
  );
});

test('only the malformed --lun is blamed, not an empty list of LUNs', () => {
  assert.equal(failure(null, { lun: ['nonsense'] }).lines, [
    '--lun nonsense: expected N=STORE[,key=value…] such as 0=ram:1GiB or 1=file:/srv/disk.img,readonly',
  ]);
});

test('problems of file and options come together, and make it a configuration error', () => {
  assert.equal(failure(`${ONE_TARGET}insecure: maybe\n`, { workers: 'x' }), {
    lines: ['--workers x: expected a whole number from 0, found "x"', '/srv/lab.yaml:8:11: insecure: expected true or false, found "maybe"'],
    exitCode: ExitCode.configuration,
  });
});

test('an open portal on the command line is refused as configuration, and allowed with --insecure', () => {
  const { lines, exitCode } = failure(null, { portal: ['0.0.0.0:3260'] });
  assert.match(lines[0] ?? '', /^--portal 0\.0\.0\.0:3260: 0\.0\.0\.0:3260 can be reached from other machines/);
  assert.is(exitCode, ExitCode.configuration);
  assert.equal(resolve(null, { portal: ['0.0.0.0:3260'], insecure: true }).portals, [{ address: '0.0.0.0', port: 3260 }]);
});

test('--chap-user takes the place of the users of the one target; its secret is where the command was typed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-overlay-'));
  try {
    const file = join(folder, 'carol');
    writeFileSync(file, 'secret-of-carol-01', { mode: 0o600 });
    assert.equal(resolve(ONE_TARGET, { chapUser: 'carol', chapSecretFile: file }).targets[0]?.users, [{ name: 'carol', secret: { file } }]);
    const open = resolve(null, { portal: ['0.0.0.0:3260'], chapUser: 'carol', chapSecretFile: file });
    assert.equal([open.insecure, open.targets[0]?.users?.length], [false, 1], 'a portal beyond loopback needs no --insecure then');
    const { lines, exitCode } = failure(null, { chapUser: 'carol', chapSecretFile: 'none/carol' });
    assert.equal([lines, exitCode], [['--chap-secret-file none/carol: /home/lab/none/carol: there is no such file'], ExitCode.configuration]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('--chap-user and the place of its secret belong together, once, and to one target', () => {
  assert.equal(failure(null, { chapUser: 'carol' }), {
    lines: ['--chap-user carol: expected --chap-secret-file or --chap-secret-env with it: where its secret is'],
    exitCode: ExitCode.usage,
  });
  assert.match(failure(null, { chapUser: 'carol', chapSecretFile: 'f', chapSecretEnv: 'E' }).lines.join(), 'expected --chap-secret-file or');
  assert.equal(failure(null, { chapSecretEnv: 'E' }).lines, ['--chap-secret-env: expected --chap-user with it']);
  assert.match(failure(TWO_TARGETS, { chapUser: 'carol', chapSecretEnv: 'E' }).lines.join(), 'expected a configuration of one target, found 2');
  assert.equal(failure(null, { chapUser: '', chapSecretEnv: 'LUNLOOM_TEST_UNSET' }).exitCode, ExitCode.usage);
  const { lines } = failure(null, { chapUser: 'carol', chapSecretEnv: 'hunter2, hunter2!' });
  assert.not.match(lines.join(), 'hunter2');
});

test('options over a file that is no mapping leave the complaint to the file', () => {
  assert.match(failure('- a\n', { lun: ['0=ram:1MiB'] }).lines.join(), /^\/srv\/lab\.yaml:1:1: expected a mapping/);
});

test.run();
