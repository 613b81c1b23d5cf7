// test-timeout: 120 s
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlClient } from '../../cli/control-client.js';
import { figuresOf } from '../../cli/stats-figures.js';
import type { StatsResult } from '../../engine/admin/stats-operation.js';
import { Engine } from '../../engine/engine.js';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { LunloomProcess, withLunloom } from '../support/lunloom-process.js';
import { CliChild, runCli } from './cli-child.js';

const TARGET = 'iqn.2026-11.io.lunloom:stats';
const MIB = 1024 * 1024;

const test = suite<{ folder: string }>('stats');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-stats-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

async function login(port: number, targetName: string, lun = 0): Promise<LogicalUnitClient> {
  const unit = new LogicalUnitClient(await Session.login({ host: '127.0.0.1', port, targetName }), lun);
  await unit.clearUnitAttentions();
  return unit;
}

test('an engine counts what it served, inline and by its workers, and tells it over the socket', async ({ folder }) => {
  const control = join(folder, 'c.sock');
  const lun = { store: { kind: 'ram', sizeBytes: MIB }, blockLengthBytes: 512, readOnly: false } as const;
  const luns = [
    { ...lun, lun: 0, execution: 'inline' },
    { ...lun, lun: 1, execution: 'pool' },
  ] as const;
  const engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: TARGET, luns }],
    execution: 'auto',
    workerCount: 1,
    insecure: false,
    control,
    limits: {},
  });
  try {
    const client = await ControlClient.open(control);
    const idle = (await client.request('stats')) as StatsResult;
    assert.equal([idle.eventLoop.delayMicros, idle.sessions, idle.slowest], [null, [], []]);
    const port = engine.portals[0]?.port ?? 0;
    const units = [await login(port, TARGET, 0), await login(port, TARGET, 1)] as const;
    for (let count = 0; count < 20; count++) for (const unit of units) await unit.read(count, 8, 512);
    await units[1].write(0, Buffer.alloc(4096), 512);
    const busy = (await client.request('stats')) as StatsResult;
    const figures = figuresOf(busy, idle, null);
    const inlineRead = figures.units[0]?.commands.find(({ name }) => name.startsWith('READ (1'));
    const poolRead = figures.units[1]?.commands.find(({ name }) => name.startsWith('READ (1'));
    const poolWrite = figures.units[1]?.commands.find(({ name }) => name.startsWith('WRITE'));
    assert.equal([inlineRead?.count, poolRead?.count, poolWrite?.count], [20, 20, 1]);
    assert.is(inlineRead?.stagesMicros.queue.max, 0);
    assert.is(inlineRead?.stagesMicros.return.max, 0);
    assert.ok((inlineRead?.stagesMicros.total.p50 ?? 0) > 0);
    assert.ok((poolRead?.stagesMicros.queue.max ?? 0) + (poolRead?.stagesMicros.return.max ?? 0) > 0, 'a ring takes time');
    assert.ok((poolRead?.stagesMicros.queue.max ?? 0) < 10_000_000, 'the clocks of two threads agree');
    assert.equal(
      busy.sessions.map(({ target, outstandingCount }) => [target, outstandingCount]),
      [
        [TARGET, 0],
        [TARGET, 0],
      ],
    );
    assert.ok(busy.slowest.length > 0 && busy.slowest.every(({ receivedAt, flushedAt }) => receivedAt <= flushedAt));
    assert.equal([busy.ringDepths, busy.slots.free, busy.overflow], [[0], busy.slots.total, null]);
    for (const unit of units) await unit.session.logout();
    client.close();
  } finally {
    await engine.stop({ immediately: true });
  }
  assert.not.ok(existsSync(control));
});

test('lunloom stats prints a page, JSON, and pages one after the other', async ({ folder }) => {
  const control = join(folder, 'c.sock');
  await withLunloom({ args: ['--lun', '0=ram:1MiB', '--control', control] }, async (lunloom) => {
    assert.is(lunloom.events[0]?.['control'], control);
    assert.is(lstatSync(control).mode & 0o777, 0o600);
    const unit = await login(lunloom.port, lunloom.targetName);
    for (let count = 0; count < 50; count++) await unit.read(0, 8, 512);
    const page = await runCli(['stats', '--control', control]);
    assert.equal([page.exitCode, page.stderr], [0, '']);
    assert.match(page.stdout, new RegExp(`^lunloom ${lunloom.pid}, up `));
    assert.match(page.stdout, /\n {2}READ \(1[06]\) +50 /);
    assert.match(page.stdout, '\nsessions: 1\n');
    const json = await runCli(['stats', '--json', '--control', control]);
    const event = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.equal([event['event'], event['processId'], (event['units'] as { count: number }[])[0]?.count], ['stats', lunloom.pid, 52]);
    const watching = new CliChild(['stats', '--watch', '--control', control]);
    await watching.printed(/lunloom[\s\S]*lunloom [\s\S]*sessions: 1\n/);
    watching.signal('SIGINT');
    const end = await watching.ended;
    assert.equal([end.exitCode, end.stderr], [0, '']);
    assert.not.match(end.stdout, '\u001b');
    await unit.session.logout();
  });
  const gone = await runCli(['stats', '--control', control]);
  assert.equal([gone.exitCode, gone.stdout], [6, '']);
  assert.match(gone.stderr, /^lunloom: no target answers at .*c\.sock: ENOENT\n$/);
});

test('a watcher whose target stops says so', async ({ folder }) => {
  const control = join(folder, 'c.sock');
  const lunloom = await LunloomProcess.start({ args: ['--lun', '0=ram:1MiB', '--control', control] });
  const watching = new CliChild(['stats', '--watch', '--json', '--control', control]);
  await watching.printed(/^(\{.*\})\n/);
  await lunloom.stop();
  const end = await watching.ended;
  assert.is(end.exitCode, 6);
  assert.match(end.stderr, 'has gone');
});

test('a target that was killed leaves a socket that the next one removes', async ({ folder }) => {
  const env = { XDG_RUNTIME_DIR: folder };
  const killed = await LunloomProcess.start({ args: ['--lun', '0=ram:1MiB'], env });
  const left = killed.events[0]?.['control'] as string;
  assert.is(left, join(folder, 'lunloom', `${killed.pid}.sock`));
  await killed.kill();
  assert.ok(existsSync(left));
  await withLunloom({ args: ['--lun', '0=ram:1MiB'], env }, async (lunloom) => {
    assert.equal(readdirSync(dirname(left)), [`${lunloom.pid}.sock`]);
  });
  assert.equal(readdirSync(dirname(left)), []);
});

test('no socket is made when it is off, and a path that is taken is an error of its own', async ({ folder }) => {
  await withLunloom({ args: ['--lun', '0=ram:1MiB', '--control', 'off'], env: { XDG_RUNTIME_DIR: folder } }, async (lunloom) => {
    assert.is(lunloom.events[0]?.['control'], null);
    assert.equal(readdirSync(folder), []);
  });
  const control = join(folder, 'c.sock');
  await withLunloom({ args: ['--lun', '0=ram:1MiB', '--control', control] }, async () => {
    const second = await runCli(['serve', '--json', '--portal', '127.0.0.1:0', '--lun', '0=ram:1MiB', '--control', control]);
    assert.equal([second.exitCode, second.stdout], [4, '']);
    assert.match(second.stderr, /^lunloom: .*c\.sock is the control socket of a running target\n$/);
  });
});

test.run();
