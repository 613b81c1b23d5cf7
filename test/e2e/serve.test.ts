// test-timeout: 180 s
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { withLunloom } from '../support/lunloom-process.js';
import { CliChild, runCli } from './cli-child.js';

const DEFAULT_TARGET_PATTERN = /iqn\.[\w.:-]+/;
const LOOPBACK = ['--portal', '127.0.0.1:0'];

const test = suite<{ folder: string }>('serve');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-serve-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

interface ReadyLine {
  readonly event: string;
  readonly portals: readonly string[];
  readonly targets: readonly { readonly name: string; readonly luns: readonly Record<string, unknown>[] }[];
}

/** Runs the program while `use` does, and ends it whatever happens. */
async function withChild(args: readonly string[], use: (child: CliChild) => Promise<void>): Promise<void> {
  const child = new CliChild(args);
  try {
    await use(child);
  } finally {
    await child.kill();
  }
}

function portOf(portal: string): number {
  return Number(portal.slice(portal.lastIndexOf(':') + 1));
}

async function login(port: number, targetName: string, lun = 0): Promise<LogicalUnitClient> {
  const unit = new LogicalUnitClient(await Session.login({ host: '127.0.0.1', port, targetName }), lun);
  await unit.clearUnitAttentions();
  return unit;
}

test('the first line of --json tells the ports that are really bound, and by default LUN 0 is a gibibyte of memory', async () => {
  await withChild(['serve', '--json', ...LOOPBACK, '--portal', '127.0.0.1:0'], async (child) => {
    const [, line] = await child.printed(/^(.*)\n/);
    const ready = JSON.parse(line as string) as ReadyLine;
    assert.is(ready.event, 'ready');
    assert.is(ready.portals.length, 2);
    assert.is(new Set(ready.portals).size, 2);
    const [target] = ready.targets as [ReadyLine['targets'][number]];
    assert.match(target.name, DEFAULT_TARGET_PATTERN);
    assert.equal(target.luns, [{ lun: 0, store: 'ram:1GiB', sizeBytes: 2 ** 30, blockLengthBytes: 512, readOnly: false, execution: 'auto' }]);
    for (const portal of ready.portals) {
      assert.match(portal, /^127\.0\.0\.1:[1-9]\d*$/);
      const unit = await login(portOf(portal), target.name);
      const { lbaCount, blockLengthBytes } = await unit.readCapacity16();
      assert.equal([lbaCount, blockLengthBytes], [2n ** 21n, 512]);
      await unit.session.logout();
    }
    child.signal('SIGTERM');
    const { exitCode, stdout, stderr } = await child.ended;
    assert.is(exitCode, 0);
    assert.is(stderr, '');
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    assert.equal(events.slice(1), [{ event: 'stopping', signal: 'SIGTERM' }, { event: 'stopped' }]);
  });
});

test('without --json a person reads the portal, the name and commands that can be copied', async () => {
  await withChild(['serve', ...LOOPBACK, '--target', 'iqn.2026-11.io.lunloom:newcomer', '--lun', '2=ram:8MiB'], async (child) => {
    await child.printed(/Ctrl-C stops\.\n$/);
    const port = portOf((/127\.0\.0\.1:\d+/.exec(child.stdout) ?? [''])[0]);
    for (const line of [
      'is ready\n',
      `  portal  127.0.0.1:${port}\n`,
      '  target  iqn.2026-11.io.lunloom:newcomer\n',
      '    LUN 2  ram:8MiB',
      `  iscsi-ls -s iscsi://127.0.0.1:${port}\n`,
      `  qemu-img info iscsi://127.0.0.1:${port}/iqn.2026-11.io.lunloom:newcomer/2\n`,
      `  sudo iscsiadm -m discovery -t sendtargets -p 127.0.0.1:${port}\n`,
      `  sudo iscsiadm -m node -T iqn.2026-11.io.lunloom:newcomer -p 127.0.0.1:${port} --login\n`,
    ]) {
      assert.ok(child.stdout.includes(line), `${JSON.stringify(line)} is missing in:\n${child.stdout}`);
    }
    const unit = await login(port, 'iqn.2026-11.io.lunloom:newcomer', 2);
    await unit.session.logout();
    child.signal('SIGINT');
    const { exitCode, stderr } = await child.ended;
    assert.equal([exitCode, stderr], [0, 'stopping, again to stop now\n']);
  });
});

test('a configuration with several targets, LUNs and portals serves all of them on each portal', async ({ folder }) => {
  const [first, second] = ['iqn.2026-11.io.lunloom:first', 'iqn.2026-11.io.lunloom:second'] as const;
  const config = {
    portals: ['127.0.0.1:0', '127.0.0.1:0'],
    workers: 1,
    targets: [
      {
        name: first,
        luns: [
          { lun: 0, store: 'ram:4MiB' },
          { lun: 7, store: 'ram:4MiB', 'block-size': 4096, execution: 'pool' },
        ],
      },
      {
        name: second,
        luns: [
          { lun: 1, store: `file:${join(folder, 'disk.img')}`, size: '2MiB' },
          { lun: 300, store: 'ram:1MiB', readonly: true },
        ],
      },
    ],
  };
  await withLunloom({ config, portals: [] }, async (lunloom) => {
    assert.is(lunloom.portals.length, 2);
    for (const portal of lunloom.portals) {
      const discovery = await Session.login({ host: '127.0.0.1', port: portOf(portal) });
      const targets = await discovery.sendTargets();
      assert.equal(
        targets.map(({ targetName }) => targetName),
        [first, second],
      );
      for (const { targetAddresses } of targets) assert.ok(targetAddresses.some((address) => address.startsWith(`${portal},`)));
      await discovery.logout();
    }
    const [here, there] = lunloom.portals.map(portOf) as [number, number];
    const unit = await login(here, first, 7);
    assert.equal(await unit.reportLuns(), [0, 7]);
    const data = Buffer.alloc(8192, 0x77);
    await unit.write(3, data, 4096);
    // What was written through one portal is read through the other.
    const other = await login(there, first, 7);
    assert.ok((await other.read(3, 2, 4096)).equals(data));
    const neighbour = new LogicalUnitClient(other.session, 0);
    await neighbour.clearUnitAttentions();
    assert.ok((await neighbour.read(0, 64, 512)).equals(Buffer.alloc(64 * 512)));
    const far = await login(there, second, 300);
    assert.equal(await far.reportLuns(), [1, 300]);
    let refused = false;
    await far.write(0, Buffer.alloc(512), 512).catch((error: { sense?: { ascAscq: number } }) => {
      refused = error.sense?.ascAscq === 0x2700;
    });
    assert.ok(refused, 'a LUN that is readonly takes writes');
    for (const { session } of [unit, other, far]) await session.logout();
  });
});

test('what is wrong is said in a line, with an exit code of its own', async ({ folder }) => {
  const missing = await runCli(['serve', ...LOOPBACK, '--lun', `0=file:${join(folder, 'none.img')}`]);
  assert.equal([missing.exitCode, missing.stdout], [5, '']);
  assert.match(missing.stderr, /^lunloom: \S*none\.img does not exist; give it a size to have it created\n$/);

  const open = await runCli(['serve', '--portal', '0.0.0.0:0']);
  assert.equal([open.exitCode, open.stdout], [3, '']);
  assert.match(open.stderr, /^lunloom: --portal 0\.0\.0\.0:0: .*--insecure.*\n$/);

  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const taken = await runCli(['serve', '--json', '--portal', `127.0.0.1:${port}`]);
  server.close();
  assert.equal([taken.exitCode, taken.stdout], [4, '']);
  assert.match(taken.stderr, new RegExp(`^lunloom: [^\\n]*127\\.0\\.0\\.1[^\\n]*${port}[^\\n]*EADDRINUSE[^\\n]*\\n$`));
});

test('what was written without FUA is in the file when the process has stopped', async ({ folder }) => {
  const image = join(folder, 'disk.img');
  const data = Buffer.alloc(1024 * 1024);
  for (let at = 0; at < data.length; at += 4) data.writeUInt32BE(at, at);
  await withLunloom({ args: ['--lun', `0=file:${image},size=2MiB`] }, async (lunloom) => {
    const unit = await login(lunloom.port, lunloom.targetName);
    await unit.write(1024, data, 512);
    await unit.session.logout();
  });
  const bytes = readFileSync(image);
  assert.is(bytes.length, 2 * 1024 * 1024);
  assert.ok(bytes.subarray(1024 * 512, 1024 * 512 + data.length).equals(data));
  assert.ok(bytes.subarray(0, 1024 * 512).every((byte) => byte === 0));
});

test.run();
