import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { defaultWorkerCount, documentOf, readConfigDocument } from '../../../engine/config/config-document.js';
import type { DiskLunConfig, EngineConfig } from '../../../engine/config/engine-config.js';
import { checkEngineConfig, loadConfigFile, resolveConfig } from '../../../engine/config/load-config.js';
import { refuseOpenPortals } from '../../../engine/config/open-portals.js';
import { ConfigError } from '../../../engine/config/problem.js';
import { parseYamlSource } from '../../../engine/config/yaml-source.js';
import { TargetError } from '../../../engine/errors.js';
import { resolveLimits } from '../../../engine/limits.js';

const FULL: EngineConfig = {
  portals: [
    { address: '127.0.0.1', port: 0 },
    { address: '::1', port: 3260, portalGroupTag: 9 },
  ],
  targets: [
    {
      name: 'iqn.2026-11.io.lunloom:one',
      alias: 'número uno',
      luns: [
        { lun: 0, store: { kind: 'ram', sizeBytes: 1024 ** 3 }, blockLengthBytes: 512, readOnly: false },
        {
          lun: 16383,
          store: { kind: 'file', path: '/srv/x, y:z.img', sizeBytes: 10 * 1024 ** 3, direct: true },
          blockLengthBytes: 4096,
          readOnly: true,
          execution: 'pool',
          serial: 'ABC 1',
          vendor: 'VENDOR',
          product: 'A product',
          physicalBlockLengthBytes: 8192,
          thin: false,
          removable: true,
          naa: '600c0ff00012345678123456789abcde',
        },
      ],
    },
    {
      name: 'eui.02004567A425678D',
      portalGroupTags: [1, 9],
      portGroups: [
        { id: 3, portals: [9], state: 'standby', preferred: false },
        { id: 4, portals: [1], state: 'active-optimized', preferred: true },
      ],
      luns: [
        { lun: 4, store: { kind: 'ram', sizeBytes: 1024 ** 2 }, blockLengthBytes: 512, readOnly: false, thin: true, spaceBytes: 2 ** 19, thresholdPercent: 75 },
        { lun: 5, store: { kind: 'null', sizeBytes: 1536 }, blockLengthBytes: 512, readOnly: true, execution: 'inline' },
        { lun: 6, store: { kind: 'file', path: '/srv/b.img', direct: false }, blockLengthBytes: 512, readOnly: false },
      ],
    },
  ],
  execution: 'inline',
  workerCount: 2,
  insecure: false,
  control: '/run/lab.sock',
  state: '/var/lib/lab',
  isns: { server: { host: '::1', port: 3206 }, entity: 'lab', refreshSeconds: 30 },
  limits: { slotCount: 256 },
};

test('the least configuration gets every default', () => {
  const raw = { targets: [{ name: 'iqn.2026-11.io.lunloom:x', luns: [{ lun: 0, store: 'file:disk.img' }] }] };
  assert.equal(readConfigDocument(raw, '/srv/lab').config, {
    portals: [{ address: '127.0.0.1', port: 3260 }],
    targets: [
      {
        name: 'iqn.2026-11.io.lunloom:x',
        luns: [{ lun: 0, store: { kind: 'file', path: '/srv/lab/disk.img', direct: false }, blockLengthBytes: 512, readOnly: false }],
      },
    ],
    execution: 'auto',
    workerCount: defaultWorkerCount(),
    insecure: false,
    control: 'auto',
    limits: {},
  });
});

test('what is printed is read back as the same configuration', () => {
  assert.equal(readConfigDocument(documentOf(FULL), '/').config, FULL);
  assert.equal(resolveConfig(parseYamlSource(stringify(documentOf(FULL)), '/lab.yaml')), FULL);
  // All limits at once, fixed ones too.
  const everyLimit = { ...FULL, limits: resolveLimits() };
  assert.equal(readConfigDocument(documentOf(everyLimit), '/').config, everyLimit);
});

test('a control path starts at the directory of the configuration file, and the API has no socket unless it asks', () => {
  const raw = (control: string) => ({ targets: [{ name: 'iqn.2026-11.io.lunloom:x', luns: [{ lun: 0, store: 'ram:1MiB' }] }], control });
  assert.is(readConfigDocument(raw('run/c.sock'), '/srv/lab').config?.control, '/srv/lab/run/c.sock');
  assert.is(readConfigDocument(raw('off'), '/srv/lab').config?.control, 'off');
  assert.is(readConfigDocument(raw('on'), '/').problems[0]?.message, 'expected auto, off or a path with a slash in it, found "on"');
  const { control: _, ...silent } = FULL;
  assert.is(documentOf(silent)['control'], 'off');
});

test('byte limits take sizes with units', () => {
  const raw = { targets: [{ name: 'iqn.2026-11.io.lunloom:x', luns: [{ lun: 0, store: 'ram:1MiB' }] }], limits: { arenaBytes: '512MiB', slotCount: 512 } };
  assert.equal(readConfigDocument(raw, '/').config?.limits, { arenaBytes: 512 * 1024 ** 2, slotCount: 512 });
});

test('relative files start at the directory of the configuration file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lunloom-config-'));
  try {
    const file = join(directory, 'lab.yaml');
    writeFileSync(file, '\ufefftargets: [{ name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "file:../disk.img" }] }]\r\n');
    const lun = loadConfigFile(file).targets[0]?.luns[0] as DiskLunConfig;
    assert.equal(lun.store, { kind: 'file', path: join(directory, '..', 'disk.img'), direct: false });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('files that cannot be read as a configuration are CONFIG_NOT_READABLE', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lunloom-config-'));
  const file = join(directory, 'lab.yaml');
  const messageOf = (fileName: string): string => {
    try {
      loadConfigFile(fileName);
    } catch (error) {
      if (error instanceof ConfigError) return `${error.code} ${error.message}`;
      throw error;
    }
    return 'none';
  };
  try {
    assert.is(messageOf(file), `CONFIG_NOT_READABLE ${file}: there is no such file`);
    assert.is(messageOf(directory), `CONFIG_NOT_READABLE ${directory}: expected a file, found a directory`);
    writeFileSync(file, `#${' '.repeat(1024 ** 2)}`);
    assert.is(messageOf(file), `CONFIG_NOT_READABLE ${file}: expected at most 1048576 bytes, found more`);
    writeFileSync(file, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
    assert.is(messageOf(file), `CONFIG_NOT_READABLE ${file}: expected UTF-8 text, found other bytes`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a configuration of the API is held against the same rules', () => {
  checkEngineConfig(FULL);
  const [first, second] = FULL.targets;
  const wrong = {
    ...FULL,
    portals: [
      { address: '0.0.0.0', port: 3260, portalGroupTag: 9 },
      { address: '::1', port: 3260 },
    ],
    targets: [first, first, second].filter((target) => target !== undefined),
  };
  try {
    checkEngineConfig(wrong);
    assert.unreachable('two targets of one name');
  } catch (error) {
    assert.instance(error, ConfigError);
    if (!(error instanceof ConfigError)) return;
    assert.is(error.code, 'CONFIG_INVALID');
    assert.equal(
      error.problems.map((problem) => problem.path.join('.')),
      ['portals.0', 'targets.1.name', 'targets.1.luns.1.naa'],
    );
  }
});

test('refuseOpenPortals lets loopback pass, and the rest with insecure only', () => {
  const portals = [
    { address: '127.0.0.1', port: 3260 },
    { address: '::', port: 3260 },
  ];
  const { targets } = readConfigDocument({ targets: [{ name: 'iqn.2026-11.io.lunloom:open', luns: [{ lun: 0, store: 'ram:1MiB' }] }] }, '/')
    .config as EngineConfig;
  refuseOpenPortals({ portals, targets, insecure: true });
  refuseOpenPortals({ portals: portals.slice(0, 1), targets, insecure: false });
  refuseOpenPortals({ portals, targets: targets.map((target) => ({ ...target, access: [{ initiators: ['*'] }] })), insecure: false });
  assert.throws(
    () => refuseOpenPortals({ portals, targets, insecure: false }),
    (error: unknown) => error instanceof TargetError && error.code === 'CONFIG_OPEN_PORTAL' && error.message.startsWith('[::]:3260 can be reached'),
  );
});

test.run();
